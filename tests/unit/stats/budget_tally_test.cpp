// Budgets of requests added up: distributions, names with their bounds, and what is left out.
#include "stats/budget_tally.h"

#include "stats/aggregator.h"
#include "unit/model/budgets.h"

#include <catch2/catch.hpp>

#include <sys/syscall.h>

#include <cerrno>
#include <random>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

Endpoint server(std::uint8_t last, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.family = Family::Inet;
  endpoint.address = {10, 0, 0, last};
  endpoint.port = port;
  return endpoint;
}

Aggregator::Moment moment(Ns ns) {
  return {ns, ns};
}

void answer(Aggregator& stats, const Request& request) {
  stats.on_request_begin(request.role);
  stats.on_request(request);
}

}  // namespace

TEST_CASE("budget tally: the peer of the longest call gets the time", "[stats][budget]") {
  BudgetTally tally;
  BudgetNames names;
  const Endpoint database = server(5, 5432), cache = server(6, 6379);
  Request request = spent({{Part::Downstream, 1000}});
  request.downstream_calls = 3;
  request.downstream_peer = &database;
  request.downstream_protocol = "unknown";
  CHECK(tally.add(names, request).peer == 0);
  CHECK(tally.add(names, request).peer == 0);
  request.downstream_peer = &cache;
  CHECK(tally.add(names, request).peer == 1);
  request.downstream_protocol = "http";  // another name
  CHECK(tally.add(names, request).peer == 2);
  request.downstream_peer = nullptr;
  CHECK(tally.add(names, request).peer == kNoName);
  const PeerUse& first = names.peers[0];
  CHECK(first.address == "10.0.0.5");
  CHECK(first.port == 5432);
  CHECK(first.protocol == "unknown");
  CHECK(first.requests == 2);
  CHECK(first.calls == 6);
  CHECK(first.ns == 2000);
  CHECK(names.peers[1].address == "10.0.0.6");
  CHECK(names.peers[2].protocol == "http");
}

TEST_CASE("budget tally: calls slept in and calls that failed have names", "[stats][budget]") {
  BudgetTally tally;
  BudgetNames names;
  Request request = spent({{Part::Other, 700}});
  request.other_call = SYS_wait4;
  request.failed_calls = 2;
  request.failed_call = SYS_write;
  request.failed_error = ENOSPC;
  CHECK(tally.add(names, request).call == 0);
  CHECK(names.calls[0].call == "wait4");
  CHECK(names.calls[0].requests == 1);
  CHECK(names.calls[0].ns == 700);
  CHECK(names.failures[0].call == "write");
  CHECK(names.failures[0].error == "ENOSPC");
  CHECK(names.failures[0].requests == 1);
  CHECK(names.failures[0].calls == 2);

  request = spent({{Part::OnCpu, 700}});  // did not sleep, nothing failed
  request.other_call = SYS_read;
  CHECK(tally.add(names, request).call == kNoName);
  CHECK(names.calls[1].requests == 0);
  CHECK(names.failures[1].requests == 0);
}

TEST_CASE("budget tally: beyond eight names all others share one", "[stats][budget]") {
  BudgetTally tally;
  BudgetNames names;
  for (std::uint8_t i = 0; i < 40; ++i) {
    const Endpoint peer = server(i, 80);
    Request request = spent({{Part::Downstream, 10}, {Part::Other, 10}});
    request.downstream_peer = &peer;
    request.downstream_calls = 1;
    request.other_call = i;
    request.failed_calls = 1;
    request.failed_call = SYS_read;
    request.failed_error = static_cast<std::uint16_t>(i + 1);
    const NameIds ids = tally.add(names, request);
    CHECK(ids.peer == std::min<std::uint8_t>(i, kOtherName));
    CHECK(ids.call == std::min<std::uint8_t>(i, kOtherName));
  }
  CHECK(names.peers[kOtherName].requests == 32);
  CHECK(names.peers[kOtherName].ns == 320);
  CHECK(names.peers[kOtherName].address.empty());
  CHECK(names.calls[kOtherName].ns == 320);
  CHECK(names.calls[kOtherName].call.empty());
  CHECK(names.failures[kOtherName].calls == 32);
}

TEST_CASE("budget tally: a name keeps its number in later intervals", "[stats][budget]") {
  BudgetTally tally;
  BudgetStats first, second;
  const Endpoint a = server(1, 80), b = server(2, 80);
  Request request = spent({{Part::Downstream, 10}});
  request.downstream_peer = &a;
  tally.add(first.names, request);
  request.downstream_peer = &b;
  CHECK(tally.add(second.names, request).peer == 1);
  CHECK(second.names.peers[0].address.empty());
  CHECK(second.names.peers[1].address == "10.0.0.2");
  first.merge(second);
  CHECK(first.names.peers[0].address == "10.0.0.1");
  CHECK(first.names.peers[1].address == "10.0.0.2");
  CHECK(first.names.peers[1].ns == 10);
}

TEST_CASE("aggregator: budgets of what the target answered, and of nothing else",
          "[stats][budget]") {
  Aggregator stats(moment(0));
  answer(stats, spent({{Part::Lock, 1000}}));
  Request request = spent({{Part::Lock, 1000}});
  request.role = Role::Client;
  answer(stats, request);
  request = spent({{Part::Lock, 1000}});
  request.outcome = Outcome::Unmatched;
  answer(stats, request);
  answer(stats, http_request("/a"));  // its budget is not known
  const Report report = stats.take_interval(moment(1));
  CHECK(report.budget.sums.requests() == 1);
  CHECK(report.routes[0].budget.requests() + report.routes[1].budget.requests() == 1);
}

TEST_CASE("aggregator: accept queue and drain are known whether the budget is or not",
          "[stats][budget]") {
  Aggregator stats(moment(0));
  Request request = http_request("/a");
  request.at.established = 100;
  request.at.accepted = 350;
  request.at.acked = request.at.write_last + 40;
  answer(stats, request);
  answer(stats, http_request("/a"));
  request.role = Role::Client;
  answer(stats, request);
  const Report report = stats.take_interval(moment(1));
  CHECK(report.accept_queue.count() == 1);
  CHECK(report.accept_queue.max_ns() == 250);
  CHECK(report.drain.count() == 1);
  CHECK(report.drain.max_ns() == 40);
  CHECK(stats.total().drain == report.drain);
}

TEST_CASE("aggregator: budgets of the intervals are exactly that of the run", "[stats][budget]") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    std::mt19937 random(seed);
    const auto upto = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    Aggregator stats(moment(0), {.rows = seed % 3 + 1});
    BudgetStats sum;
    BudgetSums routes(kRouteBudgetScale);
    PartHistograms parts;
    Endpoint peers[12];
    for (std::uint8_t i = 0; i < 12; ++i)
      peers[i] = server(i, 80);
    for (Ns now = 1; now <= 20; ++now) {
      for (unsigned i = upto(40); i > 0; --i) {
        Request request = spent({{Part::OnCpu, Ns{1} << upto(30)},
                                 {static_cast<Part>(upto(kParts)), upto(1'000'000)},
                                 {Part::Downstream, upto(1000)}},
                                upto(2) == 0 ? "/a" : "/b");
        request.downstream_peer = &peers[upto(12)];
        request.other_call = static_cast<std::uint16_t>(upto(12));
        request.failed_calls = upto(2);
        request.failed_call = static_cast<std::uint16_t>(upto(12));
        answer(stats, request);
      }
      const Report report = stats.take_interval(moment(now));
      sum.merge(report.budget);
      for (const RouteStats& row : report.routes) {
        routes.merge(row.budget);
        parts.merge(row.parts);
      }
    }
    const Report total = stats.total();
    CHECK(total.budget.sums == sum.sums);
    CHECK(total.budget.sums.requests() == total.server.matched);
    BudgetSums total_routes(kRouteBudgetScale);
    PartHistograms total_parts;
    for (const RouteStats& row : total.routes) {
      total_routes.merge(row.budget);
      total_parts.merge(row.parts);
    }
    CHECK(total_routes == routes);
    CHECK(total_routes.all() == total.budget.sums.all());
    std::uint64_t named = 0;
    for (const PartSpec& spec : kPartSpecs) {
      const Histogram all = total.budget.parts.of(spec.part, total.server.matched);
      CHECK(all.count() == total.server.matched);
      CHECK(all.sum_ns() == total.budget.sums.all().of(spec.part));
      CHECK(all == sum.parts.of(spec.part, total.server.matched));
      CHECK(all == parts.of(spec.part, total.server.matched));
      CHECK(all == total_parts.of(spec.part, total.server.matched));
    }
    for (std::size_t i = 0; i < kNames; ++i) {
      named += total.budget.names.peers[i].requests;
      CHECK(total.budget.names.peers[i].address == sum.names.peers[i].address);
      CHECK(total.budget.names.peers[i].ns == sum.names.peers[i].ns);
      CHECK(total.budget.names.calls[i].ns == sum.names.calls[i].ns);
      CHECK(total.budget.names.failures[i].calls == sum.names.failures[i].calls);
    }
    CHECK(named == total.server.matched);
  }
}
