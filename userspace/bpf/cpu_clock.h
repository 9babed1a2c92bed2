// Running a program whenever a CPU's clock has gone on for a while: a software event per CPU, which
// libbpf's generic attach cannot make. Knows nothing of what the program does.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "bpf/link.h"

#include <vector>

namespace tailwhy {

/// How often on each CPU that is not idle. No divisor of a second: a program that does something
/// every millisecond would always be met in the same place.
inline constexpr Ns kCpuClockPeriodNs = kNsPerSec / 199;

/// One link for each CPU that is online.
Result<std::vector<LinkHandle>> attach_to_cpu_clocks(const bpf_program* program);

}  // namespace tailwhy
