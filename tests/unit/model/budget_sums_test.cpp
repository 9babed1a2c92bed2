// Sums by duration: what is in which bucket, and that merging is exact whatever the order.
#include "model/budget_sums.h"

#include "unit/model/budgets.h"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

struct Sample {
  Request request;
  NameIds names;
};

Sample random_sample(std::mt19937& random) {
  const auto upto = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  Parts parts;
  for (unsigned i = upto(5); i > 0; --i) {
    parts.emplace_back(static_cast<Part>(upto(kParts)), Ns{1} << upto(38));
  }
  Sample sample{spent(parts, "/a", static_cast<QueuedWhile>(upto(kQueuedWhile))), {}};
  sample.request.budget.gap = static_cast<Gap>(upto(kGaps));
  sample.request.retransmits = upto(3);
  sample.request.failed_calls = upto(3);
  sample.request.downstream_calls = upto(9);
  if (upto(2) == 0) {
    sample.request.at.established = 1;
    sample.request.at.accepted = 1 + upto(1000);
  }
  if (upto(2) == 0) sample.names.peer = static_cast<std::uint8_t>(upto(kNames));
  if (upto(2) == 0) sample.names.call = static_cast<std::uint8_t>(upto(kNames));
  return sample;
}

}  // namespace

TEST_CASE("budget sums: each request is in the bucket of its duration", "[model][budget]") {
  BudgetSums sums;
  Request request = spent({{Part::Queue, 100}, {Part::Lock, 900}}, "/a", QueuedWhile::Busy);
  request.retransmits = 2;
  request.failed_calls = 3;
  request.downstream_calls = 4;
  request.at.established = 100;
  request.at.accepted = 150;
  sums.add(request);
  sums.add(request);
  request = spent({{Part::OnCpu, 7000}, {Part::Unattributed, 1000}});
  request.budget.gap = Gap::Lost;
  sums.add(request);
  CHECK(sums.requests() == 3);
  std::vector<BudgetTotals> rows;
  sums.for_each_bucket([&](const BudgetSums::Bucket& bucket) {
    rows.push_back(bucket.totals);
    const Ns one = bucket.totals.duration / bucket.totals.requests;
    CHECK(bucket.lower_ns < one);
    CHECK(bucket.upper_ns >= one);
    CHECK(bucket.index == bucket_index(one));
  });
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].requests == 2);
  CHECK(rows[0].duration == 2000);
  CHECK(rows[0].of(Part::Queue) == 200);
  CHECK(rows[0].of(Part::Lock) == 1800);
  CHECK(rows[0].queued == std::array<Ns, kQueuedWhile>{0, 200, 0, 0});
  CHECK(rows[0].retransmits == 4);
  CHECK(rows[0].failed_calls == 6);
  CHECK(rows[0].downstream_calls == 8);
  CHECK(rows[0].accepted == 2);
  CHECK(rows[0].accept_queue == 100);
  CHECK(rows[1].of(Part::OnCpu) == 7000);
  CHECK(rows[1].gaps == std::array<Ns, kGaps>{0, 0, 0, 1000});
  const BudgetTotals all = sums.all();
  CHECK(all.requests == 3);
  CHECK(all.duration == 10'000);
}

TEST_CASE("budget sums: the shortest and the longest durations have a bucket", "[model][budget]") {
  for (const int scale : {kBucketScale, 3}) {
    BudgetSums sums(scale);
    const Ns durations[] = {0, 1, 2, kMaxBucketNs, kMaxBucketNs + 1, 10 * kMaxBucketNs};
    for (const Ns ns : durations)
      sums.add(spent({{Part::OnCpu, ns}}));
    CHECK(sums.requests() == 6);
    Ns before = 0;
    std::uint64_t seen = 0;
    sums.for_each_bucket([&](const BudgetSums::Bucket& bucket) {
      CHECK(bucket.lower_ns >= before);
      CHECK(bucket.upper_ns >= bucket.lower_ns);
      before = bucket.upper_ns;
      seen += bucket.totals.requests;
    });
    CHECK(seen == 6);
    CHECK(before == kMaxBucketNs);
  }
}

TEST_CASE("budget sums: a coarser scale has the same sums in wider buckets", "[model][budget]") {
  BudgetSums fine, coarse(3);
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    const Sample sample = random_sample(random);
    fine.add(sample.request, sample.names);
    coarse.add(sample.request, sample.names);
  }
  CHECK(fine.all() == coarse.all());
  std::size_t fine_rows = 0, coarse_rows = 0;
  fine.for_each_bucket([&](const auto&) { ++fine_rows; });
  coarse.for_each_bucket([&](const auto& bucket) {
    ++coarse_rows;
    if (bucket.lower_ns > 0) {
      CHECK(bucket.lower_ns == bucket_lower_ns(bucket.index * 4));
      CHECK(bucket.upper_ns == bucket_lower_ns(bucket.index * 4 + 4));
    }
  });
  CHECK(fine.coarser(3) == coarse);
  coarse.merge(fine);  // a finer one
  BudgetSums twice(3);
  twice.merge(fine.coarser(3));
  twice.merge(fine.coarser(3));
  CHECK(coarse == twice);
  CHECK(coarse_rows < fine_rows);
  CHECK(coarse.memory_bytes() < fine.memory_bytes());
}

TEST_CASE("budget sums: names have the time of their part, by bucket", "[model][budget]") {
  BudgetSums sums;
  const Request request = spent({{Part::Downstream, 1000}, {Part::Other, 500}});
  sums.add(request, {.peer = 2, .call = 0});
  sums.add(request, {.peer = 2, .call = kOtherName});
  sums.add(request);                                         // nobody's
  sums.add(spent({{Part::OnCpu, 5'000'000}}), {.peer = 3});  // no time
  int rows = 0;
  sums.for_each_bucket([&](const BudgetSums::Bucket& bucket) {
    const NamedTimes named = sums.named(bucket.index);
    if (rows++ == 0) {
      CHECK(named.peers == std::array<Ns, kNames>{0, 0, 2000});
      CHECK(named.calls == std::array<Ns, kNames>{500, 0, 0, 0, 0, 0, 0, 0, 500});
    } else {
      CHECK(named.peers == std::array<Ns, kNames>{});
    }
  });
  CHECK(rows == 2);
}

TEST_CASE("budget sums: merged sums are exactly those of the union", "[model][budget]") {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    const int scale = seed % 2 == 0 ? kBucketScale : 3;
    BudgetSums a(scale), b(scale), both(scale);
    for (int i = 0; i < 300; ++i) {
      const Sample sample = random_sample(random);
      (random() % 3 == 0 ? a : b).add(sample.request, sample.names);
      both.add(sample.request, sample.names);
    }
    BudgetSums other_way = b;
    other_way.merge(a);
    a.merge(b);
    CHECK(a == both);
    CHECK(other_way == both);
    CHECK(a.all() == both.all());
    both.add(spent({{Part::Disk, 12'345}}));
    CHECK_FALSE(a == both);
  }
}
