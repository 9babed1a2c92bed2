// One direction of a connection: where its bytes stand, and which call moved which of them when.
// Knows nothing of messages.
#pragma once

#include "base/clock.h"
#include "flow/exchange.h"

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
    newest_ = 1 - newest_;
    return calls_[newest_];
  }
  [[nodiscard]] const Call& current() const { return calls_[newest_]; }

  /// The call that moved the byte at `offset`, as far as it is remembered: the current call or the
  /// one before; for older bytes the one before.
  [[nodiscard]] const Call& call_of(std::uint64_t offset) const {
    const Call& last = calls_[1 - newest_];
    return offset >= current().begin || last.end == 0 ? current() : last;
  }

  /// Bytes from `offset` on became readable at `at_ns` (0: not known). Told before the call that
  /// delivers them; at most kArrivals of them are kept, the later ones are dropped.
  void add_arrival(std::uint64_t offset, Ns at_ns) {
    if (arrivals_ < kArrivals) arrival_[arrivals_++] = {offset, at_ns};
  }
  void clear_arrivals() { arrivals_ = 0; }
  /// When the byte at `offset` became readable; 0: not known.
  [[nodiscard]] Ns arrival_of(std::uint64_t offset) const {
    Ns at_ns = 0;
    std::uint64_t best = 0;
    for (std::size_t i = 0; i < arrivals_; ++i) {
      if (arrival_[i].offset > offset || arrival_[i].offset < best) continue;
      best = arrival_[i].offset;
      at_ns = arrival_[i].at_ns;
    }
    return at_ns;
  }

 private:
  static constexpr std::size_t kArrivals = 10;
  struct Arrival {
    std::uint64_t offset;
    Ns at_ns;
  };
  std::uint64_t next_ = 0;
  std::array<Call, 2> calls_;
  std::size_t newest_ = 0;
  std::array<Arrival, kArrivals> arrival_{};
  std::size_t arrivals_ = 0;
};

}  // namespace tailwhy
