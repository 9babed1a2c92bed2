// See the header.
#include "flow/thread_table.h"

namespace tailwhy {

ThreadWork* ThreadTable::look_up(std::uint32_t tid) {
  const auto found = threads_.find(tid);
  if (found == threads_.end()) return nullptr;
  last_ = &found->second;
  return last_;
}

const ThreadWork* ThreadTable::find(std::uint32_t tid) const {
  if (last_ != nullptr && last_->tid == tid) return last_;
  const auto found = threads_.find(tid);
  return found == threads_.end() ? nullptr : &found->second;
}

ThreadWork& ThreadTable::add(std::uint32_t tid) {
  if (threads_.size() >= kMost) {
    threads_.erase(threads_.begin());
    ++forgotten_;
  }
  last_ = &threads_[tid];
  last_->tid = tid;
  return *last_;
}

void ThreadTable::forget(std::uint32_t tid) {
  threads_.erase(tid);
  last_ = nullptr;
}

}  // namespace tailwhy
