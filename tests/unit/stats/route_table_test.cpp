// The table by route: keys, limits, intervals that add up to the total.
#include "stats/route_table.h"

#include "unit/model/budgets.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <numeric>

using namespace tailwhy;
using tailwhy::test::http_request;
using tailwhy::test::spent;

namespace {

std::uint64_t sum_counts(const std::vector<RouteStats>& rows) {
  return std::accumulate(rows.begin(), rows.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const RouteStats& row) { return sum + row.count; });
}

LatencyParts sum_latency(const std::vector<RouteStats>& rows) {
  LatencyParts sum;
  for (const RouteStats& row : rows)
    sum.merge(row.latency);
  return sum;
}

}  // namespace

TEST_CASE("routes: role, protocol, method, route and status tell rows apart", "[stats][routes]") {
  RouteTable table;
  Request request = http_request("/a");
  table.add(request);
  table.add(request);
  request.status = 500;
  request.failure = Failure::ServerError;
  table.add(request);
  request.method = Method("POST");
  table.add(request);
  request.route = Route("/b");
  table.add(request);
  request.protocol = "unknown";
  table.add(request);
  request.role = Role::Client;
  table.add(request);

  const auto rows = table.take_interval();
  REQUIRE(rows.size() == 6);
  CHECK(rows[0].count == 2);  // most first
  CHECK(rows[0].method == "GET");
  CHECK(rows[0].route == "/a");
  CHECK(rows[0].status == 200);
  CHECK(rows[0].protocol == "http");
  CHECK(rows[0].errors == 0);
  CHECK(rows[0].request_bytes == 200);
  CHECK(rows[0].response_bytes == 2000);
  CHECK(rows[1].errors == 1);
  CHECK(sum_counts(rows) == 7);
}

TEST_CASE("routes: an unknown role shares the server's rows", "[stats][routes]") {
  RouteTable table;
  Request request = http_request("/a");
  table.add(request);
  request.role = Role::Unknown;
  table.add(request);
  const auto rows = table.take_interval();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].role == Role::Server);
}

TEST_CASE("routes: parts are recorded where both stamps were observed", "[stats][routes]") {
  RouteTable table;
  Request request = http_request("/a", 5000, 9000);
  table.add(request);
  request.at.arrived = 0;  // not seen: no queue, and the duration starts at the first read
  table.add(request);
  request.outcome = Outcome::Unmatched;  // has no latency at all
  request.failure = Failure::NoResponse;
  table.add(request);

  const auto rows = table.take_interval();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].count == 3);
  const LatencyParts& parts = rows[0].latency;
  CHECK(parts.duration.count() == 2);
  CHECK(parts.duration.max_ns() == 9000);
  CHECK(parts.duration.min_ns() == 8000);
  CHECK(parts.queue.count() == 1);
  CHECK(parts.queue.max_ns() == 1000);
  CHECK(parts.service.count() == 2);
  CHECK(parts.service.max_ns() == 8000);
  CHECK(parts.send.max_ns() == 0);
  CHECK(parts.ttfb.count() == 2);
}

TEST_CASE("routes: an interval holds what is new, the total everything", "[stats][routes]") {
  RouteTable table;
  table.add(http_request("/a"));
  table.add(http_request("/b"));
  CHECK(table.take_interval().size() == 2);
  CHECK(table.take_interval().empty());
  table.add(http_request("/a"));
  const auto rows = table.take_interval();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].count == 1);

  const auto total = table.total();
  REQUIRE(total.size() == 2);
  CHECK(total[0].route == "/a");
  CHECK(total[0].count == 2);
  CHECK(total[0].latency.duration.count() == 2);
}

TEST_CASE("routes: beyond the limit requests are counted together, none is lost",
          "[stats][routes]") {
  RouteTable table({.rows = 10});
  for (int i = 0; i < 100; ++i) {
    table.add(http_request(fmt::format("/{}", i)));
    if (i % 7 == 0) table.take_interval();
  }
  table.take_interval();
  const auto rows = table.total();
  CHECK(rows.size() == 11);
  CHECK(sum_counts(rows) == 100);
  CHECK(rows[0].route == "_OTHER");
  CHECK(rows[0].count == 90);
  CHECK(rows[0].method.empty());
  CHECK(rows[0].protocol == "http");

  table.add(http_request("/3"));  // a row that exists still gets its own
  CHECK(table.take_interval()[0].route == "/3");
}

TEST_CASE("routes: when histograms outgrow their memory the smallest rows are folded",
          "[stats][routes]") {
  constexpr std::size_t kBytes = 400'000;
  RouteTable table({.rows = 2000, .bytes = kBytes});
  std::uint64_t expected = 0;
  LatencyParts before;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 200; ++i) {
      for (int k = 0; k <= i / 50; ++k) {  // later routes have more requests
        table.add(http_request(fmt::format("/{}", i), 1000, Ns{2000} << (round % 25)));
        ++expected;
      }
    }
    before.merge(sum_latency(table.take_interval()));
    std::size_t bytes = 0;
    for (const RouteStats& row : table.total()) {
      for (const auto& part : kLatencyParts)
        bytes += (row.latency.*part.histogram).memory_bytes();
    }
    CHECK(bytes <= kBytes + 20'000);
  }
  const auto rows = table.total();
  CHECK(sum_counts(rows) == expected);
  CHECK(sum_latency(rows).duration == before.duration);  // folding is exact
  CHECK(sum_latency(rows).queue == before.queue);
  CHECK(table.size() < 150);
  const auto has = [&](std::string_view route) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const RouteStats& r) { return r.route == route; });
  };
  CHECK(has("_OTHER"));
  CHECK(has("/199"));
  CHECK_FALSE(has("/1"));
}

TEST_CASE("routes: budgets are part of what is bounded, and folding keeps them all",
          "[stats][routes]") {
  constexpr std::size_t kBytes = 400'000;
  RouteTable table({.rows = 2000, .bytes = kBytes});
  BudgetSums all(kRouteBudgetScale);
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 100; ++i) {
      const Request request = spent({{Part::OnCpu, Ns{1000} << (round % 25)}, {Part::Lock, Ns(i)}},
                                    fmt::format("/{}", i));
      table.add(request);
      all.add(request);
    }
    table.take_interval();
    std::size_t bytes = 0;
    for (const RouteStats& row : table.total()) {
      bytes += row.budget.memory_bytes() + row.parts.memory_bytes();
      for (const auto& part : kLatencyParts)
        bytes += (row.latency.*part.histogram).memory_bytes();
    }
    CHECK(bytes <= kBytes + 20'000);
  }
  BudgetSums sum(kRouteBudgetScale);
  for (const RouteStats& row : table.total())
    sum.merge(row.budget);
  CHECK(sum == all);
  CHECK(table.size() < 100);
}

TEST_CASE("routes: rows that get the same name become one", "[stats][routes]") {
  RouteTable table;
  const auto add = [&](std::string_view route, RouteSource source, Ns duration) {
    Request request = http_request(route, 1000, duration);
    request.route_source = source;
    table.add(request);
  };
  const auto rename = [](Role role, const Route& route) {
    CHECK(role == Role::Server);
    return route.view().starts_with("/user/") ? Route("/user/{id}") : route;
  };
  add("/user/alice", RouteSource::Classified, 2000);
  add("/user/bob", RouteSource::Classified, 3000);
  static_cast<void>(table.take_interval());
  add("/user/bob", RouteSource::Classified, 4000);
  add("/user/{id}", RouteSource::Learned, 5000);
  add("/user/me", RouteSource::Pattern, 6000);  // the user said so
  add("/else", RouteSource::Classified, 7000);
  table.rename(rename);

  const auto rows = table.take_interval();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].route == "/user/{id}");
  CHECK(rows[0].count == 2);
  CHECK(rows[0].latency.duration.min_ns() == 4000);
  CHECK(rows[0].latency.duration.max_ns() == 5000);
  CHECK(rows[1].route == "/else");
  CHECK(rows[2].route == "/user/me");

  const auto total = table.total();
  REQUIRE(total.size() == 3);
  CHECK(total[0].route == "/user/{id}");
  CHECK(total[0].count == 4);
  CHECK(total[0].latency.duration.min_ns() == 2000);

  add("/user/bob", RouteSource::Classified, 1000);
  add("/else", RouteSource::Classified, 1000);
  table.rename(rename);
  CHECK(sum_counts(table.take_interval()) == 2);
  CHECK(sum_counts(table.total()) == 8);
}
