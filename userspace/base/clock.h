// The two clocks we use, how they relate, and the one way a time of day is written.
// Monotonic nanoseconds are what the kernel stamps (bpf_ktime_get_ns) and what all durations come
// from; wall time is derived, for display only. Keeps no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace tailwhy {

/// Nanoseconds: of CLOCK_MONOTONIC, since 1970, or a length; the name of the variable says which.
using Ns = std::uint64_t;

inline constexpr Ns kNsPerSec = 1'000'000'000;

/// CLOCK_MONOTONIC now.
Ns mono_now() noexcept;

/// Nanoseconds since 1970 (UTC) now.
Ns real_now() noexcept;

/// How to get from monotonic to wall time, and how wrong that may be.
struct ClockOffset {
  std::int64_t realtime_minus_mono_ns = 0;
  std::uint64_t uncertainty_ns = 0;  ///< the true offset at sampling lies within this of ours

  /// The wall time of a monotonic stamp; 0 if that would be before 1970.
  Ns to_real(Ns mono_ns) const noexcept {
    const Ns real = mono_ns + static_cast<Ns>(realtime_minus_mono_ns);
    const bool before_1970 =
        realtime_minus_mono_ns < 0 && static_cast<Ns>(-realtime_minus_mono_ns) > mono_ns;
    return before_1970 ? 0 : real;
  }
};

inline constexpr int kClockSamples = 9;

/// Reads mono, real, mono; the tightest of several brackets wins, so a preemption between two
/// reads spoils only its own bracket. The clocks are passed in for the tests.
template <class Mono, class Real>
ClockOffset sample_clock_offset(Mono mono, Real real, int samples = kClockSamples) {
  ClockOffset best;
  Ns best_width = std::numeric_limits<Ns>::max();
  for (int i = 0; i < samples; ++i) {
    const Ns before = mono();
    const Ns wall = real();
    const Ns after = mono();
    const Ns width = after - before;
    if (width >= best_width) continue;
    best_width = width;
    best.realtime_minus_mono_ns = static_cast<std::int64_t>(wall - (before + width / 2));
    best.uncertainty_ns = width - width / 2;
  }
  return best;
}

/// The offset between the system's clocks. Take it again every second: NTP slews, people set
/// clocks.
ClockOffset sample_clock_offset();

/// Characters that format_rfc3339 writes ("2026-09-14T12:34:56.123456789Z"), no NUL among them.
inline constexpr std::size_t kRfc3339Size = 30;

/// Writes the UTC time of `real_ns` since 1970 to `out` (kRfc3339Size characters); returns its end.
char* format_rfc3339(Ns real_ns, char* out) noexcept;

}  // namespace tailwhy
