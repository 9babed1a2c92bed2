// One direction of a connection: where its bytes stand, and which call moved which of them when.
// Knows nothing of messages.
#pragma once

#include "base/clock.h"
#include "flow/exchange.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tailwhy {

class Stream {
 public:
  /// Offset after the last byte that was seen or skipped.
  [[nodiscard]] std::uint64_t next() const { return next_; }
  void set_next(std::uint64_t offset) { next_ = offset; }

  /// The other side has spoken since the last call.
  void begin_turn() {
    if (in_turn_ == 0) return;
    if (newest_ >= kFirst) calls_[first_] = more_[newest_ - kFirst];
    first_ = kFirst - 1 - first_;
    in_turn_ = 0;
  }
  /// A call moved some bytes: what is returned is to be filled in. Pieces of one call are told
  /// once.
  [[nodiscard]] Call& add_call() {
    newest_ = in_turn_ == 0 ? first_ : kFirst + (in_turn_ - 1) % kMore;
    ++in_turn_;
    if (newest_ < kFirst) return calls_[newest_];
    if (more_.empty()) more_.resize(kMore);
    return more_[newest_ - kFirst];
  }
  [[nodiscard]] const Call& current() const {
    return newest_ < kFirst ? calls_[newest_] : more_[newest_ - kFirst];
  }

  /// The call that moved the byte at `offset`, as far as it is remembered; for older bytes the
  /// oldest that is.
  [[nodiscard]] const Call& call_of(std::uint64_t offset) const {
    if (offset >= current().begin) return current();
    const Call* found = nullptr;
    const Call* oldest = &current();
    const auto look_at = [&](const Call& call) {
      if (call.end == 0) return;
      if (call.begin < oldest->begin) oldest = &call;
      if (call.begin <= offset && (found == nullptr || call.begin > found->begin)) found = &call;
    };
    std::for_each(calls_.begin(), calls_.end(), look_at);
    std::for_each(more_.begin(), more_.end(), look_at);
    return found != nullptr ? *found : *oldest;
  }

  /// Bytes from `offset` on became readable at `at_ns` (0: not known). Told before the call that
  /// delivers them. The last kArrivals of them are kept, which are more than one call has: a
  /// message whose head is read piece by piece is told when its first byte is an earlier call's.
  void add_arrival(std::uint64_t offset, Ns at_ns) {
    if (arrival_.empty()) arrival_.resize(kArrivals);
    std::size_t at = arrivals_++;
    for (; at > 0 && at + kArrivals > arrivals_ && arrival(at - 1).offset > offset; --at)
      arrival(at) = arrival(at - 1);
    arrival(at) = {offset, at_ns};
  }
  /// When the byte at `offset` became readable; 0: not known.
  [[nodiscard]] Ns arrival_of(std::uint64_t offset) const {
    for (std::size_t at = arrivals_; at > 0 && at + kArrivals > arrivals_; --at) {
      const Arrival& a = arrival_[(at - 1) % kArrivals];
      if (a.offset <= offset) return a.at_ns;
    }
    return 0;
  }

 private:
  // The first call of this turn and the last of the one before by turns, then those that follow in
  // this turn: two places are in use where a turn is a call, which nearly all are.
  static constexpr std::size_t kFirst = 2;
  static constexpr std::size_t kMore = 2;
  static constexpr std::size_t kArrivals = 16;
  struct Arrival {
    std::uint64_t offset;
    Ns at_ns;
  };
  Arrival& arrival(std::size_t at) { return arrival_[at % kArrivals]; }

  std::uint64_t next_ = 0;
  std::array<Call, kFirst> calls_;
  std::vector<Call> more_;  // kMore once one is needed: there may be many connections
  std::size_t newest_ = 0;
  std::size_t first_ = 0;
  std::size_t in_turn_ = 0;       // calls
  std::vector<Arrival> arrival_;  // kArrivals in the order of their offsets, once there is one
  std::size_t arrivals_ = 0;
};

}  // namespace tailwhy
