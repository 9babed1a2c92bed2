// Requests with budgets made up for tests: their parts add up to their duration.
#pragma once

#include "unit/stats/requests.h"

#include <string_view>
#include <utility>
#include <vector>

namespace tailwhy::test {

using Parts = std::vector<std::pair<Part, Ns>>;

/// An answered request that spent its time on these parts; the queue comes first, whatever it is.
inline Request spent(const Parts& parts,
                     std::string_view route = "/a",
                     QueuedWhile queued_while = QueuedWhile::Unknown) {
  Request request = http_request(route);
  Budget& budget = request.budget;
  budget.known = true;
  for (const auto& [part, ns] : parts)
    budget.of(part) += ns;
  budget.queued_ns[static_cast<std::size_t>(queued_while)] = budget.of(Part::Queue);
  Stamps& at = request.at;
  at.read_first = at.read_last = at.arrived + budget.of(Part::Queue);
  at.write_first = at.write_last = at.arrived + budget.sum();
  return request;
}

}  // namespace tailwhy::test
