// The threads that the Ledger follows: bounded, and what is forgotten is counted.
#pragma once

#include "flow/thread_work.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace tailwhy {

class ThreadTable {
 public:
  /// No process has so many threads at work; whichever is forgotten begins anew with its next
  /// record.
  static constexpr std::size_t kMost = 4096;

  /// Null: nothing is known of it. Valid until the next call of get() or forget().
  [[nodiscard]] ThreadWork* find(std::uint32_t tid) {
    return last_ != nullptr && last_->tid == tid ? last_ : look_up(tid);
  }
  [[nodiscard]] const ThreadWork* find(std::uint32_t tid) const;
  ThreadWork& get(std::uint32_t tid) {
    ThreadWork* known = find(tid);
    return known != nullptr ? *known : add(tid);
  }
  void forget(std::uint32_t tid);

  /// Since the beginning, for want of space.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  ThreadWork* look_up(std::uint32_t tid);
  ThreadWork& add(std::uint32_t tid);

  std::unordered_map<std::uint32_t, ThreadWork> threads_;
  ThreadWork* last_ = nullptr;  // asked for: records come in runs of one thread
  std::uint64_t forgotten_ = 0;
};

}  // namespace tailwhy
