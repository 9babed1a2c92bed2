// The bucket bounds against exact big integers, and the index against a plain search of the bounds.
#include "base/histogram_buckets.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using namespace tailwhy;

namespace {

// Just enough of big numbers: little-endian 32-bit limbs without leading zeros.
using Big = std::vector<std::uint32_t>;

Big trimmed(Big x) {
  while (!x.empty() && x.back() == 0) {
    x.pop_back();
  }
  return x;
}

Big big(std::uint64_t x) {
  return trimmed({static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(x >> 32)});
}

Big multiply(const Big& a, const Big& b) {
  Big product(a.size() + b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      carry += std::uint64_t{a[i]} * b[j] + product[i + j];
      product[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    product[i + b.size()] = static_cast<std::uint32_t>(carry);
  }
  return trimmed(product);
}

Big power32(std::uint64_t x) {
  Big result = big(x);
  for (int i = 0; i < 5; ++i) {
    result = multiply(result, result);
  }
  return result;
}

Big times_two_to(const Big& x, int exponent) {
  Big two_to(static_cast<std::size_t>(exponent / 32) + 1);
  two_to.back() = std::uint32_t{1} << (exponent % 32);
  return multiply(x, two_to);
}

bool less_or_equal(const Big& a, const Big& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return !std::lexicographical_compare(b.rbegin(), b.rend(), a.rbegin(), a.rend());
}

// ns <= 10^9 * 2^(i/32), without any rounding: both sides to the power of 32.
bool at_most_bound(std::uint64_t ns, int i) {
  const Big left = power32(ns);
  const Big right = power32(kNsPerSec);
  if (i >= 0) return less_or_equal(left, times_two_to(right, i));
  return less_or_equal(times_two_to(left, -i), right);
}

// Plain search: the first bucket whose upper bound is not below ns.
int searched_index(Ns ns) {
  const auto& bounds = bucket_detail::kBounds;
  const auto upper = std::lower_bound(bounds.begin() + 1, bounds.end(), ns);
  if (upper == bounds.end()) return kLastBucket;
  return kFirstBucket + static_cast<int>(upper - bounds.begin()) - 1;
}

}  // namespace

TEST_CASE("buckets: the big numbers of this test are right", "[base][histogram]") {
  CHECK(power32(2) == times_two_to(big(1), 32));
  CHECK(power32(65536) == times_two_to(big(1), 512));
  CHECK(multiply(big(0xFFFFFFFFFFFFFFFF), big(0xFFFFFFFFFFFFFFFF)) ==
        Big{1, 0, 0xFFFFFFFE, 0xFFFFFFFF});
  CHECK(less_or_equal(big(5), big(5)));
  CHECK(less_or_equal(big(5), big(1ULL << 40)));
  CHECK_FALSE(less_or_equal(big(1ULL << 40), big(5)));
}

TEST_CASE("buckets: every bound is the exact floor of 10^9 * 2^(i/32)", "[base][histogram]") {
  for (int i = kFirstBucket; i <= kLastBucket + 1; ++i) {
    const Ns bound = bucket_lower_ns(i);
    INFO("bound " << i << " = " << bound);
    CHECK(at_most_bound(bound, i));
    CHECK_FALSE(at_most_bound(bound + 1, i));
  }
}

TEST_CASE("buckets: the range is 1 ns to 256 s", "[base][histogram]") {
  CHECK(bucket_index(1) == kFirstBucket);
  CHECK(bucket_lower_ns(kFirstBucket) == 0);
  CHECK(kMaxBucketNs == 256 * kNsPerSec);
  CHECK(bucket_index(kMaxBucketNs) == kLastBucket);
  CHECK(bucket_index(kMaxBucketNs + 1) == kLastBucket);
  CHECK(bucket_index(std::numeric_limits<Ns>::max()) == kLastBucket);
}

TEST_CASE("buckets: the upper bound is inclusive, as OpenTelemetry has it", "[base][histogram]") {
  CHECK(bucket_index(kNsPerSec) == -1);  // (2^-(1/32), 1] s
  CHECK(bucket_index(kNsPerSec + 1) == 0);
  CHECK(bucket_index(2 * kNsPerSec) == 31);
  CHECK(bucket_index(2 * kNsPerSec + 1) == 32);
}

TEST_CASE("buckets: the index is right around every bound", "[base][histogram]") {
  for (int i = kFirstBucket; i <= kLastBucket + 1; ++i) {
    const Ns bound = bucket_lower_ns(i);
    for (Ns ns = bound > 2 ? bound - 2 : 1; ns <= bound + 2; ++ns) {
      INFO(ns);
      CHECK(bucket_index(ns) == searched_index(ns));
    }
    if (bound > 0 && i <= kLastBucket && bucket_upper_ns(i) > bound) {
      CHECK(bucket_index(bound) < i);
      CHECK(bucket_index(bound + 1) == i);
    }
  }
}

TEST_CASE("buckets: the index is right at both ends of every guessing step", "[base][histogram]") {
  for (int octave = 0; octave < 38; ++octave) {
    for (Ns step = 64; step < 128; ++step) {
      const Ns first = (step << octave) >> 6;
      const Ns last = (((step + 1) << octave) >> 6) - 1;
      if (first == 0) continue;
      INFO(first);
      CHECK(bucket_index(first) == searched_index(first));
      if (last >= first) CHECK(bucket_index(last) == searched_index(last));
    }
  }
}

TEST_CASE("buckets: the index is right for all small and many random values", "[base][histogram]") {
  std::size_t wrong = 0;
  for (Ns ns = 1; ns < 300'000; ++ns) {
    if (bucket_index(ns) != searched_index(ns)) ++wrong;
  }
  std::mt19937_64 random(6);
  for (int i = 0; i < 1'000'000; ++i) {
    const Ns ns = (random() >> (random() % 64)) | 1;
    if (bucket_index(ns) != searched_index(ns)) ++wrong;
  }
  CHECK(wrong == 0);
}
