// Distributions of the parts of some requests' budgets: those parts that any of them had. Zeros are
// not recorded, because most parts of most requests are: who reads a distribution adds them.
#pragma once

#include "base/histogram.h"
#include "model/budget.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tailwhy {

class PartHistograms {
 public:
  PartHistograms() { places_.fill(kNoPlace); }

  /// Each part that is not zero, of `count` requests that had this budget.
  void add(const Budget& budget, std::uint64_t count = 1);
  /// Exact.
  void merge(const PartHistograms& other);

  /// The distribution over `requests`, which are those that were added; zeros included.
  [[nodiscard]] Histogram of(Part part, std::uint64_t requests) const;
  /// None of the requests had it.
  [[nodiscard]] bool is_zero(Part part) const { return place(part) == kNoPlace; }

  /// Bytes used beyond this object.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr std::uint8_t kNoPlace = 0xff;

  [[nodiscard]] std::uint8_t place(Part part) const {
    return places_[static_cast<std::size_t>(part)];
  }
  Histogram& histogram(std::size_t part);

  std::array<std::uint8_t, kParts> places_;  // part -> histogram
  std::vector<Histogram> histograms_;
};

}  // namespace tailwhy
