// One direction of a connection: where its bytes stand, and which call moved which of them when.
// Knows nothing of messages.
#pragma once

#include "base/clock.h"
#include "flow/exchange.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tailwhy {

class Stream {
 public:
  /// Offset after the last byte that was seen or skipped.
  [[nodiscard]] std::uint64_t next() const { return next_; }
  void set_next(std::uint64_t offset) { next_ = offset; }

  /// A call moved some bytes: what is returned is to be filled in. Pieces of one call are told
  /// once.
  [[nodiscard]] Call& add_call() {
    newest_ = (newest_ + 1) % kCalls;
    return calls_[newest_];
  }
  [[nodiscard]] const Call& current() const { return calls_[newest_]; }

  /// The call that moved the byte at `offset`, as far as it is remembered; for older bytes the
  /// oldest that is.
  [[nodiscard]] const Call& call_of(std::uint64_t offset) const {
    std::size_t index = newest_;
    for (std::size_t i = 1; i < kCalls && offset < calls_[index].begin; ++i) {
      const std::size_t before = (index + kCalls - 1) % kCalls;
      if (calls_[before].end == 0) break;
      index = before;
    }
    return calls_[index];
  }

  /// Bytes from `offset` on became readable at `at_ns` (0: not known). Told before the call that
  /// delivers them. The last kArrivals of them are kept, which are more than one call has: a
  /// message whose head is read piece by piece is told when its first byte is an earlier call's.
  void add_arrival(std::uint64_t offset, Ns at_ns) {
    arrival_[arrivals_++ % kArrivals] = {offset, at_ns};
  }
  /// When the byte at `offset` became readable; 0: not known.
  [[nodiscard]] Ns arrival_of(std::uint64_t offset) const {
    Ns at_ns = 0;
    std::uint64_t best = 0;
    for (std::size_t i = 0; i < std::min(arrivals_, kArrivals); ++i) {
      if (arrival_[i].offset > offset || arrival_[i].offset < best) continue;
      best = arrival_[i].offset;
      at_ns = arrival_[i].at_ns;
    }
    return at_ns;
  }

 private:
  static constexpr std::size_t kCalls = 4;
  static constexpr std::size_t kArrivals = 16;
  struct Arrival {
    std::uint64_t offset;
    Ns at_ns;
  };
  std::uint64_t next_ = 0;
  std::array<Call, kCalls> calls_;
  std::size_t newest_ = 0;
  std::array<Arrival, kArrivals> arrival_{};
  std::size_t arrivals_ = 0;
};

}  // namespace tailwhy
