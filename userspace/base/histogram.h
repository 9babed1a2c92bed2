// The one histogram type: exponential buckets of fixed bounds (histogram_buckets.h), so that
// merging is integer addition and two hosts' files give exactly the histogram of the union. Knows
// nothing of what is measured or how it is exported.
#pragma once

#include "base/clock.h"
#include "base/histogram_buckets.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tailwhy {

/// Buckets at some scale as OpenTelemetry has them: counts[k] is of bucket `offset + k`.
struct ExponentialBuckets {
  int scale = kBucketScale;
  int offset = 0;  ///< of the first occupied bucket; 0 if none is
  std::vector<std::uint64_t> counts;
  std::uint64_t zero_count = 0;

  bool operator==(const ExponentialBuckets&) const = default;
};

/// One occupied bucket: lower_ns < value <= upper_ns.
struct HistogramBucket {
  int index;
  Ns lower_ns;
  Ns upper_ns;  ///< of the last bucket too, though what was clamped lies above
  std::uint64_t count;
};

/// Counts of durations from 1 ns to 2^8 s (zero and longer ones apart). Grows with the range of
/// what it saw: 96 bytes when empty, 4 bytes a bucket after that. Copies are snapshots.
class Histogram {
 public:
  /// Adds `weight` observations of `ns`. The sum of all weights must stay below 2^64.
  void record(Ns ns, std::uint64_t weight = 1) {
    if (weight == 0) return;
    count_ += weight;
    sum_ns_ += Wide{ns} * weight;
    if (ns < min_ns_) min_ns_ = ns;
    if (ns > max_ns_) max_ns_ = ns;
    if (ns == 0) {
      zero_count_ += weight;
      return;
    }
    if (ns > kMaxBucketNs) clamped_count_ += weight;
    add(bucket_index(ns), weight);
  }

  /// Adds everything `other` has seen; exact.
  void merge(const Histogram& other);

  /// Forgets all values but keeps the memory, for the next interval.
  void clear();

  std::uint64_t count() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  std::uint64_t zero_count() const noexcept { return zero_count_; }
  /// Values above 2^8 s; they are also in the count of the last bucket.
  std::uint64_t clamped_count() const noexcept { return clamped_count_; }

  /// Exact; 0 when empty.
  Ns min_ns() const noexcept { return empty() ? 0 : min_ns_; }
  Ns max_ns() const noexcept { return max_ns_; }
  /// Kept exactly (in 128 bits); the result saturates at 2^64-1 ns, which is 584 years.
  Ns sum_ns() const noexcept;
  double sum_seconds() const noexcept;
  /// Rounded down; 0 when empty.
  Ns mean_ns() const noexcept;

  /// The value of nearest rank ceil(percent/100 * count), percent in [0, 100] taken to six
  /// decimals. First and last rank are exact (min and max); any other is the geometric middle of
  /// its bucket: within 1.1 % of the true value, plus 0.5 ns of rounding. A rank among the clamped
  /// values gives max. 0 when empty.
  Ns percentile(double percent) const noexcept;

  /// Calls f(const HistogramBucket&) for each occupied bucket, in rising order. Zeros are not in
  /// it.
  template <class F>
  void for_each_bucket(F&& f) const {
    const std::size_t size = bucket_count();
    for (std::size_t slot = 0; slot < size; ++slot) {
      const std::uint64_t count = get(slot);
      if (count == 0) continue;
      const int index = first_ + static_cast<int>(slot);
      f(HistogramBucket{index, bucket_lower_ns(index), bucket_upper_ns(index), count});
    }
  }

  /// The same counts at a coarser scale (5 or less, at least -10), merged exactly.
  ExponentialBuckets downscale(int to_scale) const;

  /// Bytes used, this object included.
  std::size_t memory_bytes() const noexcept;

  /// Equal when they saw the same counts, sum, min and max, whatever their memory looks like.
  bool operator==(const Histogram& other) const;

 private:
  __extension__ using Wide = unsigned __int128;

  std::size_t bucket_count() const noexcept { return wide_ ? slots_.size() / 2 : slots_.size(); }

  std::uint64_t get(std::size_t slot) const noexcept {
    if (!wide_) return slots_[slot];
    return slots_[2 * slot] | std::uint64_t{slots_[2 * slot + 1]} << 32;
  }

  void add(int index, std::uint64_t weight) {
    // below first_ the difference wraps to a huge number, so one comparison is enough
    auto slot = static_cast<std::size_t>(index) - static_cast<std::size_t>(first_);
    if (slot >= bucket_count()) slot = make_room(index);
    if (!wide_ && weight <= UINT32_MAX - slots_[slot]) {
      slots_[slot] += static_cast<std::uint32_t>(weight);
    } else {
      add_wide(slot, weight);
    }
  }

  void add_wide(std::size_t slot, std::uint64_t weight);
  std::size_t make_room(int index);

  Wide sum_ns_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t zero_count_ = 0;
  std::uint64_t clamped_count_ = 0;
  Ns min_ns_ = UINT64_MAX;
  Ns max_ns_ = 0;
  // A dense window of counters from bucket first_ on. Four bytes each, until one of them overflows:
  // then all are pairs of slots, low half first.
  std::vector<std::uint32_t> slots_;
  std::int16_t first_ = 0;
  bool wide_ = false;
};

}  // namespace tailwhy
