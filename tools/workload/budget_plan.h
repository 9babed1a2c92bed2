// What a path asks of the budget server: which steps on which thread, and what answer.
#pragma once

#include "plan.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace workload {

struct BudgetPlan {
  std::vector<Step> steps;         // by the connection's thread, or the event loop
  std::optional<Step::Kind> pool;  // then handed over, this way
  std::vector<Step> pooled;        // by a pool thread
  bool reply_by_pool = false;      // else by the one who had read the request
  bool slow = false;               // the body in pieces, for a client that reads slowly
  std::uint64_t body = 2;
};

/// Nothing if the path is not understood or asks for two hand-overs.
std::optional<BudgetPlan> parse_budget_plan(std::string_view path);

}  // namespace workload
