// Targets that read a request's head byte by byte, as mosquitto does: each call brings a piece, and
// what is told when the head is complete began in an earlier one.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

// MQTT: PUBLISH of quality of service 1 to "a/b", and its PUBACK.
const std::string kPublish(
    "\x32\x08\0\x03"
    "a/b\0\x01x",
    10);
const std::string kAck("\x40\x02\0\x01", 4);

// Reads it as one byte, one byte, and the rest; the whole of it arrived at `arrived`.
void read_in_pieces(EventBuilder& b, Ns at, Ns arrived) {
  b.in(1, at, kPublish.substr(0, 1), {.arrived_ns = arrived});
  b.in(1, at + 1, kPublish.substr(1, 1), {.arrived_ns = arrived});
  b.in(1, at + 2, kPublish.substr(2), {.arrived_ns = arrived});
}

}  // namespace

TEST_CASE("a request that is read in pieces begins with the first of them", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER);
  read_in_pieces(b, 1000, 900);
  b.out(1, 1100, kAck);
  read_in_pieces(b, 2000, 1900);
  b.out(1, 2100, kAck);
  read_in_pieces(b, 3000, 0);
  b.out(1, 3100, kAck);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 3);
  for (Ns i = 0; i < 3; ++i) {
    const Request& request = flow.requests[i];
    CHECK(request.method.view() == "PUBLISH");
    CHECK(request.at.arrived == (i == 2 ? 0 : 900 + i * 1000));
    CHECK(request.at.read_first == 1000 + i * 1000);
    CHECK(request.at.read_last == 1002 + i * 1000);
  }
}

TEST_CASE("what was unknown is told by a later turn that is read in pieces", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING});
  b.in(1, 1000, kPublish.substr(5)).out(1, 1100, kAck);  // the attach came in the middle of one
  read_in_pieces(b, 2000, 1900);
  b.out(1, 2100, kAck);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].protocol == "unknown");
  CHECK(flow.requests[0].at.write_last == 1100);
  CHECK(flow.requests[1].protocol == "mqtt");
  CHECK(flow.requests[1].method.view() == "PUBLISH");
  CHECK(flow.requests[1].at.arrived == 1900);
  CHECK(flow.requests[1].at.read_first == 2000);
  CHECK(flow.requests[1].at.read_last == 2002);
  CHECK(flow.in_flight() == 0);
}
