// Adds the budgets of answered requests up, and gives the names behind their parts numbers: whom
// they waited for, in which system calls they slept, which of their calls failed. The names are
// bounded, first come, first kept: a number means one name for the whole run, so adding stays
// exact.
#pragma once

#include "model/budget_stats.h"
#include "model/request.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace tailwhy {

class BudgetTally {
 public:
  /// Adds a request with a known budget to the sums and names of `sum`; its parts are recorded with
  /// its route. Allocates only for names and buckets that are new. The numbers are those of its
  /// names. `count` requests that are the same have no names (RequestRun).
  NameIds add(BudgetStats& sum, const Request& request, std::uint64_t count = 1);

 private:
  struct Peer {
    Endpoint endpoint;
    std::string_view protocol;
    bool operator==(const Peer& other) const;
  };
  struct Failure {
    std::uint16_t call = 0;
    std::uint16_t error = 0;
    bool operator==(const Failure&) const = default;
  };

  std::uint8_t add_peer(BudgetNames& names, const Request& request);
  std::uint8_t add_call(BudgetNames& names, const Request& request);
  void add_failure(BudgetNames& names, const Request& request);

  std::vector<Peer> peers_;
  std::vector<std::uint16_t> calls_;
  std::vector<Failure> failures_;
};

}  // namespace tailwhy
