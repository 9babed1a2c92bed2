// Budgets added up by duration, so that the requests of any rank can be compared with those of any
// other: one row of sums for each bucket of the duration. Merging is integer addition and gives
// exactly the sums of the union. Knows nothing of what is compared, or why.
#pragma once

#include "base/histogram_buckets.h"
#include "model/budget.h"
#include "model/request.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tailwhy {

inline constexpr std::size_t kGaps = 4;

/// Names that requests have in common (budget_stats.h) are kept by number: this many, and then one
/// for all others.
inline constexpr std::size_t kMostNames = 8;
inline constexpr std::size_t kOtherName = kMostNames;
inline constexpr std::size_t kNames = kMostNames + 1;
inline constexpr std::uint8_t kNoName = 0xff;

/// The sums of some requests.
struct BudgetTotals {
  std::uint64_t requests = 0;
  Ns duration = 0;
  std::array<Ns, kParts> parts{};
  std::array<Ns, kQueuedWhile> queued{};  ///< of the part Queue
  std::array<Ns, kGaps> gaps{};           ///< of the part Unattributed
  std::uint64_t retransmits = 0;
  std::uint64_t failed_calls = 0;
  std::uint64_t downstream_calls = 0;
  std::uint64_t accepted = 0;  ///< requests whose time in the accept queue is known
  Ns accept_queue = 0;         ///< of those; not part of the duration

  /// So many requests of which this is one.
  void add(const Request& request, std::uint64_t count = 1);
  void add(const BudgetTotals& other);
  [[nodiscard]] Ns of(Part part) const { return parts[static_cast<std::size_t>(part)]; }
  bool operator==(const BudgetTotals&) const = default;
};

/// Whom a request waited for, by number; kNoName: nobody.
struct NameIds {
  std::uint8_t peer = kNoName;  ///< takes the part Downstream
  std::uint8_t call = kNoName;  ///< takes the part Other
};

/// Time of one name by number, in ns.
struct NamedTimes {
  std::array<Ns, kNames> peers{};
  std::array<Ns, kNames> calls{};
};

class BudgetSums {
 public:
  /// With the buckets of histograms.
  BudgetSums() = default;
  /// With coarser ones: `scale` is that of histograms or less.
  explicit BudgetSums(int scale) : shift_(kBucketScale - scale) {}

  /// Adds a request with a known budget, or `count` that are the same. Allocates only for a bucket
  /// that is new.
  void add(const Request& request, NameIds names = {}, std::uint64_t count = 1);

  /// Adds everything `other` has, of the same scale or a finer one; exact.
  void merge(const BudgetSums& other);

  /// The same with coarser buckets: `scale` is this one's or less.
  [[nodiscard]] BudgetSums coarser(int scale) const;

  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] BudgetTotals all() const;

  /// One occupied bucket: lower_ns < duration <= upper_ns; of the first one both may be 0.
  struct Bucket {
    int index;
    Ns lower_ns;
    Ns upper_ns;
    const BudgetTotals& totals;
  };
  /// Calls f(const Bucket&) for each, in rising order.
  template <class F>
  void for_each_bucket(F&& f) const {
    for (std::size_t slot = 0; slot < places_.size(); ++slot) {
      if (places_[slot] == kNoPlace) continue;
      const int index = first_ + static_cast<int>(slot);
      f(Bucket{index, lower_ns(index), lower_ns(index + 1), rows_[places_[slot]]});
    }
  }

  /// Times of names in one bucket.
  [[nodiscard]] NamedTimes named(int index) const;

  /// Bytes used, this object included.
  [[nodiscard]] std::size_t memory_bytes() const;

  /// Equal when they saw the same, whatever their memory looks like.
  bool operator==(const BudgetSums& other) const;

 private:
  static constexpr std::uint16_t kNoPlace = 0xffff;

  enum class NameKind : std::uint8_t { Peer, Call };
  struct NamedTime {
    std::int16_t index = 0;
    NameKind kind = NameKind::Peer;
    std::uint8_t name = 0;
    Ns ns = 0;
    bool operator==(const NamedTime&) const = default;
  };

  // Durations of zero have a bucket of their own, below all others.
  [[nodiscard]] int zero_index() const { return (kFirstBucket >> shift_) - 1; }
  [[nodiscard]] Ns lower_ns(int index) const;
  BudgetTotals& row(int index);
  std::size_t make_room(int index);
  void add_named(NamedTime time);

  int shift_ = 0;
  int first_ = 0;  // bucket of places_[0]
  std::uint64_t requests_ = 0;
  std::vector<std::uint16_t> places_;  // bucket -> row: most buckets between two have none
  std::vector<BudgetTotals> rows_;     // in the order in which they came
  std::vector<NamedTime> named_;       // sorted by bucket, kind and name
};

}  // namespace tailwhy
