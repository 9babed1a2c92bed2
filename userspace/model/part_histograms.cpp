// See the header.
#include "model/part_histograms.h"

namespace tailwhy {

Histogram& PartHistograms::histogram(std::size_t part) {
  std::uint8_t& place = places_[part];
  if (place == kNoPlace) {
    place = static_cast<std::uint8_t>(histograms_.size());
    histograms_.emplace_back();
  }
  return histograms_[place];
}

void PartHistograms::add(const Budget& budget, std::uint64_t count) {
  for (std::size_t i = 0; i < kParts; ++i) {
    if (budget.ns[i] > 0) histogram(i).record(budget.ns[i], count);
  }
}

void PartHistograms::merge(const PartHistograms& other) {
  for (std::size_t i = 0; i < kParts; ++i) {
    if (other.places_[i] != kNoPlace) histogram(i).merge(other.histograms_[other.places_[i]]);
  }
}

Histogram PartHistograms::of(Part part, std::uint64_t requests) const {
  Histogram all = is_zero(part) ? Histogram() : histograms_[place(part)];
  all.record(0, requests - all.count());
  return all;
}

std::size_t PartHistograms::memory_bytes() const {
  std::size_t bytes = (histograms_.capacity() - histograms_.size()) * sizeof(Histogram);
  for (const Histogram& histogram : histograms_)
    bytes += histogram.memory_bytes();
  return bytes;
}

}  // namespace tailwhy
