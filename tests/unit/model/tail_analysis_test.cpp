// Slow against typical: which requests are in which group, and that the extras add up.
#include "model/tail_analysis.h"

#include "unit/model/budgets.h"

#include <catch2/catch.hpp>

#include <numeric>
#include <set>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

void add(BudgetSums& sums, int times, const Request& request, NameIds names = {}) {
  for (int i = 0; i < times; ++i)
    sums.add(request, names);
}

// 990 quick requests on the CPU, and 10 that take 100 times as long.
BudgetSums ten_of_a_thousand(const Parts& slow, QueuedWhile queued_while = QueuedWhile::Unknown) {
  BudgetSums sums;
  add(sums, 990, spent({{Part::OnCpu, 10'000}}));
  add(sums, 10, spent(slow, "/a", queued_while));
  return sums;
}

const CauseRow& row_of(const std::vector<CauseRow>& rows, Cause cause) {
  for (const CauseRow& row : rows) {
    if (row.cause == cause) return row;
  }
  FAIL("no such row");
  return rows.front();
}

double sum_of(const TailGroup& group) {
  return std::accumulate(group.causes.begin(), group.causes.end(), 0.0);
}

}  // namespace

TEST_CASE("tail: every part is a cause, the queue four of them", "[model][tail]") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kCauses; ++i) {
    const CauseSpec& spec = spec_of(static_cast<Cause>(i));
    CHECK(spec.cause == static_cast<Cause>(i));
    CHECK_FALSE(spec.waiting.empty());
    CHECK(spec_of(spec.reason).reason == spec.reason);
    names.insert(spec.name);
  }
  CHECK(names.size() == kCauses);
  for (const PartSpec& part : kPartSpecs) {
    CHECK(names.count(part.name) == (part.part == Part::Queue ? 0 : 1));
  }
  CHECK(names.count("queue.busy") == 1);
}

TEST_CASE("tail: typical are the middle ranks, slow the slowest hundredth", "[model][tail]") {
  BudgetSums sums;
  for (Ns i = 1; i <= 1000; ++i)
    sums.add(spent({{Part::OnCpu, i * 1'000'000}}));
  const TailAnalysis tail = analyse_tail(sums);
  CHECK(tail.typical.requests == Approx(200));
  CHECK(tail.typical.duration == Approx(500'500'000).epsilon(0.002));
  CHECK(tail.slow.requests == Approx(10));
  CHECK(tail.slow.duration == Approx(995'500'000).epsilon(0.012));  // inside of one bucket
}

TEST_CASE("tail: at least one request is slow", "[model][tail]") {
  BudgetSums sums;
  add(sums, 9, spent({{Part::OnCpu, 1000}}));
  add(sums, 1, spent({{Part::Lock, 50'000}}));
  const TailGroup slow = slow_of(sums);
  CHECK(slow.requests == Approx(1));
  CHECK(slow.duration == Approx(50'000));
  CHECK(slow.of(Cause::Lock) == Approx(50'000));
  CHECK(analyse_tail(BudgetSums{}).slow.requests == 0);
}

TEST_CASE("tail: a bucket that lies across a bound counts in part", "[model][tail]") {
  BudgetSums sums;
  add(sums, 100, spent({{Part::OnCpu, 1000}}));
  add(sums, 100, spent({{Part::Lock, 2000}}));
  const TailGroup group = requests_of_ranks(sums, 50, 125);
  CHECK(group.requests == Approx(75));
  CHECK(group.duration == Approx((50 * 1000 + 25 * 2000) / 75.0));
  CHECK(group.of(Cause::Lock) == Approx(25 * 2000 / 75.0));
  CHECK(requests_of_ranks(sums, 300, 400).requests == 0);
}

TEST_CASE("tail: with a threshold all requests from it on are slow", "[model][tail]") {
  BudgetSums sums;
  add(sums, 100, spent({{Part::OnCpu, 1'000'000}}));
  add(sums, 60, spent({{Part::Lock, 30'000'000}}));
  const TailGroup slow = slow_of(sums, {.slow_ns = 20'000'000});
  CHECK(slow.requests == Approx(60));
  CHECK(slow.duration == Approx(30'000'000));
  CHECK(slow_of(sums, {.slow_ns = 1}).requests == Approx(160));
  CHECK(slow_of(sums, {.slow_ns = 40'000'000}).requests == 0);

  // Inside of a bucket its upper part counts, as if the durations were evenly spread.
  const int index = bucket_index(30'000'000);
  const Ns lower = bucket_lower_ns(index), upper = bucket_upper_ns(index);
  CHECK(requests_from(sums, lower + 1).requests == Approx(60));
  CHECK(requests_from(sums, upper + 1).requests == 0);
  CHECK(requests_from(sums, (lower + upper) / 2).requests == Approx(30).epsilon(0.001));
}

TEST_CASE("tail: extras add up to the difference, and so do their shares", "[model][tail]") {
  const BudgetSums sums = ten_of_a_thousand({{Part::OnCpu, 5'000},
                                             {Part::Queue, 95'000},
                                             {Part::Lock, 700'000},
                                             {Part::Disk, 150'000},
                                             {Part::Unattributed, 50'000}},
                                            QueuedWhile::Asleep);
  const TailAnalysis tail = analyse_tail(sums);
  CHECK(tail.extra() == Approx(990'000));
  CHECK(sum_of(tail.typical) == Approx(tail.typical.duration));
  CHECK(sum_of(tail.slow) == Approx(tail.slow.duration));
  REQUIRE(tail.causes.size() == kCauses);
  for (const auto& rows : {tail.causes, tail.reasons}) {
    double extra = 0, share = 0;
    for (const CauseRow& row : rows) {
      extra += row.extra;
      share += row.share;
      CHECK(row.share == Approx(row.extra / 990'000));
    }
    CHECK(extra == Approx(990'000));
    CHECK(share == Approx(1));
  }
  CHECK(tail.causes[0].cause == Cause::Lock);
  CHECK(tail.causes[1].cause == Cause::Disk);
  CHECK(tail.causes[2].cause == Cause::QueueAsleep);
  CHECK(tail.causes.back().cause == Cause::OnCpu);  // took less: shown as it is
  CHECK(tail.causes.back().extra == Approx(-5'000));
  CHECK(row_of(tail.causes, Cause::Lock).share == Approx(700.0 / 990));
}

TEST_CASE("tail: no CPU is one reason, before the read and after it", "[model][tail]") {
  const BudgetSums sums =
      ten_of_a_thousand({{Part::Queue, 300'000}, {Part::RunQueue, 200'000}, {Part::Lock, 490'000}},
                        QueuedWhile::WaitedForCpu);
  const TailAnalysis tail = analyse_tail(sums);
  CHECK(tail.causes[0].cause == Cause::Lock);
  CHECK(tail.reasons[0].cause == Cause::RunQueue);
  CHECK(tail.reasons[0].slow == Approx(500'000));
  CHECK(tail.reasons.size() == kCauses - 2);
}

TEST_CASE("tail: other requests are one reason, before the read and after it", "[model][tail]") {
  const BudgetSums sums = ten_of_a_thousand(
      {{Part::Queue, 300'000}, {Part::OtherRequests, 200'000}, {Part::Lock, 490'000}},
      QueuedWhile::Busy);
  const TailAnalysis tail = analyse_tail(sums);
  CHECK(tail.reasons[0].cause == Cause::OtherRequests);
  CHECK(tail.reasons[0].extra == Approx(500'000));
}

TEST_CASE("tail: a queue of which nothing is said is still all there", "[model][tail]") {
  Request request = spent({{Part::Queue, 800'000}, {Part::OnCpu, 200'000}});
  request.budget.queued_ns = {};
  request.budget.queued_ns[static_cast<std::size_t>(QueuedWhile::Busy)] = 100'000;
  BudgetSums sums;
  sums.add(request);
  TailGroup slow = slow_of(sums);
  CHECK(slow.of(Cause::QueueBusy) == Approx(100'000));
  CHECK(slow.of(Cause::QueueUnknown) == Approx(700'000));
  request.budget.queued_ns[static_cast<std::size_t>(QueuedWhile::Busy)] = 900'000;  // too much
  sums = BudgetSums();
  sums.add(request);
  slow = slow_of(sums);
  CHECK(slow.of(Cause::QueueBusy) == Approx(800'000));
  CHECK(slow.of(Cause::QueueUnknown) == 0);
  CHECK(sum_of(slow) == Approx(slow.duration));
}

TEST_CASE("tail: names, gaps and what is no part of the duration are means too", "[model][tail]") {
  BudgetSums sums;
  add(sums, 990, spent({{Part::OnCpu, 10'000}}));
  Request request =
      spent({{Part::Downstream, 600'000}, {Part::Other, 300'000}, {Part::Unattributed, 100'000}});
  request.budget.gap = Gap::HandOff;
  request.retransmits = 3;
  request.failed_calls = 2;
  request.downstream_calls = 4;
  add(sums, 5, request, {.peer = 1, .call = 0});
  request.at.established = 1'000;
  request.at.accepted = 5'000;
  add(sums, 5, request, {.peer = kOtherName, .call = 0});
  const TailGroup slow = slow_of(sums);
  CHECK(slow.peers[1] == Approx(300'000));
  CHECK(slow.peers[kOtherName] == Approx(300'000));
  CHECK(slow.calls[0] == Approx(300'000));
  CHECK(slow.gaps[static_cast<std::size_t>(Gap::HandOff)] == Approx(100'000));
  CHECK(slow.retransmits == Approx(3));
  CHECK(slow.failed_calls == Approx(2));
  CHECK(slow.downstream_calls == Approx(4));
  CHECK(slow.accepted == Approx(5));
  CHECK(slow.accept_queue == Approx(4'000));
}
