// What the budgets of an interval, or of the whole run, came to: each part's distribution, the sums
// by duration, and the names behind the parts that have some. Plain values.
#pragma once

#include "model/budget_sums.h"
#include "model/part_histograms.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tailwhy {

/// Somebody whom the target called while it served a request.
struct PeerUse {
  std::string address;  ///< empty: all others, or not used
  std::uint16_t port = 0;
  std::string_view protocol;   ///< static text
  std::uint64_t requests = 0;  ///< that waited for it
  std::uint64_t calls = 0;     ///< made for these requests, to whomever
  Ns ns = 0;  ///< their part Downstream: all of it goes to the peer of the longest call
};

/// A system call in which requests slept: what is behind the part Other.
struct CallUse {
  std::string call;  ///< empty: all others, or not used
  std::uint64_t requests = 0;
  Ns ns = 0;  ///< their part Other: all of it goes to the call in which it slept longest
};

/// A system call that failed while a request was served.
struct FailureUse {
  std::string call;  ///< empty: all others, or not used
  std::string error;
  std::uint64_t requests = 0;
  std::uint64_t calls = 0;  ///< failed calls of these requests; they have the name of the last one
};

/// The first kMostNames of each, in the order in which they came, and then all others. A number
/// means the same name in every interval of a run.
struct BudgetNames {
  std::array<PeerUse, kNames> peers;
  std::array<CallUse, kNames> calls;
  std::array<FailureUse, kNames> failures;
};

struct BudgetStats {
  BudgetSums sums;
  PartHistograms parts;  ///< of the requests in `sums`
  BudgetNames names;

  /// Exact, for two intervals of one run: their names have the same numbers.
  void merge(const BudgetStats& other);

  /// Share of the time of all these requests; 0 when there is none.
  [[nodiscard]] double unattributed_share() const;
};

}  // namespace tailwhy
