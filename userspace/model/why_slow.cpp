// The rules in the header, in their order.
#include "model/why_slow.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace tailwhy {
namespace {

constexpr double kLeadingShare = 0.5;
constexpr std::string_view kOtherRoutes = "_OTHER";

// The rows of one route: there is one for each status.
struct Leader {
  std::vector<const RouteStats*> rows;
  double slow = 0;
};

// How much of each bucket of the duration is among the slow requests of all.
class SlowBuckets {
 public:
  SlowBuckets(const BudgetSums& all, const TailSpec& spec) {
    const auto count = static_cast<double>(all.requests());
    const double from = count - std::max(1.0, count * spec.slowest);
    double seen = 0;
    all.for_each_bucket([&](const BudgetSums::Bucket& bucket) {
      const auto here = static_cast<double>(bucket.totals.requests);
      seen += here;
      if (seen <= from) return;
      if (first_ == kNone) {
        first_ = bucket.index;
        share_ = std::min(1.0, (seen - from) / here);
      }
    });
    if (spec.slow_ns > 0) {
      first_ = bucket_index(spec.slow_ns);
      share_ = static_cast<double>(bucket_upper_ns(first_) + 1 - spec.slow_ns) /
               static_cast<double>(bucket_upper_ns(first_) - bucket_lower_ns(first_));
      share_ = std::clamp(share_, 0.0, 1.0);
    }
  }

  [[nodiscard]] double count_in(const Histogram& duration) const {
    double count = 0;
    duration.for_each_bucket([&](const HistogramBucket& bucket) {
      if (first_ == kNone || bucket.index < first_) return;
      count += static_cast<double>(bucket.count) * (bucket.index == first_ ? share_ : 1);
    });
    return count;
  }

 private:
  static constexpr int kNone = 1 << 20;
  int first_ = kNone;
  double share_ = 1;
};

bool has_name(const RouteStats& row) {
  return row.route != kOtherRoutes && !(row.route.empty() && row.method.empty());
}

// Of all requests, only those with a budget are compared, so a row counts by its known ones.
Leader find_leader(const Report& report, const TailSpec& spec, double& share) {
  using Key = std::tuple<std::string_view, std::string_view, std::string_view>;
  const SlowBuckets slow(report.budget.sums, spec);
  std::map<Key, Leader> routes;
  double all = 0;
  for (const RouteStats& row : report.routes) {
    if (row.budget.requests() == 0 || row.open_ended) continue;  // outgoing calls have none either
    const double count = slow.count_in(row.latency.duration);
    all += count;
    Leader& leader = routes[{row.protocol, row.method, row.route}];
    leader.rows.push_back(&row);
    leader.slow += has_name(row) ? count : 0;
  }
  const auto most =
      std::max_element(routes.begin(), routes.end(),
                       [](const auto& a, const auto& b) { return a.second.slow < b.second.slow; });
  if (most == routes.end() || all <= 0 || most->second.slow < all * kLeadingShare) return {};
  share = most->second.slow / all;
  return std::move(most->second);
}

void set_scope(WhySlow& why, WhySlow::Scope scope, const Histogram& duration) {
  why.scope = scope;
  why.requests = duration.count();
  why.p50_ns = duration.percentile(50);
  why.p99_ns = duration.percentile(99);
  why.max_ns = duration.max_ns();
}

bool is_tail(const TailAnalysis& tail) {
  return tail.slow.requests > 0 && tail.slow.duration >= tail.typical.duration * kLeastTail;
}

// Rules 2 and 3; false: there is nothing to be said of the route alone.
bool choose_route(WhySlow& why, const Leader& leader, const TailGroup& typical_of_all) {
  Histogram duration;
  BudgetSums sums(kRouteBudgetScale);
  for (const RouteStats* row : leader.rows) {
    duration.merge(row->latency.duration);
    sums.merge(row->budget);
  }
  const RouteStats& row = *leader.rows.front();
  why.route = {row.protocol, row.method, row.route, row.family};
  const TailGroup typical = typical_of(sums, why.spec), slow = slow_of(sums, why.spec);
  const auto median = static_cast<double>(duration.percentile(50));
  if (median > slow.duration / 2 && median >= typical_of_all.duration * kLeastTail) {
    set_scope(why, WhySlow::Scope::WholeRoute, duration);
    why.tail = compare(typical_of_all, typical);
    return is_tail(why.tail);
  }
  if (sums.requests() < kFewestOfARoute) return false;
  set_scope(why, WhySlow::Scope::OneRoute, duration);
  why.tail = compare(typical, slow);
  return is_tail(why.tail);
}

WhySlow::Verdict verdict_of(const WhySlow& why, std::uint64_t requests) {
  if (requests < kFewestForATail) return WhySlow::Verdict::TooFew;
  if (why.tail.slow.requests <= 0) return WhySlow::Verdict::NothingSlow;
  return is_tail(why.tail) ? WhySlow::Verdict::Tail : WhySlow::Verdict::NoTail;
}

}  // namespace

WhySlow explain_slow(const Report& report, const TailSpec& spec) {
  WhySlow why;
  why.spec = spec;
  const BudgetSums& all = report.budget.sums;
  if (all.requests() == 0) return why;
  const TailGroup typical = typical_of(all, spec);
  const bool enough = all.requests() >= kFewestForATail;
  const Leader leader = enough ? find_leader(report, spec, why.route_share) : Leader{};
  if (leader.rows.empty() || !choose_route(why, leader, typical)) {
    set_scope(why, WhySlow::Scope::AllRequests, report.latency.duration);
    why.tail = compare(typical, slow_of(all, spec));
  }
  why.verdict = verdict_of(why, all.requests());
  return why;
}

std::string_view to_string(WhySlow::Scope scope) {
  switch (scope) {
    case WhySlow::Scope::AllRequests:
      return "all";
    case WhySlow::Scope::OneRoute:
      return "route";
    case WhySlow::Scope::WholeRoute:
      return "whole_route";
  }
  return "all";
}

std::string_view to_string(WhySlow::Verdict verdict) {
  switch (verdict) {
    case WhySlow::Verdict::Unknown:
      return {};
    case WhySlow::Verdict::TooFew:
      return "too_few_requests";
    case WhySlow::Verdict::NothingSlow:
      return "nothing_slow";
    case WhySlow::Verdict::NoTail:
      return "no_tail";
    case WhySlow::Verdict::Tail:
      return "tail";
  }
  return {};
}

}  // namespace tailwhy
