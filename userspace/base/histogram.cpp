// Growing, merging and reading the histogram; recording is inline in the header.
#include "base/histogram.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace tailwhy {
namespace {

// The window grows by whole chunks: half an octave.
constexpr int kChunk = kBucketsPerOctave / 2;

constexpr int round_down_to_chunk(int index) noexcept {
  return index & ~(kChunk - 1);
}

// The value that stands for all of a bucket: the geometric middle of the integers in it.
Ns middle_of(int index) noexcept {
  const auto low = static_cast<double>(bucket_lower_ns(index) + 1);
  const auto high = static_cast<double>(bucket_upper_ns(index));
  return static_cast<Ns>(std::llround(std::sqrt(low * high)));
}

}  // namespace

// Makes the window reach `index` and returns its slot.
std::size_t Histogram::make_room(int index) {
  int first = round_down_to_chunk(index);
  int end = first + kChunk;
  const std::size_t width = wide_ ? 2 : 1;
  std::size_t moved_by = 0;
  if (!slots_.empty()) {
    first = std::min<int>(first, first_);
    end = std::max(end, first_ + static_cast<int>(bucket_count()));
    moved_by = static_cast<std::size_t>(first_ - first);
  }
  std::vector<std::uint32_t> grown(static_cast<std::size_t>(end - first) * width);
  std::copy(slots_.begin(), slots_.end(),
            grown.begin() + static_cast<std::ptrdiff_t>(moved_by * width));
  slots_ = std::move(grown);
  first_ = static_cast<std::int16_t>(first);
  return static_cast<std::size_t>(index - first);
}

void Histogram::add_wide(std::size_t slot, std::uint64_t weight) {
  if (!wide_) {
    std::vector<std::uint32_t> pairs(slots_.size() * 2);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      pairs[2 * i] = slots_[i];
    }
    slots_ = std::move(pairs);
    wide_ = true;
  }
  const std::uint64_t count = get(slot) + weight;
  slots_[2 * slot] = static_cast<std::uint32_t>(count);
  slots_[2 * slot + 1] = static_cast<std::uint32_t>(count >> 32);
}

void Histogram::merge(const Histogram& other) {
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  zero_count_ += other.zero_count_;
  clamped_count_ += other.clamped_count_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
  other.for_each_bucket([this](const HistogramBucket& b) { add(b.index, b.count); });
}

void Histogram::clear() {
  std::vector<std::uint32_t> slots = std::move(slots_);
  std::fill(slots.begin(), slots.end(), 0);
  const std::int16_t first = first_;
  const bool wide = wide_;
  *this = Histogram();
  slots_ = std::move(slots);
  first_ = first;
  wide_ = wide;
}

Ns Histogram::sum_ns() const noexcept {
  constexpr Ns kMax = std::numeric_limits<Ns>::max();
  return sum_ns_ > kMax ? kMax : static_cast<Ns>(sum_ns_);
}

double Histogram::sum_seconds() const noexcept {
  const auto whole = static_cast<std::uint64_t>(sum_ns_ / kNsPerSec);
  const auto rest = static_cast<std::uint64_t>(sum_ns_ % kNsPerSec);
  return static_cast<double>(whole) + static_cast<double>(rest) / static_cast<double>(kNsPerSec);
}

Ns Histogram::mean_ns() const noexcept {
  return empty() ? 0 : static_cast<Ns>(sum_ns_ / count_);
}

Ns Histogram::percentile(double percent) const noexcept {
  if (empty()) return 0;
  // In integers: 0.999 * 1000 is a little more than 999 in floating point, and ceil makes that
  // 1000.
  constexpr std::uint64_t kPerPercent = 1'000'000;
  const auto millionths = static_cast<std::uint64_t>(
      std::llround(std::clamp(percent, 0.0, 100.0) * static_cast<double>(kPerPercent)));
  constexpr Wide kAll = Wide{100} * kPerPercent;
  const auto rank = static_cast<std::uint64_t>((Wide{count_} * millionths + kAll - 1) / kAll);
  if (rank <= 1) return min_ns();
  if (rank > count_ - std::max<std::uint64_t>(clamped_count_, 1)) return max_ns();
  std::uint64_t seen = zero_count_;
  if (rank <= seen) return 0;
  for (std::size_t slot = 0; slot < bucket_count(); ++slot) {
    seen += get(slot);
    if (rank > seen) continue;
    return std::clamp(middle_of(first_ + static_cast<int>(slot)), min_ns_, max_ns_);
  }
  return max_ns();
}

ExponentialBuckets Histogram::downscale(int to_scale) const {
  assert(to_scale <= kBucketScale && to_scale >= -10);
  const int shift = kBucketScale - to_scale;
  ExponentialBuckets result;
  result.scale = to_scale;
  result.zero_count = zero_count_;
  for_each_bucket([&](const HistogramBucket& b) {
    const int index = b.index >> shift;  // bounds of a coarser scale are bounds of every finer one
    if (result.counts.empty()) result.offset = index;
    const auto slot = static_cast<std::size_t>(index - result.offset);
    if (slot >= result.counts.size()) result.counts.resize(slot + 1);
    result.counts[slot] += b.count;
  });
  return result;
}

std::size_t Histogram::memory_bytes() const noexcept {
  return sizeof(*this) + slots_.capacity() * sizeof(slots_[0]);
}

bool Histogram::operator==(const Histogram& other) const {
  return count_ == other.count_ && sum_ns_ == other.sum_ns_ && min_ns_ == other.min_ns_ &&
         max_ns_ == other.max_ns_ && clamped_count_ == other.clamped_count_ &&
         downscale(kBucketScale) == other.downscale(kBucketScale);
}

}  // namespace tailwhy
