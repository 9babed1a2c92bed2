// At which threads a connection's work was, and when: the last places, merged where it stayed.
// Plain values; the Ledger writes them.
#pragma once

#include "base/clock.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tailwhy {

/// At `tid` from then on.
struct Hop {
  std::uint32_t tid = 0;
  Ns from = 0;
};

/// The way of work from thread to thread since the last call on its connection. When it is too long
/// the last place is the one that counts.
class Hops {
 public:
  Hops() = default;
  Hops(std::initializer_list<Hop> hops) {
    for (const Hop& hop : hops)
      add(hop);
  }
  [[nodiscard]] Hops then(Hop hop) const {
    Hops longer = *this;
    longer.add(hop);
    return longer;
  }
  [[nodiscard]] const Hop* begin() const { return hops_.data(); }
  [[nodiscard]] const Hop* end() const { return hops_.data() + count_; }

 private:
  void add(Hop hop) {
    count_ = std::min(count_ + 1, hops_.size());
    hops_[count_ - 1] = hop;
  }
  std::array<Hop, 4> hops_;
  std::size_t count_ = 0;
};

struct Stay {
  std::uint32_t tid = 0;
  Ns from = 0;
  Ns until = 0;
};

class Stays {
 public:
  void add(std::uint32_t tid, Ns from, Ns until) {
    if (tid == 0 || until <= from) return;
    if (!stays_.empty() && stays_.back().tid == tid && stays_.back().until == from) {
      stays_.back().until = until;
      return;
    }
    if (stays_.size() == kMost) stays_.erase(stays_.begin());
    stays_.push_back({tid, from, until});
  }
  void add(const Hops& hops, Ns from, Ns until) {
    for (const Hop* hop = hops.begin(); hop != hops.end(); ++hop) {
      add(hop->tid, std::max(hop->from, from), hop + 1 == hops.end() ? until : (hop + 1)->from);
    }
  }
  [[nodiscard]] auto begin() const { return stays_.begin(); }
  [[nodiscard]] auto end() const { return stays_.end(); }

 private:
  static constexpr std::size_t kMost = 64;
  std::vector<Stay> stays_;
};

}  // namespace tailwhy
