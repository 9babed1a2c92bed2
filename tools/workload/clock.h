// CLOCK_MONOTONIC as everything here stamps it: the clock that tailwhy's records use, so that the
// truth of a server, of a client and of the tracer can be compared stamp by stamp.
#pragma once

#include <cstdint>
#include <time.h>

namespace workload {

using Ns = std::uint64_t;

inline constexpr Ns kNsPerUs = 1'000;
inline constexpr Ns kNsPerMs = 1'000'000;
inline constexpr Ns kNsPerSec = 1'000'000'000;

inline Ns clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<Ns>(now.tv_sec) * kNsPerSec + static_cast<Ns>(now.tv_nsec);
}

inline Ns now_ns() {
  return clock_ns(CLOCK_MONOTONIC);
}

/// Sleeps until `deadline`: an absolute sleep does not drift when a signal interrupts it.
inline void sleep_until(Ns deadline) {
  const timespec at{.tv_sec = static_cast<time_t>(deadline / kNsPerSec),
                    .tv_nsec = static_cast<long>(deadline % kNsPerSec)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

}  // namespace workload
