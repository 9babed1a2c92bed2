// A fair sample of bounded size from a stream of unknown length: each item has the same chance to
// be kept, whatever comes after it. Deterministic for a seed. Knows nothing of what the items are.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tailwhy {

class Reservoir {
 public:
  struct Item {
    Ns at_ns = 0;
    std::string text;
  };

  Reservoir(std::size_t capacity, std::uint64_t seed) : capacity_(capacity), state_(seed) {}

  /// Counts one item. The place to write it to if it is kept, else null.
  Item* offer() {
    ++seen_;
    if (items_.size() < capacity_) return &items_.emplace_back();
    const std::uint64_t place = capacity_ == 0 ? 0 : below(seen_);
    return place < capacity_ ? &items_[place] : nullptr;
  }

  const std::vector<Item>& items() const { return items_; }
  std::uint64_t seen() const { return seen_; }
  /// How many items each kept one stands for: the weights add up to what was seen.
  double weight() const {
    return items_.empty() ? 0 : static_cast<double>(seen_) / static_cast<double>(items_.size());
  }
  /// Begins anew; the random numbers go on.
  void clear() {
    items_.clear();
    seen_ = 0;
  }

 private:
  // splitmix64: good enough to pick log lines, the same on every machine.
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t z = state_;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  // Uniform below `limit` but for a bias of limit / 2^64.
  std::uint64_t below(std::uint64_t limit) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(Wide{next()} * limit >> 64);
  }

  std::size_t capacity_;
  std::uint64_t state_;
  std::uint64_t seen_ = 0;
  std::vector<Item> items_;
};

}  // namespace tailwhy
