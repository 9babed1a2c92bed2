// What the kernel counts for the calling thread, and how long calls took by the wall and by those
// counts: what is left of the wall time is what the thread really slept. Knows no requests.
#pragma once

#include "clock.h"

#include <cstdint>

namespace workload {

struct Use {
  Ns cpu = 0;        // CLOCK_THREAD_CPUTIME_ID
  Ns run_queue = 0;  // runnable and not running (schedstat; 0 where the kernel has none)
  std::uint64_t switches = 0;
  std::uint64_t preempted = 0;
  std::uint64_t major_faults = 0;

  static Use of_this_thread();
};
Use operator-(const Use& end, const Use& begin);
void operator+=(Use& sum, const Use& more);

/// What calls took. `cpu` and `run_queue` are those of the calling thread in them; of a wait that
/// is no call both are 0.
struct Took {
  Ns wall = 0;
  Ns cpu = 0;
  Ns run_queue = 0;
  Ns idle = 0;  // of an event loop's wait: how long the loop slept meanwhile
};
Took operator-(const Took& end, const Took& begin);
void operator+=(Took& sum, const Took& more);

/// Runs from when it is made, just before a call; `wall` is the innermost.
class Watch {
 public:
  Watch();
  [[nodiscard]] Took stop() const;
  [[nodiscard]] Ns begin() const { return begin_.wall; }

 private:
  Took begin_;
};

}  // namespace workload
