// The time of one thread without holes: on a CPU, waiting for one, asleep by cause. Sums since it
// is known, and the last stretches one by one, so that a moment that has just passed can be asked
// for. Knows nothing of connections but the number that a stretch belongs to.
#pragma once

#include "flow/parts.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tailwhy {

/// Whom a stretch belongs to: a connection's id, or one of these.
inline constexpr std::uint64_t kNobody = 0;
/// It will be told by the thread's next socket call.
inline constexpr std::uint64_t kUndecided = ~std::uint64_t{0};

struct Stretch {
  Ns begin = 0;
  Ns end = 0;
  std::uint64_t owner = kNobody;
  Part part = Part::OnCpu;
};

/// Time of a thread that was not work, up to some moment.
struct Waits {
  Ns run_queue = 0;
  Ns poll = 0;
  Ns client = 0;
  Ns unattributed = 0;

  friend Waits operator-(const Waits& a, const Waits& b) {
    return {a.run_queue - b.run_queue, a.poll - b.poll, a.client - b.client,
            a.unattributed - b.unattributed};
  }
};

class ThreadTime {
 public:
  /// So many stretches are remembered one by one: 100 ms of a thread that is preempted at each
  /// tick, several times over.
  static constexpr std::size_t kRemembered = 256;
  static_assert(std::has_single_bit(kRemembered));

  /// Nothing is known of it before.
  [[nodiscard]] bool known() const { return last_ != 0; }
  [[nodiscard]] Ns known_from() const { return known_from_; }
  /// Known up to here; on a CPU since.
  [[nodiscard]] Ns last() const { return last_; }
  [[nodiscard]] const Parts& sums() const { return sums_; }

  void begin(Ns at) { known_from_ = last_ = at; }
  /// The time from last() to `end`; nothing if that is not later.
  Stretch add(Ns end, Part part, std::uint64_t owner);
  /// Stretches that were undecided belong to `owner`.
  void decide(std::uint64_t owner);

  /// The sums as they were at `at`, or will be if it is still on its CPU. None: too long ago.
  [[nodiscard]] std::optional<Parts> sums_at(Ns at) const;
  /// The stretches that are remembered begin here; last() if there is none.
  [[nodiscard]] Ns remembered_from() const {
    return stretches_.empty() ? last_ : at(stretches_.size() - 1).begin;
  }
  /// From some moment up to `at`, which is one that is remembered. In steps by the logarithm of
  /// what is remembered: two of these say what the thread did between two moments.
  [[nodiscard]] Waits waits_at(Ns at) const;
  /// Whom it worked for at `at`; `now`: for whom it works since last().
  [[nodiscard]] std::uint64_t owner_at(Ns at, std::uint64_t now) const;

  /// Calls f(const Stretch&) for the stretches that end after `from`, latest first. Those before
  /// the first that is remembered are not told.
  template <class F>
  void for_each_since(Ns from, F&& f) const {
    for (std::size_t i = 0; i < stretches_.size(); ++i) {
      const Stretch& stretch = at(i);
      if (stretch.end <= from) return;
      f(stretch);
    }
  }

 private:
  [[nodiscard]] std::size_t place_of(Ns at) const;
  // 0: the latest
  [[nodiscard]] const Stretch& at(std::size_t back) const {
    return stretches_[(next_ - 1 - back) % kRemembered];
  }

  Ns known_from_ = 0;
  Ns last_ = 0;
  Parts sums_;
  std::vector<Stretch> stretches_;  // a ring once it is full
  std::vector<Waits> waits_;        // of the thread's whole time, at the end of each
  std::size_t next_ = 0;
  mutable std::size_t found_ = 0;  // by place_of()
};

}  // namespace tailwhy
