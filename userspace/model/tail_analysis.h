// The slowest requests held against typical ones: what of the time that they take longer went
// where. Pure arithmetic on sums; which requests are compared is decided by others (why_slow.h).
#pragma once

#include "model/budget_sums.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tailwhy {

/// The parts of a duration, with the queue split by what the thread did meanwhile. They add up to
/// the duration as the parts do.
enum class Cause : std::uint8_t {
  QueueWaitedForCpu,
  QueueBusy,
  QueueAsleep,
  QueueUnknown,
  OnCpu,
  RunQueue,
  Lock,
  Disk,
  Downstream,
  Client,
  Sleep,
  Poll,
  PageFault,
  Other,
  OtherRequests,
  Unattributed,
};
inline constexpr std::size_t kCauses = 16;

struct CauseSpec {
  Cause cause;
  std::string_view name;     ///< in outputs: "queue.busy", "lock"
  std::string_view waiting;  ///< what the request did: "waiting for a lock"
  /// The same reason, as far as a sentence is concerned: no CPU is no CPU, before or after the
  /// read.
  Cause reason;
};
const CauseSpec& spec_of(Cause cause);

/// Requests of like rank: how many, and their means. All times in ns.
struct TailGroup {
  double requests = 0;  ///< a fraction where a bucket is in it only in part
  double duration = 0;
  std::array<double, kCauses> causes{};
  std::array<double, kGaps> gaps{};    ///< of Unattributed
  std::array<double, kNames> peers{};  ///< of Downstream, by number
  std::array<double, kNames> calls{};  ///< of Other, by number
  double retransmits = 0;
  double failed_calls = 0;
  double downstream_calls = 0;
  double accepted = 0;      ///< of `requests`: those whose time in the accept queue is known
  double accept_queue = 0;  ///< mean of those; clients wait for it, but it is no part of durations

  [[nodiscard]] double of(Cause cause) const { return causes[static_cast<std::size_t>(cause)]; }
};

/// Ranks are counted from 0, the fastest request, to sums.requests(). Of a bucket that lies across
/// a bound each request counts in part.
TailGroup requests_of_ranks(const BudgetSums& sums, double from, double to);
/// Of a bucket that lies across the bound, the part above it, as if its durations were evenly
/// spread.
TailGroup requests_from(const BudgetSums& sums, Ns least_ns);

/// Which requests are slow.
struct TailSpec {
  Ns slow_ns = 0;         ///< those of at least this duration; 0: the slowest ones
  double slowest = 0.01;  ///< this share of all, and at least one
  double typical_from = 0.4;
  double typical_to = 0.6;
};
TailGroup typical_of(const BudgetSums& sums, const TailSpec& spec = {});
TailGroup slow_of(const BudgetSums& sums, const TailSpec& spec = {});

struct CauseRow {
  Cause cause = Cause::Unattributed;
  double typical = 0;
  double slow = 0;
  double extra = 0;  ///< slow - typical; negative where slow requests took less
  double share = 0;  ///< of the difference of the durations; all of them add up to 1
};

struct TailAnalysis {
  TailGroup typical;
  TailGroup slow;
  std::vector<CauseRow> causes;   ///< all, largest extra first
  std::vector<CauseRow> reasons;  ///< the same with equal reasons added up, largest extra first

  [[nodiscard]] double extra() const { return slow.duration - typical.duration; }
};
TailAnalysis compare(const TailGroup& typical, const TailGroup& slow);
TailAnalysis analyse_tail(const BudgetSums& sums, const TailSpec& spec = {});

}  // namespace tailwhy
