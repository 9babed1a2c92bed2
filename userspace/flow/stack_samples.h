// The last places in the code where threads slept or ran, thread by thread, bounded: what is too
// old makes room, and is counted when somebody asks for it. Knows nothing of requests, files or
// symbols.
#pragma once

#include "tailwhy/abi/events.h"

#include "model/budget.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace tailwhy {

/// What a thread did from `begin` to `end`, and where in its code.
struct StackSample {
  tw_ev_stack stack;  ///< as the kernel side told it
  Ns begin = 0;
  Ns end = 0;  ///< of a sleep that is over, or of the period that a sample of the CPU stands for
  Part part = Part::OnCpu;
  bool over = false;  ///< false: still asleep
  bool owner_known = false;
  std::uint64_t owner = 0;   ///< connection that the thread worked for
  std::uint64_t before = 0;  ///< number of the thread's sample before it, plus one; 0: none
};

class StackSamples {
 public:
  explicit StackSamples(std::size_t capacity = kCapacity) : capacity_(capacity) {}

  /// A thread goes to sleep, or was met on a CPU.
  void add(const tw_ev_stack& stack);
  /// Its sleep that began at `began` is over.
  void end_sleep(std::uint32_t tid, Ns began, Ns ended, Part part);

  /// Calls f(StackSample&) for the thread's samples that may lie behind `from`, latest first, until
  /// it returns false. False: older ones are gone that may lie there, too.
  template <class F>
  bool for_each_since(std::uint32_t tid, Ns from, F&& f) {
    const auto found = latest_.find(tid);
    if (found == latest_.end()) return true;
    for (std::uint64_t number = found->second; number != 0;) {
      if (number + capacity_ < next_) return false;
      StackSample& sample = at(number);
      if (sample.over && sample.end <= from) return true;
      if (!f(sample)) return true;
      number = sample.before;
    }
    return true;
  }

 private:
  static constexpr std::size_t kCapacity = 16384;  // about 18 MB, as they are needed

  void forget_old_threads();

  // numbers begin at 1
  StackSample& at(std::uint64_t number) { return samples_[(number - 1) % capacity_]; }

  std::size_t capacity_;
  std::vector<StackSample> samples_;
  std::uint64_t next_ = 1;
  std::unordered_map<std::uint32_t, std::uint64_t> latest_;  // of each thread
};

}  // namespace tailwhy
