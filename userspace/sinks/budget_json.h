// What the interval and summary records say of budgets: their sums, distributions and names, and
// the slow requests held against typical ones. schema.json says the same to readers.
#pragma once

#include "model/report.h"
#include "model/why_slow.h"
#include "sinks/records.h"

namespace tailwhy {

enum class WithDistributions : bool { No, Yes };

/// Sums over all requests whose budget is known, names that they have in common, and, if asked for,
/// a distribution of each part.
Json budget_json(const BudgetStats& budget, WithDistributions distributions);

/// The same of one route, without names; its distributions are of the parts that any request had.
Json route_budget_json(const RouteStats& row);

/// What a row is called, under the names of its family: protocol, system, operation, target.
void add_names(Json& json,
               ProtocolFamily family,
               const std::string& protocol,
               const std::string& operation,
               const std::string& target);

/// Which requests are slow and what they spend on each cause; null when there is nothing to
/// compare. The total has the sentence, too.
Json tail_json(const WhySlow& why, const Report& report);

}  // namespace tailwhy
