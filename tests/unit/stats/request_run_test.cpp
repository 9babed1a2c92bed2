// Counting pipelined requests together must be a secret: whatever comes, the report is the one of
// requests that were counted one by one.
#include "stats/request_run.h"

#include "stats/aggregator.h"
#include "unit/stats/requests.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <random>

using namespace tailwhy;
using tailwhy::test::http_request;

namespace {

Request pipelined_request() {
  Request request = http_request("/a");
  request.pipeline_depth = 2;
  request.budget.known = true;
  request.budget.of(Part::Queue) = 1000;
  request.budget.of(Part::OnCpu) = 99'000;
  request.budget.queued_ns[0] = 1000;
  return request;
}

// Few kinds, so that many neighbours are the same.
Request random_request(std::mt19937& random) {
  const auto one_of = [&](unsigned n) { return random() % n == 0; };
  Request request = pipelined_request();
  request.pipeline_depth = one_of(5) ? 1 : 2;
  request.request_bytes = random() % 100;
  request.response_bytes = random() % 1000;
  if (one_of(9)) request.route = Route("/b");
  if (one_of(9)) request.method = Method("POST");
  if (one_of(9)) request.status = 500;
  if (one_of(9)) request.status_text = StatusText("NOT_FOUND");
  if (one_of(9)) request.failure = Failure::ServerError;
  if (one_of(9)) request.client_error = true;
  if (one_of(9)) request.outcome = Outcome::Unmatched;
  if (one_of(9)) request.role = Role::Client;
  if (one_of(9)) request.open_ended = true;
  if (one_of(9)) request.at.write_last += 50;
  if (one_of(9)) request.at.acked = request.at.write_last + 10;
  if (one_of(9)) request.at.established = request.at.accepted = 5;
  if (one_of(9)) request.budget.known = false;
  if (one_of(9)) std::swap(request.budget.of(Part::OnCpu), request.budget.of(Part::Lock));
  if (one_of(9)) request.budget.queued_ns = {0, 1000, 0, 0};
  if (one_of(9)) request.budget.gap = Gap::HandOff;
  if (one_of(9)) request.retransmits = 2;
  if (one_of(9)) {
    request.failed_calls = 1;
    request.failed_call = 3;
    request.failed_error = 4;
  }
  if (one_of(9)) {
    request.other_call = 5;
    std::swap(request.budget.of(Part::OnCpu), request.budget.of(Part::Other));
  }
  if (one_of(9)) {
    static const Endpoint kDatabase{.port = 5432};
    request.downstream_calls = 1;
    request.downstream_peer = &kDatabase;
    request.downstream_protocol = "postgresql";
    std::swap(request.budget.of(Part::OnCpu), request.budget.of(Part::Downstream));
  }
  return request;
}

bool same(const LatencyParts& a, const LatencyParts& b) {
  return std::ranges::all_of(kLatencyParts, [&](const LatencyPartRow& row) {
    return a.*row.histogram == b.*row.histogram;
  });
}

bool same(const PartHistograms& a, const PartHistograms& b, std::uint64_t requests) {
  return std::ranges::all_of(kPartSpecs, [&](const PartSpec& spec) {
    return a.of(spec.part, requests) == b.of(spec.part, requests);
  });
}

void check_same(const Report& a, const Report& b) {
  CHECK(same(a.latency, b.latency));
  CHECK(same(a.client_latency, b.client_latency));
  CHECK(a.budget.sums == b.budget.sums);
  CHECK(same(a.budget.parts, b.budget.parts, 1'000'000));
  CHECK(a.accept_queue == b.accept_queue);
  CHECK(a.drain == b.drain);
  REQUIRE(a.routes.size() == b.routes.size());
  for (std::size_t i = 0; i < a.routes.size(); ++i) {
    const RouteStats& x = a.routes[i];
    const RouteStats& y = b.routes[i];
    CHECK(std::tie(x.method, x.route, x.status, x.status_text, x.role, x.open_ended) ==
          std::tie(y.method, y.route, y.status, y.status_text, y.role, y.open_ended));
    CHECK(std::tie(x.count, x.errors, x.client_errors, x.request_bytes, x.response_bytes) ==
          std::tie(y.count, y.errors, y.client_errors, y.request_bytes, y.response_bytes));
    CHECK(same(x.latency, y.latency));
    CHECK(x.budget == y.budget);
    CHECK(same(x.parts, y.parts, 1'000'000));
  }
  for (std::size_t i = 0; i < kNames; ++i) {
    CHECK(a.budget.names.peers[i].calls == b.budget.names.peers[i].calls);
    CHECK(a.budget.names.calls[i].ns == b.budget.names.calls[i].ns);
    CHECK(a.budget.names.failures[i].calls == b.budget.names.failures[i].calls);
  }
}

}  // namespace

TEST_CASE("request run: the report is that of requests counted one by one", "[stats]") {
  std::mt19937 random(1);
  Aggregator together({0, 0});
  Aggregator one_by_one({0, 0});
  Request request = random_request(random);
  for (Ns interval = 1; interval <= 20; ++interval) {
    for (int i = 0; i < 200; ++i) {
      if (random() % 4 == 0) request = random_request(random);
      together.on_request_begin(request.role);
      together.on_request(request);
      Request alone = request;
      alone.pipeline_depth = 1;
      one_by_one.on_request_begin(request.role);
      one_by_one.on_request(alone);
    }
    check_same(together.take_interval({interval, interval}),
               one_by_one.take_interval({interval, interval}));
  }
  check_same(together.total(), one_by_one.total());
}

TEST_CASE("request run: the same ones join, with their sizes", "[stats]") {
  RequestRun run;
  const Request request = pipelined_request();
  CHECK_FALSE(run.join(request));
  run.begin(request);
  CHECK(run.join(request));
  CHECK(run.join(request));
  CHECK(run.count() == 3);
  CHECK(run.sum().request_bytes == 3 * request.request_bytes);
  CHECK(run.sum().response_bytes == 3 * request.response_bytes);

  Request later = request;
  later.at.write_last += 1;
  CHECK_FALSE(run.join(later));
  CHECK(run.count() == 3);

  Request alone = request;
  alone.pipeline_depth = 1;
  CHECK_FALSE(run.join(alone));
  run.end();
  CHECK_FALSE(run.join(request));
}
