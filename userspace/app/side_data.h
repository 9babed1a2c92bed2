// What belongs to the analysis but is no event: kernel loss counters, failing system calls,
// resources, tailwhy's own cost. All counters are cumulative since the attach. A live run measures
// it each interval; a recording carries it as JSON, so that a replay reports the same.
#pragma once

#include "tailwhy/abi/counters.h"

#include "base/result.h"
#include "model/report.h"
#include "stats/syscall_tally.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

/// Name of the side record that carries it.
inline constexpr std::string_view kSideDataName = "interval";

struct SideData {
  std::array<std::uint64_t, TW_CNT_MAX> counters{};
  bool syscalls_known = false;
  std::vector<SyscallCount> syscalls;
  ResourceUse resources;  // counters since the attach, levels now; network bytes are not set
  bool namespace_known = false;
  std::uint64_t listen_overflows = 0;
  std::uint64_t listen_drops = 0;
  SelfUse self;
  std::uint64_t not_recorded = 0;  // events that the recording had to drop
};

std::string to_json(const SideData& side);
/// Corrupt when it is not what to_json() writes; counters of newer builds are ignored.
Result<SideData> side_data_from_json(std::string_view json);

/// What came between two snapshots: counters are differences, levels those of `now`.
ResourceUse difference(const ResourceUse& before, const ResourceUse& now);

}  // namespace tailwhy
