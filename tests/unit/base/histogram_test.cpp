// The histogram's promises: exact merge and downscale, bounded percentiles, small memory.
#include "base/histogram.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

using namespace tailwhy;

namespace {

constexpr Ns kUs = 1000;
constexpr Ns kMs = 1'000'000;

// Latencies of many shapes, from 0 to beyond the range.
std::vector<Ns> random_values(std::mt19937_64& random, std::size_t count) {
  std::vector<Ns> values;
  std::lognormal_distribution<double> typical(std::log(2e6), 1.0);
  while (values.size() < count) {
    switch (random() % 8) {
      case 0:
        values.push_back(random() >> (random() % 63 + 1));  // any magnitude, also above 256 s
        break;
      case 1:
        values.push_back(random() % 50);
        break;
      case 2:
        values.push_back(random() % 1000 * kMs);
        break;
      default:
        values.push_back(static_cast<Ns>(typical(random)));
    }
  }
  return values;
}

Histogram histogram_of(const std::vector<Ns>& values) {
  Histogram h;
  for (const Ns ns : values) {
    h.record(ns);
  }
  return h;
}

// OpenTelemetry's definition in floating point; only near a bound could that be wrong.
int otel_index(Ns ns, int scale) {
  const long double exact = (std::log2(static_cast<long double>(ns)) - std::log2(1e9L)) *
                            std::exp2(static_cast<long double>(scale));
  const long double nearest = std::round(exact);
  if (std::fabs(exact - nearest) < 1e-15L) return static_cast<int>(nearest) - 1;  // on the bound
  return static_cast<int>(std::ceil(exact)) - 1;
}

Ns exact_percentile(const std::vector<Ns>& sorted, double percent) {
  const auto millionths = static_cast<std::uint64_t>(std::llround(percent * 1e6));
  const std::uint64_t rank = (sorted.size() * millionths + 99'999'999) / 100'000'000;
  return sorted[std::max<std::uint64_t>(rank, 1) - 1];
}

std::vector<std::pair<int, std::uint64_t>> occupied(const Histogram& h) {
  std::vector<std::pair<int, std::uint64_t>> result;
  h.for_each_bucket([&](const HistogramBucket& b) { result.emplace_back(b.index, b.count); });
  return result;
}

}  // namespace

TEST_CASE("histogram: an empty one answers zero", "[base][histogram]") {
  const Histogram h;
  CHECK(h.empty());
  CHECK(h.count() == 0);
  CHECK(h.min_ns() == 0);
  CHECK(h.max_ns() == 0);
  CHECK(h.sum_ns() == 0);
  CHECK(h.mean_ns() == 0);
  CHECK(h.percentile(50) == 0);
  CHECK(occupied(h).empty());
  CHECK(h.downscale(3).counts.empty());
}

TEST_CASE("histogram: keeps count, sum, min and max exactly", "[base][histogram]") {
  Histogram h;
  h.record(3 * kMs);
  h.record(5 * kMs, 10);
  h.record(7 * kMs, 0);  // weight 0 is nothing
  CHECK(h.count() == 11);
  CHECK(h.sum_ns() == 53 * kMs);
  CHECK(h.sum_seconds() == Approx(0.053));
  CHECK(h.mean_ns() == 53 * kMs / 11);
  CHECK(h.min_ns() == 3 * kMs);
  CHECK(h.max_ns() == 5 * kMs);
}

TEST_CASE("histogram: zero has a count of its own", "[base][histogram]") {
  Histogram h;
  h.record(0, 3);
  h.record(kUs);
  CHECK(h.zero_count() == 3);
  CHECK(h.min_ns() == 0);
  CHECK(h.percentile(75) == 0);
  CHECK(h.percentile(76) == kUs);
  CHECK(occupied(h).size() == 1);
}

TEST_CASE("histogram: values beyond the range are kept, marked and not made smaller",
          "[base][histogram]") {
  Histogram h;
  h.record(kMaxBucketNs);
  h.record(kMaxBucketNs + 1);
  h.record(std::numeric_limits<Ns>::max());
  CHECK(h.clamped_count() == 2);
  CHECK(occupied(h) == std::vector<std::pair<int, std::uint64_t>>{{kLastBucket, 3}});
  CHECK(h.max_ns() == std::numeric_limits<Ns>::max());
  CHECK(h.percentile(0) == kMaxBucketNs);
  CHECK(h.percentile(50) == std::numeric_limits<Ns>::max());
  CHECK(h.sum_ns() == std::numeric_limits<Ns>::max());  // saturates
  CHECK(h.sum_seconds() == Approx(18446744073.7 + 512.0));
}

TEST_CASE("histogram: one value comes back exactly at every percentile", "[base][histogram]") {
  Histogram h;
  h.record(1'234'567, 1000);
  for (double p : {0.0, 0.1, 50.0, 99.9, 100.0}) {
    CHECK(h.percentile(p) == 1'234'567);
  }
}

TEST_CASE("histogram: ranks are not moved by floating point", "[base][histogram]") {
  Histogram h;
  h.record(kMs, 999);
  h.record(kNsPerSec, 1);
  CHECK(h.percentile(99.9) < 2 * kMs);  // rank 999, though 0.999 * 1000 > 999 in doubles
  CHECK(h.percentile(99.901) == kNsPerSec);
  Histogram tens;
  tens.record(kMs, 9);
  tens.record(kNsPerSec, 1);
  CHECK(tens.percentile(90) < 2 * kMs);
  CHECK(tens.percentile(90.000001) == kNsPerSec);
}

TEST_CASE("histogram: a percentile outside 0..100 is the nearest end", "[base][histogram]") {
  Histogram h;
  h.record(kMs);
  h.record(2 * kMs);
  CHECK(h.percentile(-5) == kMs);
  CHECK(h.percentile(1000) == 2 * kMs);
}

TEST_CASE("histogram: percentiles are within 1.1 % and half a nanosecond of the exact ones",
          "[base][histogram]") {
  std::mt19937_64 random(7);
  double worst = 0;
  for (int round = 0; round < 200; ++round) {
    auto values = random_values(random, 1 + random() % 2000);
    const Histogram h = histogram_of(values);
    std::sort(values.begin(), values.end());
    Ns before = 0;
    for (double p : {0.0, 1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
      const Ns exact = exact_percentile(values, p);
      const Ns ours = h.percentile(p);
      INFO("p" << p << " exact " << exact << " ours " << ours);
      CHECK(ours >= before);
      before = ours;
      if (exact > kMaxBucketNs) {
        CHECK(ours == values.back());
        continue;
      }
      const double error = std::abs(static_cast<double>(ours) - static_cast<double>(exact));
      CHECK(error <= static_cast<double>(exact) * 0.011 + 0.5);
      if (exact > 10'000) worst = std::max(worst, error / static_cast<double>(exact));
    }
    CHECK(h.percentile(0) == values.front());
    CHECK(h.percentile(100) == values.back());
  }
  CHECK(worst > 0.009);  // the bound is tight: the test would see a sloppier one
}

TEST_CASE("histogram: merging two equals recording the union", "[base][histogram]") {
  std::mt19937_64 random(8);
  for (int round = 0; round < 100; ++round) {
    const auto a = random_values(random, random() % 500);
    const auto b = random_values(random, random() % 500);
    auto both = a;
    both.insert(both.end(), b.begin(), b.end());
    Histogram merged = histogram_of(a);
    merged.merge(histogram_of(b));
    Histogram other_way = histogram_of(b);
    other_way.merge(histogram_of(a));
    CHECK(merged == histogram_of(both));
    CHECK(other_way == merged);
    CHECK(merged.percentile(99) == histogram_of(both).percentile(99));
  }
}

TEST_CASE("histogram: merging with itself doubles", "[base][histogram]") {
  Histogram h;
  h.record(kUs, 3);
  h.record(kNsPerSec, UINT32_MAX);
  h.merge(h);
  CHECK(h.count() == 2 * (3 + std::uint64_t{UINT32_MAX}));
  CHECK(occupied(h).back().second == 2 * std::uint64_t{UINT32_MAX});
}

TEST_CASE("histogram: counters go beyond 32 bits", "[base][histogram]") {
  Histogram h;
  h.record(kUs, 5);
  h.record(kMs, UINT32_MAX);
  h.record(kMs);
  h.record(kUs, std::uint64_t{1} << 40);
  h.record(kNsPerSec);  // grows while wide
  h.record(10);
  const auto buckets = occupied(h);
  REQUIRE(buckets.size() == 4);
  CHECK(buckets[0].second == 1);
  CHECK(buckets[1].second == 5 + (std::uint64_t{1} << 40));
  CHECK(buckets[2].second == std::uint64_t{1} << 32);
  CHECK(buckets[3].second == 1);
  Histogram narrow;
  narrow.record(kMs);
  narrow.merge(h);
  CHECK(narrow.count() == h.count() + 1);
}

TEST_CASE("histogram: downscaling equals recording at the coarser scale", "[base][histogram]") {
  std::mt19937_64 random(9);
  for (int scale : {5, 4, 3, 2, 1, 0, -1, -4, -10}) {
    std::vector<Ns> values = random_values(random, 2000);
    std::replace_if(
        values.begin(), values.end(), [](Ns ns) { return ns > kMaxBucketNs; }, kMs);
    for (int octave = -29; octave <= 8; ++octave) {  // bounds that all scales share
      const Ns bound = octave < 0 ? kNsPerSec >> -octave : kNsPerSec << octave;
      values.push_back(bound);
      if (bound < kMaxBucketNs) values.push_back(bound + 1);
    }
    ExponentialBuckets expected;
    expected.scale = scale;
    int first = std::numeric_limits<int>::max();
    int last = std::numeric_limits<int>::min();
    for (const Ns ns : values) {
      if (ns == 0) continue;
      first = std::min(first, otel_index(ns, scale));
      last = std::max(last, otel_index(ns, scale));
    }
    expected.offset = first;
    expected.counts.resize(static_cast<std::size_t>(last - first) + 1);
    for (const Ns ns : values) {
      if (ns == 0) {
        ++expected.zero_count;
      } else {
        ++expected.counts[static_cast<std::size_t>(otel_index(ns, scale) - first)];
      }
    }
    INFO("scale " << scale);
    CHECK(histogram_of(values).downscale(scale) == expected);
  }
}

TEST_CASE("histogram: buckets come in order and account for every value", "[base][histogram]") {
  std::mt19937_64 random(10);
  const auto values = random_values(random, 5000);
  const Histogram h = histogram_of(values);
  std::uint64_t counted = h.zero_count();
  Ns above = 0;
  h.for_each_bucket([&](const HistogramBucket& b) {
    CHECK(b.lower_ns >= above);
    CHECK(b.lower_ns < b.upper_ns);
    const auto inside = std::count_if(values.begin(), values.end(), [&](Ns ns) {
      return ns > b.lower_ns && (ns <= b.upper_ns || b.index == kLastBucket);
    });
    CHECK(b.count == static_cast<std::uint64_t>(inside));
    counted += b.count;
    above = b.upper_ns;
  });
  CHECK(counted == h.count());
}

TEST_CASE("histogram: clear forgets the values, equality ignores the memory", "[base][histogram]") {
  Histogram h;
  h.record(kUs, std::uint64_t{1} << 33);
  h.record(kNsPerSec);
  const std::size_t memory = h.memory_bytes();
  h.clear();
  CHECK(h == Histogram());
  CHECK(h.memory_bytes() == memory);
  h.record(kMs);
  Histogram fresh;
  fresh.record(kMs);
  CHECK(h == fresh);
  fresh.record(kMs);
  CHECK_FALSE(h == fresh);
}

TEST_CASE("histogram: idle ones are tiny, typical ones small, full ones bounded",
          "[base][histogram]") {
  CHECK(Histogram().memory_bytes() < 100);
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> latency(std::log(1e6), 1.0);
  Histogram typical;
  for (int i = 0; i < 100'000; ++i) {
    typical.record(static_cast<Ns>(latency(random)));
  }
  CHECK(typical.memory_bytes() < 2048);
  Histogram full;
  for (int i = kFirstBucket; i <= kLastBucket; ++i) {
    full.record(bucket_upper_ns(i) > 0 ? bucket_upper_ns(i) : 1);
  }
  CHECK(full.memory_bytes() < 5 * 1024);
  full.record(1, std::uint64_t{1} << 33);
  CHECK(full.memory_bytes() < 10 * 1024);
}
