// What tailwhy itself costs: CPU time and memory of our own process.
// The run time of the eBPF programs is not part of it: they run in the context of the target.
#pragma once

#include "base/clock.h"
#include "base/result.h"

namespace tailwhy {

/// Since the start of this process.
struct OwnUsage {
  Ns cpu_user_ns = 0;
  Ns cpu_system_ns = 0;
  std::uint64_t rss_bytes = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  Ns cpu_ns() const noexcept { return cpu_user_ns + cpu_system_ns; }
};

/// Reads the numbers of the calling process, all its threads.
Result<OwnUsage> read_own_usage();

}  // namespace tailwhy
