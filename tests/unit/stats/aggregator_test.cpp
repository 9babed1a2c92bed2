// The sums of a run. Identities hold after any sequence of calls, so most of these tests make one
// up.
#include "stats/aggregator.h"

#include "unit/stats/requests.h"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace tailwhy;
using tailwhy::test::http_request;

namespace {

Aggregator::Moment moment(Ns mono_ns) {
  return {mono_ns, mono_ns + 1'000'000'000'000};
}

void check_exchanges(const ExchangeCounts& counts, std::uint64_t in_flight_before) {
  CHECK(counts.seen + in_flight_before == counts.matched + counts.unmatched + counts.in_flight);
  std::uint64_t failures = 0;
  for (const std::uint64_t n : counts.failures)
    failures += n;
  CHECK(failures == counts.failed);
}

Request random_request(std::mt19937& random) {
  const auto upto = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  Request request =
      http_request(upto(2) != 0 ? "/a" : "/b", 1000 + upto(1000), 2000 + upto(100'000));
  request.role = std::array{Role::Server, Role::Client, Role::Unknown}[upto(3)];
  request.status = std::array<std::uint16_t, 4>{200, 404, 500, 0}[upto(4)];
  if (upto(4) == 0) request.failure = static_cast<Failure>(upto(6));
  if (upto(5) == 0) request.outcome = Outcome::Unmatched;
  if (upto(9) == 0) request.at.arrived = 0;
  return request;
}

std::uint64_t routes_sum(const Report& report, Role role) {
  std::uint64_t sum = 0;
  for (const RouteStats& row : report.routes)
    sum += row.role == role ? row.count : 0;
  return sum;
}

}  // namespace

TEST_CASE("aggregator: a request is in flight from its first byte to its end", "[stats]") {
  Aggregator stats(moment(0));
  stats.on_request_begin(Role::Server);
  stats.on_request_begin(Role::Unknown);
  Report report = stats.take_interval(moment(10));
  CHECK(report.server.seen == 2);
  CHECK(report.server.in_flight == 2);
  CHECK(report.client.seen == 0);

  stats.on_request(http_request("/a"));
  report = stats.take_interval(moment(20));
  CHECK(report.server.seen == 0);
  CHECK(report.server.matched == 1);
  CHECK(report.server.in_flight == 1);

  const Report total = stats.total();
  CHECK(total.total);
  CHECK(total.server.seen == 2);
  CHECK(total.server.matched == 1);
  CHECK(total.server.in_flight == 1);
}

TEST_CASE("aggregator: intervals follow each other without a gap", "[stats]") {
  Aggregator stats(moment(100));
  const Report first = stats.take_interval(moment(150));
  CHECK(first.begin_ns == 100);
  CHECK(first.end_ns == 150);
  CHECK(first.begin_wall_ns == 1'000'000'000'100);
  CHECK_FALSE(first.total);
  const Report second = stats.take_interval(moment(175));
  CHECK(second.begin_ns == 150);
  CHECK(second.end_ns == 175);
  const Report total = stats.total();
  CHECK(total.begin_ns == 100);
  CHECK(total.end_ns == 175);
  CHECK(total.end_wall_ns == 1'000'000'000'175);
}

TEST_CASE("aggregator: requests that were in flight at the attach are only counted", "[stats]") {
  Aggregator stats(moment(0));
  Request request = http_request("/a");
  request.outcome = Outcome::InFlightAtAttach;
  stats.on_request(request);
  const Report report = stats.take_interval(moment(1));
  CHECK(report.server.in_flight_at_attach == 1);
  CHECK(report.server.seen == 0);
  CHECK(report.server.matched == 0);
  CHECK(report.server.response_bytes == 0);
  CHECK(report.latency.duration.empty());
  CHECK(report.routes.empty());
}

TEST_CASE("aggregator: server errors, client errors and failures are told apart", "[stats]") {
  Aggregator stats(moment(0));
  const auto answer = [&](std::uint16_t status, Failure failure,
                          Outcome outcome = Outcome::Matched) {
    Request request = http_request("/a");
    request.status = status;
    request.client_error = status == 404;
    request.failure = failure;
    request.outcome = outcome;
    stats.on_request_begin(Role::Server);
    stats.on_request(request);
  };
  answer(200, Failure::None);
  answer(404, Failure::None);
  answer(503, Failure::ServerError);
  answer(200, Failure::ClientAbort);
  answer(0, Failure::NoResponse, Outcome::Unmatched);
  answer(0, Failure::ConnectionReset, Outcome::Unmatched);

  const Report report = stats.take_interval(moment(1));
  CHECK(report.server.matched == 4);
  CHECK(report.server.unmatched == 2);
  CHECK(report.server.client_errors == 1);
  CHECK(report.server.server_errors == 1);
  CHECK(report.server.failed == 3);
  CHECK(report.server.failures[static_cast<int>(Failure::ClientAbort)] == 1);
  CHECK(report.server.failures[static_cast<int>(Failure::NoResponse)] == 1);
  CHECK(report.server.failures[static_cast<int>(Failure::ConnectionReset)] == 1);
  CHECK(report.server.failures[static_cast<int>(Failure::ServerError)] == 0);
}

TEST_CASE("aggregator: the client side is kept apart", "[stats]") {
  Aggregator stats(moment(0));
  Request request = http_request("/a");
  request.role = Role::Client;
  stats.on_request_begin(Role::Client);
  stats.on_request(request);
  const Report report = stats.take_interval(moment(1));
  CHECK(report.client.matched == 1);
  CHECK(report.server.seen == 0);
  CHECK(report.client_latency.duration.count() == 1);
  CHECK(report.client_latency.queue.empty());  // an outgoing call has none
  CHECK(report.latency.duration.empty());
}

TEST_CASE("aggregator: connections and bytes", "[stats]") {
  Aggregator stats(moment(0));
  stats.on_connection_existing();
  stats.on_connection_opened();
  stats.on_connection_opened();
  stats.on_connection_closed({.reset_by_peer = true});
  stats.on_connect_refused();
  stats.on_connect_failed();
  stats.on_retransmit();
  stats.on_retransmit(3);
  stats.on_socket_error();
  stats.on_bytes_in(10);
  stats.on_bytes_out(20);
  stats.on_bytes_not_parsed(5);
  Report report = stats.take_interval(moment(1));
  CHECK(report.connections.opened == 2);
  CHECK(report.connections.existing == 1);
  CHECK(report.connections.closed == 1);
  CHECK(report.connections.open == 2);
  CHECK(report.connections.reset_by_peer == 1);
  CHECK(report.connections.reset_by_target == 0);
  CHECK(report.connections.refused == 1);
  CHECK(report.connections.connect_failed == 1);
  CHECK(report.connections.retransmits == 4);
  CHECK(report.connections.socket_errors == 1);
  CHECK(report.resources.network_in_bytes == 10);
  CHECK(report.resources.network_out_bytes == 20);
  CHECK(report.bytes_not_parsed == 5);

  stats.on_connection_closed({.reset_by_target = true, .timed_out = true});
  report = stats.take_interval(moment(2));
  CHECK(report.connections.open == 1);
  CHECK(report.connections.opened == 0);
  const Report total = stats.total();
  CHECK(total.connections.open == 1);
  CHECK(total.connections.closed == 2);
  CHECK(total.connections.timed_out == 1);
  CHECK(total.resources.network_out_bytes == 20);
}

TEST_CASE("aggregator: whatever comes, seen = matched + unmatched + in flight", "[stats]") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Aggregator stats(moment(0), {.rows = seed % 3 + 1});
    std::vector<Request> in_flight;
    std::uint64_t server_before = 0, client_before = 0;
    LatencyParts latency, client_latency;
    std::uint64_t server_matched = 0;
    for (Ns now = 1; now <= 50; ++now) {
      for (unsigned i = random() % 40; i > 0; --i) {
        if (in_flight.empty() || random() % 2 == 0) {
          in_flight.push_back(random_request(random));
          stats.on_request_begin(in_flight.back().role);
        } else {
          std::swap(in_flight[random() % in_flight.size()], in_flight.back());
          stats.on_request(in_flight.back());
          in_flight.pop_back();
        }
      }
      const Report report = stats.take_interval(moment(now));
      check_exchanges(report.server, server_before);
      check_exchanges(report.client, client_before);
      server_before = report.server.in_flight;
      client_before = report.client.in_flight;
      CHECK(server_before + client_before == in_flight.size());
      CHECK(routes_sum(report, Role::Server) == report.server.matched + report.server.unmatched);
      CHECK(routes_sum(report, Role::Client) == report.client.matched + report.client.unmatched);
      CHECK(report.latency.duration.count() == report.server.matched);
      latency.merge(report.latency);
      client_latency.merge(report.client_latency);
      server_matched += report.server.matched;
    }
    const Report total = stats.total();
    check_exchanges(total.server, 0);
    check_exchanges(total.client, 0);
    CHECK(total.server.matched == server_matched);
    CHECK(routes_sum(total, Role::Server) == total.server.matched + total.server.unmatched);
    for (const auto& part : kLatencyParts) {  // merged intervals are exactly the total
      CHECK(total.latency.*part.histogram == latency.*part.histogram);
      CHECK(total.client_latency.*part.histogram == client_latency.*part.histogram);
    }
    CHECK(stats.total(Aggregator::Routes::Omit).routes.empty());
  }
}
