#include "flow/stack_samples.h"

namespace tailwhy {

void StackSamples::add(const tw_ev_stack& stack) {
  if (latest_.size() > capacity_) forget_old_threads();
  const std::uint64_t number = next_++;
  if (samples_.size() < capacity_) samples_.emplace_back();
  std::uint64_t& latest = latest_[stack.tid];
  StackSample& sample = at(number);
  sample = {};
  sample.stack = stack;
  sample.begin = stack.hdr.ts_ns;
  sample.end = stack.hdr.ts_ns;
  sample.over = stack.kind == TW_STACK_CPU;
  sample.before = latest;
  latest = number;
}

void StackSamples::forget_old_threads() {
  std::erase_if(latest_, [this](const auto& row) { return row.second + capacity_ < next_; });
}

void StackSamples::end_sleep(std::uint32_t tid, Ns began, Ns ended, Part part) {
  for_each_since(tid, began, [&](StackSample& sample) {
    if (sample.over || sample.begin != began) return sample.begin > began;
    sample.end = ended;
    sample.part = part;
    sample.over = true;
    return false;
  });
}

}  // namespace tailwhy
