// See the header.
#include "sinks/budget_json.h"

#include "sinks/why_sentence.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::string_view kOthers = "_OTHER";

// Those with requests, most time first; all others last.
template <class T, class Json_of, class Rank>
Json names_json(const std::array<T, kNames>& names, Json_of&& json_of, Rank&& rank) {
  std::vector<const T*> used;
  for (std::size_t i = 0; i < kMostNames; ++i) {
    if (names[i].requests > 0) used.push_back(&names[i]);
  }
  std::stable_sort(used.begin(), used.end(),
                   [&](const T* a, const T* b) { return rank(*a) > rank(*b); });
  if (names[kOtherName].requests > 0) used.push_back(&names[kOtherName]);
  Json json = Json::array();
  for (const T* name : used)
    json.push_back(json_of(*name));
  return json;
}

std::string_view named(const std::string& name) {
  return name.empty() ? kOthers : std::string_view(name);
}

Json peer_json(const PeerUse& use) {
  Json json = {{"address", named(use.address)}};
  if (!use.address.empty() && !use.address.starts_with("unix:")) json["port"] = use.port;
  if (!use.protocol.empty()) json["protocol"] = use.protocol;
  json["requests"] = use.requests;
  json["calls"] = use.calls;
  json["time_ns"] = use.ns;
  return json;
}

Json call_json(const CallUse& use) {
  return {{"syscall.name", named(use.call)}, {"requests", use.requests}, {"time_ns", use.ns}};
}

Json failure_json(const FailureUse& use) {
  return {{"syscall.name", named(use.call)},
          {"error.type", named(use.error)},
          {"requests", use.requests},
          {"calls", use.calls}};
}

Json parts_json(const std::array<Ns, kParts>& parts) {
  Json json = Json::object();
  for (const PartSpec& spec : kPartSpecs)
    json[std::string(spec.name)] = parts[static_cast<std::size_t>(spec.part)];
  return json;
}

Json queued_json(const std::array<Ns, kQueuedWhile>& queued) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kQueuedWhile; ++i)
    json[std::string(to_string(static_cast<QueuedWhile>(i)))] = queued[i];
  return json;
}

Json gaps_json(const std::array<Ns, kGaps>& gaps) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kGaps; ++i) {
    const std::string_view word = to_string(static_cast<Gap>(i));
    json[word.empty() ? "unknown" : std::string(word)] = gaps[i];
  }
  return json;
}

Json sums_json(const BudgetSums& sums) {
  const BudgetTotals all = sums.all();
  return {{"requests", all.requests},
          {"duration_ns", all.duration},
          {"cpu_ns_per_request", all.requests > 0 ? all.of(Part::OnCpu) / all.requests : 0},
          {"parts_ns", parts_json(all.parts)},
          {"queued_while_ns", queued_json(all.queued)},
          {"unattributed_ns", gaps_json(all.gaps)},
          {"retransmits", all.retransmits},
          {"failed_calls", all.failed_calls},
          {"downstream_calls", all.downstream_calls}};
}

// One decimal: a sum of prorated requests has no more to say.
double rounded(double value) {
  return std::round(value * 10) / 10;
}
std::int64_t whole_ns(double ns) {
  return std::llround(ns);
}

Json group_json(const TailGroup& group) {
  Json json = {{"requests", rounded(group.requests)},
               {"duration_ns", whole_ns(group.duration)},
               {"retransmits", rounded(group.retransmits)},
               {"failed_calls", rounded(group.failed_calls)},
               {"downstream_calls", rounded(group.downstream_calls)}};
  if (group.accepted > 0) json["accept_queue_ns"] = whole_ns(group.accept_queue);
  return json;
}

Json causes_json(const TailAnalysis& tail) {
  Json json = Json::array();
  for (const CauseRow& row : tail.causes) {
    json.push_back({{"cause", spec_of(row.cause).name},
                    {"typical_ns", whole_ns(row.typical)},
                    {"slow_ns", whole_ns(row.slow)},
                    {"extra_ns", whole_ns(row.extra)},
                    {"share", std::round(row.share * 1e4) / 1e4}});
  }
  return json;
}

}  // namespace

Json route_budget_json(const RouteStats& row) {
  Json json = sums_json(row.budget);
  Json parts = Json::object();
  for (const PartSpec& spec : kPartSpecs) {
    if (row.parts.is_zero(spec.part)) continue;
    parts[std::string(spec.name)] = histogram_json(row.parts.of(spec.part, row.budget.requests()));
  }
  json["distributions"] = std::move(parts);
  return json;
}

Json budget_json(const BudgetStats& budget, WithDistributions distributions) {
  Json json = sums_json(budget.sums);
  json["unattributed_share"] = budget.unattributed_share();
  const auto by_time = [](const auto& use) { return use.ns; };
  const auto by_calls = [](const auto& use) { return use.calls; };
  json["downstream"] = names_json(budget.names.peers, peer_json, by_time);
  json["other_calls"] = names_json(budget.names.calls, call_json, by_time);
  json["failing_calls"] = names_json(budget.names.failures, failure_json, by_calls);
  if (distributions == WithDistributions::No) return json;
  Json parts = Json::object();
  for (const PartSpec& spec : kPartSpecs)
    parts[std::string(spec.name)] =
        histogram_json(budget.parts.of(spec.part, budget.sums.requests()));
  json["distributions"] = std::move(parts);
  return json;
}

void add_names(Json& json,
               ProtocolFamily family,
               const std::string& protocol,
               const std::string& operation,
               const std::string& target) {
  const FamilyNames& names = family_names(family);
  const auto add = [&json](std::string_view name, const std::string& value) {
    if (!name.empty() && !value.empty()) json[std::string(name)] = value;
  };
  add(names.system, protocol);
  add(names.operation, operation);
  add(names.target.empty() ? "tailwhy.route" : names.target, target);
}

Json tail_json(const WhySlow& why, const Report& report) {
  if (why.verdict == WhySlow::Verdict::Unknown) return nullptr;
  Json json = {{"verdict", to_string(why.verdict)}};
  if (report.total) json["sentence"] = why_sentence(why, report, Style{});
  json["scope"] = to_string(why.scope);
  if (why.has_route()) {
    Json route = {{"network.protocol.name", why.route.protocol}};
    add_names(route, why.route.family, why.route.protocol, why.route.method, why.route.route);
    route["share_of_slow"] = std::min(why.route_share, 1.0);
    json["route"] = std::move(route);
  }
  if (why.spec.slow_ns > 0) {
    json["slow_from_ns"] = why.spec.slow_ns;
  } else {
    json["slowest_share"] = why.spec.slowest;
  }
  const auto verdict = why.verdict;
  if (verdict != WhySlow::Verdict::Tail && verdict != WhySlow::Verdict::NoTail) return json;
  json["typical"] = group_json(why.tail.typical);
  json["slow"] = group_json(why.tail.slow);
  json["causes"] = causes_json(why.tail);
  return json;
}

}  // namespace tailwhy
