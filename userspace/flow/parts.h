// Sums of time by part, as threads and connections keep them. Plain arithmetic.
#pragma once

#include "model/budget.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace tailwhy {

/// Nanoseconds by Part; Part::Queue and Part::OtherRequests are not used for threads.
class Parts {
 public:
  Ns& operator[](Part part) { return ns_[static_cast<std::size_t>(part)]; }
  Ns operator[](Part part) const { return ns_[static_cast<std::size_t>(part)]; }

  Parts& operator+=(const Parts& other) {
    for (std::size_t i = 0; i < kParts; ++i)
      ns_[i] += other.ns_[i];
    return *this;
  }
  /// Saturates at 0 in each part.
  Parts& operator-=(const Parts& other) {
    for (std::size_t i = 0; i < kParts; ++i)
      ns_[i] = ns_[i] > other.ns_[i] ? ns_[i] - other.ns_[i] : 0;
    return *this;
  }
  friend Parts operator-(const Parts& a, const Parts& b) {
    Parts difference;
    for (std::size_t i = 0; i < kParts; ++i)
      difference.ns_[i] = a.ns_[i] > b.ns_[i] ? a.ns_[i] - b.ns_[i] : 0;
    return difference;
  }

  [[nodiscard]] Ns sum() const {
    Ns all = 0;
    for (const Ns part : ns_)
      all += part;
    return all;
  }
  /// Takes time away, from the largest part first, until no more than `most` is left. Gives the
  /// sum.
  Ns trim(Ns most) {
    const Ns all = sum();
    if (all <= most) return all;
    take_away(all - most);
    return most;
  }

  [[nodiscard]] const std::array<Ns, kParts>& ns() const { return ns_; }

 private:
  void take_away(Ns over);

  std::array<Ns, kParts> ns_{};
};

/// Everything that a connection's requests are differences of: taken at each of its calls.
struct Account {
  Parts time;
  std::uint32_t failed_calls = 0;
  std::uint32_t retransmits = 0;
  std::uint32_t downstream_calls = 0;
  std::uint32_t zero_windows = 0;
};

}  // namespace tailwhy
