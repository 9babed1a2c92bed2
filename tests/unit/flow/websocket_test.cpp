// Web sockets through the flow layer: the handshake's exchange goes on, and how it ends.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace std::string_literals;

namespace {

const std::string kAsk =
    "GET /chat/42 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kFromClient = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s;
const std::string kFromServer = "\x81\x05Hello"s;
const std::string kClientCloses = "\x88\x82\0\0\0\0\x03\xe9"s, kServerCloses = "\x88\x02\x03\xe8"s;

EventBuilder opened() {
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, kAsk, {.arrived_ns = 900})
      .out(1, 2000, kSwitch + kFromServer)
      .in(1, 3000, kFromClient + kFromClient)
      .out(1, 4000, kFromServer);
  return b;
}

}  // namespace

TEST_CASE("websocket: the handshake goes on until both have closed", "[flow][websocket]") {
  Flow half, flow;
  EventBuilder b = opened();
  b.out(1, 5000, kServerCloses);
  EventBuilder whole = b;
  half.feed(b);
  CHECK(half.requests.empty());
  whole.in(1, 6000, kFromClient + kClientCloses).close(1, 7000);
  flow.feed(whole);
  REQUIRE(flow.requests.size() == 1);
  const Request& r = flow.requests[0];
  CHECK(r.route.view() == "/chat/{id}");
  CHECK(r.protocol == "http");
  CHECK(r.status == 101);
  CHECK(r.open_ended);
  CHECK(r.failure == Failure::None);
  CHECK(r.end_rule == EndRule::Framing);
  CHECK(r.duration() == 4100);
  CHECK(r.service() == 1000);
  CHECK(r.messages == MessageCounts{.known = true,
                                    .requests = 3,
                                    .request_bytes = 15,
                                    .responses = 2,
                                    .response_bytes = 10,
                                    .close_code = 1000});
  CHECK(r.request_bytes == kAsk.size() + 3 * kFromClient.size() + kClientCloses.size());
  CHECK(r.response_bytes == kSwitch.size() + 2 * kFromServer.size() + kServerCloses.size());
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("websocket: who leaves without a word has failed", "[flow][websocket]") {
  const auto ends = [](EventBuilder b) {
    Flow flow;
    flow.feed(b);
    flow.on_tick(10 * kNsPerSec);
    REQUIRE(flow.requests.size() == 1);
    CHECK(flow.requests[0].outcome == Outcome::Matched);
    CHECK(flow.requests[0].messages.requests == 2);
    CHECK(flow.requests[0].messages.responses == 2);
    return flow.requests[0].failure;
  };
  CHECK(ends(opened().shut(1, TW_DIR_IN, 5000).shut(1, TW_DIR_OUT, 5100).close(1, 5200)) ==
        Failure::ClientAbort);
  CHECK(ends(opened().shut(1, TW_DIR_OUT, 5000).close(1, 5200)) == Failure::NoResponse);
  CHECK(ends(opened().close(1, 5200, {.flags = TW_CLOSE_RST_IN})) == Failure::ConnectionReset);
  CHECK(ends(opened().in(1, 5000, kClientCloses).close(1, 5200, {.flags = TW_CLOSE_RST_IN})) ==
        Failure::None);
  CHECK(ends(opened().in(1, 5000, kClientCloses).shut(1, TW_DIR_OUT, 5100).close(1, 5200)) ==
        Failure::None);
}

TEST_CASE("websocket: a gap makes it incomplete and does not end it", "[flow][websocket]") {
  Flow flow;
  EventBuilder b = opened();
  b.out(1, 5000, "???????????");
  b.in(1, 6000, kFromClient).out(1, 7000, kFromServer).out(1, 8000, kServerCloses);
  b.in(1, 9000, kClientCloses);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].incomplete);
  CHECK(flow.requests[0].messages.requests == 3);
  CHECK(flow.requests[0].messages.responses == 3);
  CHECK(flow.requests[0].end_rule == EndRule::Framing);
  CHECK(flow.table.losses().bytes_not_parsed == 11 + kFromServer.size());
}

TEST_CASE("websocket: met in the middle it is one exchange without a name", "[flow][websocket]") {
  Flow flow;
  EventBuilder b;
  const std::string text = "\x81\x8a\0\0\0\0{\"hi\": \"x\"}"s.substr(0, 16);
  b.open(1, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING})
      .in(1, 1000, text)
      .out(1, 2000, kFromServer)
      .in(1, 3000, text);
  b.out(1, 4000, kFromServer).out(1, 5000, kServerCloses).in(1, 6000, kClientCloses);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].protocol == "websocket");
  CHECK(flow.requests[0].method.empty());
  CHECK(flow.requests[0].open_ended);
  CHECK_FALSE(flow.requests[0].status_known);
  CHECK(flow.requests[0].messages.requests == 2);
  CHECK(flow.requests[0].messages.responses == 2);
}
