// See the header.
#include "model/tail_analysis.h"

#include <algorithm>

namespace tailwhy {
namespace {

// What the request did is as in kPartSpecs, but for the queue, of which more is known here.
constexpr std::string_view waiting_of(Part part) {
  return kPartSpecs[static_cast<std::size_t>(part)].waiting;
}

constexpr std::array<CauseSpec, kCauses> kCauseSpecs{{
    {Cause::QueueWaitedForCpu, "queue.waited_for_cpu", "unread while the thread waited for a CPU",
     Cause::RunQueue},
    {Cause::QueueBusy, "queue.busy", "unread while the thread was busy", Cause::OtherRequests},
    {Cause::QueueAsleep, "queue.asleep", "unread while the thread slept", Cause::QueueAsleep},
    {Cause::QueueUnknown, "queue.unknown", "unread in the socket", Cause::QueueUnknown},
    {Cause::OnCpu, "on_cpu", waiting_of(Part::OnCpu), Cause::OnCpu},
    {Cause::RunQueue, "run_queue", waiting_of(Part::RunQueue), Cause::RunQueue},
    {Cause::Lock, "lock", waiting_of(Part::Lock), Cause::Lock},
    {Cause::Disk, "disk", waiting_of(Part::Disk), Cause::Disk},
    {Cause::Downstream, "downstream", waiting_of(Part::Downstream), Cause::Downstream},
    {Cause::Client, "client", waiting_of(Part::Client), Cause::Client},
    {Cause::Sleep, "sleep", waiting_of(Part::Sleep), Cause::Sleep},
    {Cause::Poll, "poll", waiting_of(Part::Poll), Cause::Poll},
    {Cause::PageFault, "page_fault", waiting_of(Part::PageFault), Cause::PageFault},
    {Cause::Other, "other", waiting_of(Part::Other), Cause::Other},
    {Cause::OtherRequests, "other_requests", waiting_of(Part::OtherRequests), Cause::OtherRequests},
    {Cause::Unattributed, "unattributed", waiting_of(Part::Unattributed), Cause::Unattributed},
}};

constexpr std::size_t kFirstAfterQueue = kQueuedWhile;
static_assert(kCauses == kParts - 1 + kQueuedWhile);

// Sums of which some count only in part.
class Mean {
 public:
  void add(const BudgetSums& sums, const BudgetSums::Bucket& bucket, double weight) {
    if (weight <= 0) return;
    const BudgetTotals& t = bucket.totals;
    const auto part_of = [weight](std::uint64_t n) { return static_cast<double>(n) * weight; };
    sum_.requests += part_of(t.requests);
    sum_.duration += part_of(t.duration);
    add_queue(t, weight);
    for (std::size_t i = 1; i < kParts; ++i)
      sum_.causes[i - 1 + kFirstAfterQueue] += part_of(t.parts[i]);
    for (std::size_t i = 0; i < kGaps; ++i)
      sum_.gaps[i] += part_of(t.gaps[i]);
    const NamedTimes named = sums.named(bucket.index);
    for (std::size_t i = 0; i < kNames; ++i) {
      sum_.peers[i] += part_of(named.peers[i]);
      sum_.calls[i] += part_of(named.calls[i]);
    }
    sum_.retransmits += part_of(t.retransmits);
    sum_.failed_calls += part_of(t.failed_calls);
    sum_.downstream_calls += part_of(t.downstream_calls);
    sum_.accepted += part_of(t.accepted);
    sum_.accept_queue += part_of(t.accept_queue);
  }

  [[nodiscard]] TailGroup take() const {
    TailGroup mean = sum_;
    if (mean.requests <= 0) return {};
    const auto divide = [&](auto& times) {
      for (double& time : times)
        time /= sum_.requests;
    };
    mean.duration /= sum_.requests;
    divide(mean.causes);
    divide(mean.gaps);
    divide(mean.peers);
    divide(mean.calls);
    mean.retransmits /= sum_.requests;
    mean.failed_calls /= sum_.requests;
    mean.downstream_calls /= sum_.requests;
    mean.accept_queue = sum_.accepted > 0 ? sum_.accept_queue / sum_.accepted : 0;
    return mean;
  }

 private:
  // What is said of the queue may be less than all of it, never more: the causes have to add up.
  void add_queue(const BudgetTotals& t, double weight) {
    const Ns all = t.of(Part::Queue);
    Ns known = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(QueuedWhile::Unknown); ++i) {
      const Ns ns = std::min(t.queued[i], all - known);
      known += ns;
      sum_.causes[i] += static_cast<double>(ns) * weight;
    }
    sum_.causes[static_cast<std::size_t>(Cause::QueueUnknown)] +=
        static_cast<double>(all - known) * weight;
  }

  TailGroup sum_;
};

std::vector<CauseRow> ranked(std::vector<CauseRow> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const CauseRow& a, const CauseRow& b) { return a.extra > b.extra; });
  return rows;
}

}  // namespace

const CauseSpec& spec_of(Cause cause) {
  return kCauseSpecs[static_cast<std::size_t>(cause)];
}

TailGroup requests_of_ranks(const BudgetSums& sums, double from, double to) {
  Mean mean;
  double seen = 0;
  sums.for_each_bucket([&](const BudgetSums::Bucket& bucket) {
    const auto count = static_cast<double>(bucket.totals.requests);
    const double inside = std::min(to, seen + count) - std::max(from, seen);
    mean.add(sums, bucket, inside / count);
    seen += count;
  });
  return mean.take();
}

TailGroup requests_from(const BudgetSums& sums, Ns least_ns) {
  Mean mean;
  sums.for_each_bucket([&](const BudgetSums::Bucket& bucket) {
    if (bucket.upper_ns < least_ns) return;
    // The bucket holds the integers from lower_ns + 1 on.
    const bool all = bucket.lower_ns + 1 >= least_ns;
    const auto above = static_cast<double>(bucket.upper_ns - least_ns + 1);
    mean.add(sums, bucket,
             all ? 1 : above / static_cast<double>(bucket.upper_ns - bucket.lower_ns));
  });
  return mean.take();
}

TailGroup typical_of(const BudgetSums& sums, const TailSpec& spec) {
  const auto all = static_cast<double>(sums.requests());
  return requests_of_ranks(sums, all * spec.typical_from, all * spec.typical_to);
}

TailGroup slow_of(const BudgetSums& sums, const TailSpec& spec) {
  if (spec.slow_ns > 0) return requests_from(sums, spec.slow_ns);
  const auto all = static_cast<double>(sums.requests());
  return requests_of_ranks(sums, all - std::max(1.0, all * spec.slowest), all);
}

TailAnalysis compare(const TailGroup& typical, const TailGroup& slow) {
  TailAnalysis analysis{typical, slow, {}, {}};
  const double all = analysis.extra();
  std::array<CauseRow, kCauses> by_reason{};
  for (const CauseSpec& spec : kCauseSpecs) {
    CauseRow row{spec.cause, typical.of(spec.cause), slow.of(spec.cause), 0, 0};
    row.extra = row.slow - row.typical;
    row.share = all > 0 ? row.extra / all : 0;
    analysis.causes.push_back(row);
    CauseRow& reason = by_reason[static_cast<std::size_t>(spec.reason)];
    reason.typical += row.typical;
    reason.slow += row.slow;
    reason.extra += row.extra;
    reason.share += row.share;
  }
  for (const CauseSpec& spec : kCauseSpecs) {
    if (spec.reason != spec.cause) continue;
    CauseRow& reason = by_reason[static_cast<std::size_t>(spec.cause)];
    reason.cause = spec.cause;
    analysis.reasons.push_back(reason);
  }
  analysis.causes = ranked(std::move(analysis.causes));
  analysis.reasons = ranked(std::move(analysis.reasons));
  return analysis;
}

TailAnalysis analyse_tail(const BudgetSums& sums, const TailSpec& spec) {
  return compare(typical_of(sums, spec), slow_of(sums, spec));
}

}  // namespace tailwhy
