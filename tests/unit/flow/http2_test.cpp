// HTTP/2 through the flow layer: streams have the stamps of the calls that moved their own bytes.
#include "flow_fixture.h"
#include "unit/proto/http2_wire.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

TEST_CASE("http2: interleaved streams have their own stamps and sizes", "[flow][http2]") {
  Flow flow;
  EventBuilder b;
  Talk t;
  const std::string a = t.head(1, get("/a"), false);
  const std::string c = t.head(3, get("/c"));
  const std::string body = data(1, "body", true);
  const std::string reply3 = t.reply(3, ok());
  const std::string reply1 = t.reply(1, {{":status", "503"}});
  b.open(1, TW_ROLE_SERVER, {.established_ns = 50})
      .in(1, 500, t.turns[0].bytes, {.arrived_ns = 450, .accepted_ns = 400})
      .out(1, 600, t.turns[1].bytes)
      .in(1, 1000, a + c, {.arrived_ns = 900})
      .out(1, 2000, reply3)
      .in(1, 2500, body, {.arrived_ns = 2400})
      .out(1, 3000, data(3, "ccc", false) + reply1)
      .out(1, 4000, data(1, "aa", true) + data(3, "c", true));
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  const Request& first = flow.requests[0];
  CHECK(first.route.view() == "/a");
  CHECK(first.protocol == "http");
  CHECK(first.protocol_version == "2");
  CHECK(first.status == 503);
  CHECK(first.failure == Failure::ServerError);
  CHECK(first.number == 1);
  CHECK(first.at.established == 50);
  CHECK(first.at.arrived == 900);
  CHECK(first.at.read_first == 1000);
  CHECK(first.at.read_last == 2500);
  CHECK(first.at.write_first == 3000);
  CHECK(first.at.write_last == 4000);
  CHECK(first.request_bytes == a.size() + body.size());
  CHECK(first.response_bytes == reply1.size() + 11);
  const Request& second = flow.requests[1];
  CHECK(second.route.view() == "/c");
  CHECK(second.pipeline_depth == 2);
  CHECK(second.status == 200);
  CHECK(second.at.read_last == 1000);
  CHECK(second.at.write_first == 2000);
  CHECK(second.at.write_last == 4000);
  CHECK(second.response_bytes == reply3.size() + 12 + 10);
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("http2: gRPC calls are remote procedure calls", "[flow][http2]") {
  Flow flow;
  EventBuilder b;
  Talk t;
  const std::string ask = t.head(1, call("/pkg.Greeter/SayHello"), false) + data(1, "12345m", true);
  const std::string head = t.reply(1, grpc_ok());
  const std::string end = t.reply(1, {{"grpc-status", "4"}}, true);
  b.open(1, TW_ROLE_CLIENT)
      .out(1, 1000, std::string(kClientPreface) + settings() + ask)
      .in(1, 1500, settings())
      .in(1, 2000, head + data(1, "12345m", false), {.arrived_ns = 1900})
      .in(1, 3000, end);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  const Request& r = flow.requests[0];
  CHECK(r.role == Role::Client);
  CHECK(r.protocol == "grpc");
  CHECK(r.family == ProtocolFamily::Rpc);
  CHECK(r.method.empty());
  CHECK(r.route.view() == "pkg.Greeter/SayHello");
  CHECK(r.status == 0);
  CHECK(r.status_text.view() == "DEADLINE_EXCEEDED");
  CHECK(r.failure == Failure::ServerError);
  CHECK(r.at.write_first == 2000);
  CHECK(r.at.write_last == 3000);
}

TEST_CASE("http2: streams that are reset say by whom", "[flow][http2]") {
  Flow flow;
  EventBuilder b;
  Talk t;
  std::string asks;
  for (std::uint32_t id = 1; id <= 9; id += 2)
    asks += t.head(id, get("/a"));
  b.open(1, TW_ROLE_SERVER).in(1, 500, t.turns[0].bytes).out(1, 600, t.turns[1].bytes);
  b.in(1, 1000, asks).out(1, 2000, t.reply(1, ok()) + reset(3, 2) + reset(5, 7));
  b.in(1, 3000, reset(1, 8) + reset(7, 8));
  b.out(1, 4000, t.reply(9, ok(), true));
  flow.feed(b);
  REQUIRE(flow.requests.size() == 5);
  CHECK(flow.requests[0].failure == Failure::ConnectionReset);
  CHECK(flow.requests[0].outcome == Outcome::Unmatched);
  CHECK(flow.requests[1].failure == Failure::NoResponse);
  CHECK(flow.requests[2].failure == Failure::ClientAbort);
  CHECK(flow.requests[2].outcome == Outcome::Matched);
  CHECK(flow.requests[2].status == 200);
  CHECK(flow.requests[3].failure == Failure::ClientAbort);
  CHECK(flow.requests[3].outcome == Outcome::Unmatched);
  CHECK(flow.requests[4].failure == Failure::None);
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("http2: an upgrade from HTTP/1 is answered as stream 1", "[flow][http2]") {
  const bool existing = GENERATE(false, true);
  Flow flow;
  EventBuilder b;
  Talk t;
  const std::string ask =
      "GET /up HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABk\r\n\r\n";
  const std::string reply = t.reply(1, {{":status", "404"}}) + data(1, "no", true);
  const std::string next = t.head(3, get("/next"));
  b.open(1, TW_ROLE_SERVER, {.flags = static_cast<std::uint8_t>(existing ? TW_OPEN_EXISTING : 0)})
      .in(1, 1000, ask)
      .out(1, 2000,
           "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" +
               settings())
      .out(1, 3000, reply)
      .in(1, 4000, t.turns[0].bytes + next)
      .out(1, 5000, t.reply(3, ok(), true));
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].method.view() == "GET");
  CHECK(flow.requests[0].route.view() == "/up");
  CHECK(flow.requests[0].status == 404);
  CHECK(flow.requests[0].request_bytes == ask.size());
  CHECK(flow.requests[0].response_bytes == reply.size());
  CHECK(flow.requests[0].at.read_last == 1000);
  CHECK(flow.requests[0].at.write_first == 3000);
  CHECK(flow.requests[0].at.write_last == 3000);
  CHECK(flow.requests[1].route.view() == "/next");
  CHECK(flow.requests[1].at.write_last == 5000);
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("http2: a connection that was open before the attach", "[flow][http2]") {
  Flow flow;
  EventBuilder b;
  Talk t;
  t.head(1, get("/before"));
  t.reply(1, ok());
  b.open(1, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING});
  b.out(1, 900, data(1, "of before", true));
  const std::string ask3 = t.head(3, get("/a"));
  const std::string ask5 = t.head(5, get("/b"));
  b.in(1, 1000, ask3 + ask5);
  b.out(1, 2000, t.reply(5, {{":status", "500"}}, true));
  b.out(1, 3000, t.reply(3, ok(), true));
  flow.feed(b);
  REQUIRE(flow.requests.size() == 3);
  CHECK(flow.requests[0].outcome == Outcome::InFlightAtAttach);
  CHECK(flow.requests[1].route.view() == "/b");
  CHECK(flow.requests[1].status == 500);
  CHECK(flow.requests[2].route.view() == "/a");
  CHECK(flow.requests[2].at.write_last == 3000);
}

TEST_CASE("http2: streams that were asked for before the attach are counted apart",
          "[flow][http2]") {
  Flow flow;
  EventBuilder b;
  Talk t;
  t.head(1, get("/before"));
  t.head(3, get("/before"));
  b.open(1, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING});
  b.in(1, 1000, t.head(5, get("/a")));
  b.out(1, 2000, t.reply(3, ok(), true));
  b.out(1, 3000, t.reply(5, ok(), true) + t.reply(1, ok(), true));
  b.out(1, 4000, t.reply(7, ok(), true));  // of nothing that anybody asked for
  flow.feed(b);
  CHECK(flow.matched == 1);
  CHECK(flow.in_flight_at_attach == 2);
  CHECK(flow.table.losses().unsolicited == 0);
}

TEST_CASE("http2: what was lost makes requests incomplete, later ones are whole", "[flow][http2]") {
  Flow flow;
  EventBuilder b;
  Talk t;
  const std::string ask1 = t.head(1, get("/a"));
  const std::string ask3 = t.head(3, get("/b"));
  const std::string reply1 = t.reply(1, ok());
  const std::string reply3 = t.reply(3, ok(), true);
  b.open(1, TW_ROLE_SERVER).in(1, 500, t.turns[0].bytes).out(1, 600, t.turns[1].bytes);
  b.in(1, 1000, ask1).out(1, 2000, reply1).lose(1, TW_DIR_OUT, 5000);
  b.in(1, 3000, ask3).out(1, 4000, reply3).close(1, 5000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].route.view() == "/b");
  CHECK(flow.requests[0].at.write_last == 4000);
  CHECK(flow.requests[0].status == 200);
  CHECK(flow.requests[1].route.view() == "/a");
  CHECK(flow.requests[1].incomplete);
}

TEST_CASE("http2: streams that the parser gives up end unanswered", "[flow][http2]") {
  Flow flow;
  EventBuilder b;
  Talk t;
  b.open(1, TW_ROLE_SERVER).in(1, 500, t.turns[0].bytes).out(1, 600, t.turns[1].bytes);
  for (std::uint32_t id = 1; id < 2 * 1024; id += 2)
    b.in(1, 1000 + id, headers(id, "\x82\x84", true));
  b.unreadable(1, TW_DIR_OUT, 5000, 100000);
  b.in(1, 6000, headers(3001, "\x82\x84", true)).out(1, 7000, headers(3001, "\x88", true));
  flow.feed(b);
  CHECK(flow.unmatched == 1024);
  CHECK(flow.matched == 1);
  CHECK(flow.in_flight() == 0);
}
