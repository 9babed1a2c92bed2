// Where the buckets of our histogram lie, in integers: OpenTelemetry's exponential layout at scale
// 5 over seconds, applied to nanoseconds. Bucket i holds 10^9 * 2^(i/32) < ns <= 10^9 *
// 2^((i+1)/32). Pure tables and index arithmetic; counts live in histogram.h.
#pragma once

#include "base/clock.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tailwhy {

inline constexpr int kBucketScale = 5;
inline constexpr int kBucketsPerOctave = 1 << kBucketScale;
inline constexpr int kFirstBucket = -957;                      ///< holds 1 ns
inline constexpr int kLastBucket = 8 * kBucketsPerOctave - 1;  ///< ends at 2^8 s
inline constexpr std::size_t kBucketCount = kLastBucket - kFirstBucket + 1;

namespace bucket_detail {

// floor(2^63 * 2^(j/32)). The tests hold every bound made from these against exact big integers.
inline constexpr std::uint64_t kOctave[kBucketsPerOctave] = {
    0x8000000000000000, 0x82cd8698ac2ba1d7, 0x85aac367cc487b14, 0x88980e8092da8527,
    0x8b95c1e3ea8bd6e6, 0x8ea4398b45cd53c0, 0x91c3d373ab11c336, 0x94f4efa8fef70961,
    0x9837f0518db8a96f, 0x9b8d39b9d54e5538, 0x9ef5326091a111ad, 0xa27043030c496818,
    0xa5fed6a9b15138ea, 0xa9a15ab4ea7c0ef8, 0xad583eea42a14ac6, 0xb123f581d2ac258f,
    0xb504f333f9de6484, 0xb8fbaf4762fb9ee9, 0xbd08a39f580c36be, 0xc12c4cca66709456,
    0xc5672a115506dadd, 0xc9b9bd866e2f27a2, 0xce248c151f8480e3, 0xd2a81d91f12ae45a,
    0xd744fccad69d6af4, 0xdbfbb797daf23755, 0xe0ccdeec2a94e111, 0xe5b906e77c8348a8,
    0xeac0c6e7dd24392e, 0xefe4b99bdcdaf5cb, 0xf5257d152486cc2c, 0xfa83b2db722a033a,
};

// [k] is floor(10^9 * 2^(i/32)) for i = kFirstBucket + k: what bucket i lies above. An integer is
// above (or not) a real bound exactly as it is above (or not) the floor of it.
constexpr std::array<Ns, kBucketCount + 1> make_bounds() {
  __extension__ using Wide = unsigned __int128;
  std::array<Ns, kBucketCount + 1> bounds{};
  for (std::size_t k = 0; k < bounds.size(); ++k) {
    const int i = kFirstBucket + static_cast<int>(k);
    const int octave = i >> kBucketScale;
    const Wide product = Wide{kNsPerSec} * kOctave[i & (kBucketsPerOctave - 1)];
    bounds[k] = static_cast<Ns>(product >> (63 - octave));
  }
  return bounds;
}
inline constexpr std::array<Ns, kBucketCount + 1> kBounds = make_bounds();

// 64 equal steps an octave are each narrower than a bucket, so a step meets at most one bound: the
// bucket of the first value of the step is right, or the next one is.
inline constexpr int kStepBits = 6;
inline constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
inline constexpr std::size_t kOctavesOfNs = 38;  // 2^37 < 2^8 s in ns < 2^38

constexpr std::array<std::uint16_t, kOctavesOfNs * kSteps> make_guesses() {
  std::array<std::uint16_t, kOctavesOfNs * kSteps> guesses{};
  std::size_t bucket = 0;
  for (std::size_t key = 0; key < guesses.size(); ++key) {
    const Ns first = ((kSteps + key % kSteps) << (key / kSteps)) >> kStepBits;
    while (bucket + 1 < kBucketCount && first > kBounds[bucket + 1]) {
      ++bucket;
    }
    guesses[key] = static_cast<std::uint16_t>(bucket);
  }
  return guesses;
}
inline constexpr std::array<std::uint16_t, kOctavesOfNs* kSteps> kGuesses = make_guesses();

}  // namespace bucket_detail

/// The largest value that lies in a bucket; what is above is counted in the last one.
inline constexpr Ns kMaxBucketNs = bucket_detail::kBounds[kBucketCount];

/// Values in the bucket are above this.
constexpr Ns bucket_lower_ns(int index) {
  return bucket_detail::kBounds[static_cast<std::size_t>(index - kFirstBucket)];
}

/// Values in the bucket are at most this.
constexpr Ns bucket_upper_ns(int index) {
  return bucket_lower_ns(index + 1);
}

/// The bucket of a value above 0; the last one for values above kMaxBucketNs.
constexpr int bucket_index(Ns ns) {
  if (ns > kMaxBucketNs) return kLastBucket;
  const int zeros = std::countl_zero(ns);
  const auto octave = static_cast<std::size_t>(63 - zeros);
  const std::size_t step =
      (ns << zeros) >> (63 - bucket_detail::kStepBits) & (bucket_detail::kSteps - 1);
  const std::size_t guess = bucket_detail::kGuesses[octave * bucket_detail::kSteps + step];
  return static_cast<int>(guess) + kFirstBucket + (ns > bucket_detail::kBounds[guess + 1] ? 1 : 0);
}

}  // namespace tailwhy
