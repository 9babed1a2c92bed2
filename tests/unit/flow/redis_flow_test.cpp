// Redis as connections meet it: pipelines, requests without an answer, lost places and closes.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

std::string times(unsigned count, std::string_view text) {
  std::string all;
  for (unsigned i = 0; i < count; ++i)
    all += text;
  return all;
}

}  // namespace

TEST_CASE("redis: a pipeline in one read gives a record for each", "[flow][redis]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, times(3, kPing), {.arrived_ns = 990})
      .out(1, 1100, "+PONG\r\n-ERR x\r\n")
      .out(1, 1200, "$1\r\nx\r\n");
  flow.feed(b);
  REQUIRE(flow.requests.size() == 3);
  for (unsigned i = 0; i < 3; ++i) {
    CHECK(flow.requests[i].protocol == "redis");
    CHECK(flow.requests[i].family == ProtocolFamily::Database);
    CHECK(flow.requests[i].method.view() == "PING");
    CHECK(flow.requests[i].pipeline_depth == i + 1);
    CHECK(flow.requests[i].request_bytes == kPing.size());
    CHECK(flow.requests[i].at.write_last == (i == 2 ? 1200 : 1100));
  }
  CHECK(flow.requests[1].failure == Failure::ServerError);
  CHECK(flow.requests[1].status_text.view() == "ERR");
  CHECK(flow.requests[0].status_text.empty());
  CHECK(flow.requests[0].status_known);
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("a request that wants no answer is matched without stamps of writing", "[flow][redis]") {
  Flow flow;
  EventBuilder b;
  const std::string off = "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n";
  b.open(1, TW_ROLE_SERVER);
  SECTION("alone") {
    b.in(1, 1000, off, {.arrived_ns = 990});
  }
  SECTION("behind one that is still to be answered") {
    b.in(1, 1000, std::string(kPing) + off, {.arrived_ns = 990}).out(1, 1100, "+PONG\r\n");
  }
  flow.feed(b);
  REQUIRE(!flow.requests.empty());
  const auto found =
      std::find_if(flow.requests.begin(), flow.requests.end(),
                   [](const Request& request) { return request.method.view() == "CLIENT REPLY"; });
  REQUIRE(found != flow.requests.end());
  const Request& last = *found;
  CHECK(last.outcome == Outcome::Matched);
  CHECK(last.failure == Failure::None);
  CHECK(last.at.read_last == 1000);
  CHECK(last.at.write_first == 0);
  CHECK(last.at.write_last == 0);
  CHECK(last.duration() == 0);
  CHECK_FALSE(last.budget.known);
  CHECK(last.response_bytes == 0);
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("redis: replies that were lost ended before the next turn", "[flow][redis]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, times(3, kPing))
      .out(1, 1100, "+PONG\r\n+PONG\r\n+PONG\r\n", {.capture_bytes = 7});
  SECTION("that of requests") {
    b.in(1, 2000, kPing).out(1, 2100, "+PONG\r\n");
    flow.feed(b);
    REQUIRE(flow.requests.size() == 4);
    CHECK(flow.requests[1].end_rule == EndRule::DirectionReversal);
    CHECK(flow.requests[2].at.write_last == 1100);
    CHECK_FALSE(flow.requests[2].status_known);
    CHECK(flow.requests[2].incomplete);
    CHECK(flow.requests[3].end_rule == EndRule::Framing);
    CHECK(flow.requests[3].at.write_last == 2100);
  }
  SECTION("an orderly close") {
    b.shut(1, TW_DIR_IN, 2000).close(1, 2100);
    flow.feed(b);
    REQUIRE(flow.requests.size() == 3);
    CHECK(flow.requests[2].outcome == Outcome::Matched);
    CHECK(flow.requests[2].failure == Failure::None);
    CHECK(flow.requests[2].incomplete);
  }
  SECTION("and a reset is one") {
    b.close(1, 2100, {.flags = TW_CLOSE_RST_IN});
    flow.feed(b);
    flow.on_tick(2100 + kNsPerSec);  // what was being sent meanwhile may still be told
    REQUIRE(flow.requests.size() == 3);
    CHECK(flow.requests[2].failure == Failure::ConnectionReset);
  }
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("redis: what is taken for it and is not is measured as unknown", "[flow][redis]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "PING\r\n")
      .out(1, 1100, "250 hello\r\n")
      .in(1, 2000, "more\r\n")
      .out(1, 2100, "250 more\r\n")
      .in(1, 3000, "end\r\n");
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].protocol == "unknown");
  CHECK(flow.requests[0].method.empty());
  CHECK(flow.requests[1].protocol == "unknown");
}
