// Gives the names behind the parts of budgets numbers: whom answered requests waited for, in which
// system calls they slept, which of their calls failed. The names are bounded, first come, first
// kept: a number means one name for the whole run, so adding stays exact.
#pragma once

#include "model/budget_stats.h"
#include "model/request.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace tailwhy {

class BudgetTally {
 public:
  /// Adds a request with a known budget to `names`; its times are added up with its route.
  /// Allocates only for names that are new. The numbers are those of its names.
  NameIds add(BudgetNames& names, const Request& request);

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
