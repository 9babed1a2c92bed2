// How exchanges end when nobody framed the end: closes, resets, silence, attach in the middle,
// loss.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

TEST_CASE("a clean close of an idle connection is no error", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, kGet)
      .out(1, 1100, kOk)
      .shut(1, TW_DIR_IN, 1200)
      .shut(1, TW_DIR_OUT, 1300)
      .close(1, 1400);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].failure == Failure::None);
  CHECK(flow.ends.size() == 1);
  CHECK(flow.table.size() == 0);
}

TEST_CASE("a body without a length ends with the connection", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "GET / HTTP/1.0\r\n\r\n")
      .out(1, 1100, "HTTP/1.0 200 OK\r\n\r\npart")
      .out(1, 1200, "and the rest")
      .shut(1, TW_DIR_OUT, 1300);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].end_rule == EndRule::Close);
  CHECK(flow.requests[0].at.write_last == 1200);
  CHECK(flow.requests[0].failure == Failure::None);
}

TEST_CASE("who closed first says what became of an unanswered request", "[flow]") {
  Flow flow;
  EventBuilder b;
  SECTION("the client went away") {
    b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).shut(1, TW_DIR_IN, 1100).close(1, 1200);
    flow.feed(b);
    REQUIRE(flow.requests.size() == 1);
    CHECK(flow.requests[0].failure == Failure::ClientAbort);
  }
  SECTION("the server closed") {
    b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).shut(1, TW_DIR_OUT, 1100).close(1, 1200);
    flow.feed(b);
    REQUIRE(flow.requests.size() == 1);
    CHECK(flow.requests[0].failure == Failure::NoResponse);
  }
  SECTION("the peer reset it") {
    b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).close(1, 1200, {.flags = TW_CLOSE_RST_IN});
    flow.feed(b);
    CHECK(flow.requests.empty());  // what was being sent meanwhile may still be told
    flow.on_tick(1300);
    REQUIRE(flow.requests.size() == 1);
    CHECK(flow.requests[0].failure == Failure::ConnectionReset);
    CHECK(flow.ends[0].reset_by_peer);
  }
  SECTION("TCP gave up") {
    b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).close(1, 1200, {.flags = TW_CLOSE_TIMEOUT});
    flow.feed(b);
    REQUIRE(flow.requests.size() == 1);
    CHECK(flow.requests[0].failure == Failure::Timeout);
  }
  CHECK(flow.requests[0].outcome == Outcome::Unmatched);
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("a client that leaves in the middle of the answer is an abort with a status", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, kGet)
      .out(1, 1100, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\npart")
      .shut(1, TW_DIR_IN, 1200)
      .close(1, 1300);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].outcome == Outcome::Matched);
  CHECK(flow.requests[0].status == 200);
  CHECK(flow.requests[0].failure == Failure::ClientAbort);
}

TEST_CASE("an unknown protocol is paired by the change of direction", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "!!\r\n$4\r\nPING\r\n", {.arrived_ns = 990})
      .out(1, 1100, "+PONG\r\n")
      .in(1, 2000, "!!\r\n$4\r\nPI", {.arrived_ns = 1990})
      .in(1, 2010, "NG\r\n")
      .out(1, 2100, "+PO")
      .out(1, 2200, "NG\r\n");
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].protocol == "unknown");
  CHECK(flow.requests[0].end_rule == EndRule::DirectionReversal);
  CHECK(flow.requests[0].duration() == 110);
  CHECK(flow.seen == 2);

  SECTION("the last one ends when nothing follows for the quiet time") {
    flow.on_tick(2200 + kNsPerSec);
    REQUIRE(flow.requests.size() == 2);
    CHECK(flow.requests[1].end_rule == EndRule::Quiet);
    CHECK(flow.requests[1].at.read_last == 2010);
    CHECK(flow.requests[1].at.write_last == 2200);
  }
  SECTION("or with the run") {
    flow.on_tick(2300);
    CHECK(flow.requests.size() == 1);
    flow.table.finish();
    REQUIRE(flow.requests.size() == 2);
  }
  SECTION("or with the connection") {
    b.shut(1, TW_DIR_OUT, 2300).close(1, 2400);
    flow.feed(b);
    REQUIRE(flow.requests.size() == 2);
    CHECK(flow.requests[1].end_rule == EndRule::Close);
    CHECK(flow.requests[1].failure == Failure::None);
  }
}

TEST_CASE("without payload every exchange is still counted", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER);
  for (Ns t = 1000; t < 6000; t += 1000) {
    b.unreadable(1, TW_DIR_IN, t, 100, {.arrived_ns = t - 10});
    b.unreadable(1, TW_DIR_OUT, t + 100, 500);
  }
  flow.feed(b);
  flow.table.finish();
  REQUIRE(flow.requests.size() == 5);
  CHECK(flow.requests[0].duration() == 110);
  CHECK(flow.requests[4].response_bytes == 500);
}

TEST_CASE("an answer to what came before the attach is counted apart, once", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING})
      .out(1, 1000, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
      .out(1, 1100, "cd")
      .in(1, 2000, kGet, {.arrived_ns = 1990})
      .out(1, 2100, kOk);
  flow.feed(b);
  CHECK(flow.in_flight_at_attach == 1);
  CHECK(flow.matched == 1);
  CHECK(flow.seen == 1);
  CHECK(flow.requests[1].status == 200);
  CHECK(flow.starts[0] == ConnStart::Existing);
}

TEST_CASE("an upload that is cut by the attach is counted with what came before it", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING | TW_OPEN_ASKED})
      .in(1, 1000, "the rest of an")
      .in(1, 1050, " upload")
      .out(1, 1100, kOk)
      .in(1, 2000, kGet, {.arrived_ns = 1990})
      .out(1, 2100, kOk);
  // waiting for its answer since before the attach, and the client does not wait for that
  b.open(2, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING | TW_OPEN_ASKED})
      .out(2, 1100, kOk)
      .in(2, 2000, kGet)
      .out(2, 2100, kOk);
  // answered within the kernel's resolution, or a one-way message: the next request is whole
  b.open(3, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING | TW_OPEN_ASKED})
      .in(3, 1000, kGet)
      .out(3, 1100, kOk);
  flow.feed(b);
  CHECK(flow.in_flight_at_attach == 2);
  CHECK(flow.matched == 3);
  CHECK(flow.seen == 3);
}

TEST_CASE("a request that is cut by the attach does not hide the next one", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING})
      .in(1, 1000, "the rest of an upload")
      .out(1, 1100, kOk)
      .in(1, 2000, kGet, {.arrived_ns = 1990})
      .out(1, 2100, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[1].method.view() == "GET");
  CHECK(flow.requests[1].status == 200);
}

TEST_CASE("bytes that were never seen make what is outstanding incomplete", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).lose(1, TW_DIR_OUT, kOk.size());
  b.in(1, 2000, kGet).out(1, 2100, kOk).in(1, 3000, kGet).out(1, 3100, kOk);
  flow.feed(b);
  CHECK(flow.table.losses().stream_gaps == 1);
  CHECK(flow.seen == 3);
  flow.table.finish();
  REQUIRE(flow.requests.size() >= 2);
  CHECK(flow.requests[0].incomplete);
  CHECK(flow.requests.back().number == 3);
  CHECK_FALSE(flow.requests.back().incomplete);
  CHECK(flow.requests.back().status == 200);
}

TEST_CASE("first bytes that are too few to tell the protocol are kept until it is told", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "G", {.arrived_ns = 990})
      .in(1, 1010, "E")
      .in(1, 1020, std::string(kGet.substr(2)))
      .out(1, 1100, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].protocol == "http");
  CHECK(flow.requests[0].request_bytes == kGet.size());
  CHECK(flow.requests[0].at.read_last == 1020);

  b.open(2, TW_ROLE_SERVER).in(2, 1000, "G").out(2, 1100, "?");
  flow.feed(b);
  flow.table.finish();
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[1].protocol == "unknown");
}

TEST_CASE("the table is bounded: the connection that was silent longest goes", "[flow]") {
  Flow flow({.connections = 2, .pending_requests = 100});
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  b.in(1, 1000, kGet).in(2, 1001, kGet).out(1, 1002, kOk);
  b.open(3, TW_ROLE_SERVER);
  flow.feed(b);
  CHECK(flow.table.size() == 2);
  CHECK(flow.table.losses().connections_evicted == 1);
  CHECK(flow.unmatched == 1);  // the one of connection 2
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("outstanding requests are bounded everywhere", "[flow]") {
  Flow flow({.connections = 100, .pending_requests = 3});
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER);
  b.in(1, 1000, std::string(kGet) + std::string(kGet) + std::string(kGet) + std::string(kGet));
  flow.feed(b);
  CHECK(flow.table.losses().pending_full == 1);
  CHECK(flow.in_flight() == 0);
  b.open(2, TW_ROLE_SERVER).in(2, 2000, kGet).out(2, 2100, kOk);
  flow.feed(b);
  CHECK(flow.matched == 1);
}

TEST_CASE("a refused outgoing connection is told apart from other failures", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_CLIENT, {.flags = TW_OPEN_CONNECT_FAILED, .error = 111});
  b.open(2, TW_ROLE_CLIENT, {.flags = TW_OPEN_CONNECT_FAILED, .error = 110});
  flow.feed(b);
  CHECK(flow.starts == std::vector{ConnStart::Refused, ConnStart::ConnectFailed});
  CHECK(flow.table.size() == 0);
}

TEST_CASE("a recording keeps nothing secret of what was parsed", "[flow]") {
  Flow flow;
  flow.table.want_secrets(true);
  EventBuilder b;
  const std::string request = "GET /a?token=CANARY HTTP/1.1\r\nAuthorization: CANARY\r\n\r\n";
  b.open(1, TW_ROLE_SERVER).in(1, 1000, request);
  flow.feed(b);
  std::string masked = request;
  for (const SecretSpan& span : flow.table.secrets()) {
    masked.replace(span.offset, span.size, std::string(span.size, 'x'));
  }
  CHECK(masked.find("CANARY") == std::string::npos);
  CHECK(masked.starts_with("GET /a?"));
}

TEST_CASE("secrets in the tail of a cut call do not mask the start of its payload", "[flow]") {
  Flow flow;
  flow.table.want_secrets(true);
  EventBuilder b;
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n";
  b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet);
  b.out(1, 2000, head + std::string(2000, 'b'), {.capture_bytes = 500});
  flow.feed(b);
  REQUIRE_FALSE(flow.table.secrets().empty());
  for (const SecretSpan& span : flow.table.secrets())
    CHECK(span.offset >= head.size());
}

TEST_CASE("bytes that nobody reads are secret as a whole", "[flow]") {
  Flow flow;
  flow.table.want_secrets(true);
  EventBuilder b;
  std::size_t size = 0;
  SECTION("a greeting: nobody has asked yet") {
    b.open(1, TW_ROLE_SERVER).out(1, 1000, "220 CANARY");
    size = 10;
  }
  SECTION("of two threads that read at once, what is told last") {
    b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).out(1, 1100, kOk);
    b.lose(1, TW_DIR_IN, 6).in(1, 2000, kGet).lose(1, TW_DIR_IN, 0ULL - kGet.size() - 6);
    b.in(1, 2001, "CANARY");
    size = 6;
  }
  SECTION("after the end of its connection") {
    b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).close(1, 1100);
    b.open(2, TW_ROLE_SERVER).in(2, 2000, kGet);
    b.in(1, 2100, "much later: CANARY");
    size = 18;
  }
  flow.feed(b);
  REQUIRE(flow.table.secrets().size() == 1);
  CHECK(flow.table.secrets()[0].offset == 0);
  CHECK(flow.table.secrets()[0].size == size);
}

TEST_CASE("an answer tells the protocol of a request that nobody could read", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "garbage garbage\r\n\r\n", {.arrived_ns = 900})
      .out(1, 1100, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  b.open(2, TW_ROLE_SERVER)
      .unreadable(2, TW_DIR_IN, 2000, 50)
      .out(2, 2100, kOk)
      .in(2, 3000, kGet)
      .out(2, 3100, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 3);
  CHECK(flow.requests[0].protocol == "http");
  CHECK(flow.requests[0].method.view() == "_OTHER");
  CHECK(flow.requests[0].status == 400);
  CHECK(flow.requests[0].request_bytes == 19);
  CHECK(flow.requests[1].status == 200);
  CHECK(flow.requests[2].method.view() == "GET");
}

TEST_CASE("bytes that a known protocol's parser cannot place are counted, once each", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).out(1, 1100, kOk);
  flow.feed(b);
  CHECK(flow.table.losses().bytes_not_parsed == 0);

  b.open(2, TW_ROLE_SERVER).in(2, 1000, kGet).out(2, 1100, kOk).unreadable(2, TW_DIR_IN, 2000, 500);
  flow.feed(b);
  CHECK(flow.table.losses().bytes_not_parsed == 500);  // at once, not when its place is found again

  b.open(3, TW_ROLE_SERVER).in(3, 1000, kGet).out(3, 1100, kOk);
  b.unreadable(3, TW_DIR_IN, 2000, 30).unreadable(3, TW_DIR_IN, 2100, 40);
  b.out(3, 2200, kOk).in(3, 3000, kGet).out(3, 3100, kOk);
  flow.feed(b);
  CHECK(flow.table.losses().bytes_not_parsed == 570);
  CHECK(flow.requests.back().method.view() == "GET");

  b.open(4, TW_ROLE_SERVER).unreadable(4, TW_DIR_IN, 4000, 500);  // no protocol: nothing to parse
  flow.feed(b);
  CHECK(flow.table.losses().bytes_not_parsed == 570);
}

TEST_CASE("bytes of a connection that has ended are counted as not parsed", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).out(1, 1100, kOk).close(1, 1200);
  b.in(1, 1300, std::string(20'000, 'x'));  // more than one record of the same call
  b.unreadable(1, TW_DIR_OUT, 1400, 500);
  flow.feed(b);
  CHECK(flow.table.losses().bytes_not_parsed == 20'500);
  CHECK(flow.table.losses().unannounced == 0);
  CHECK(flow.in_bytes == kGet.size() + 20'000);
  CHECK(flow.requests.size() == 1);
  CHECK(flow.table.size() == 0);
}

TEST_CASE("a FIN that overtakes unread bytes ends nothing before they are read", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).out(1, 1100, kOk);
  b.shut(1, TW_DIR_IN, 1500).in(1, 2000, kGet).out(1, 2100, kOk).close(1, 2200);
  // an upstream that answers and closes, before the target looks
  b.open(2, TW_ROLE_CLIENT).out(2, 1000, kGet).shut(2, TW_DIR_IN, 1500);
  b.in(2, 2000, kOk).close(2, 2200);
  b.open(3, TW_ROLE_CLIENT).out(3, 1000, "GET / HTTP/1.0\r\n\r\n").shut(3, TW_DIR_IN, 1500);
  b.in(3, 2000, "HTTP/1.0 200 OK\r\n\r\npart").in(3, 2100, " and rest").close(3, 2200);
  flow.feed(b);
  CHECK(flow.matched == 4);
  CHECK(flow.unmatched == 0);
  for (const Request& request : flow.requests)
    CHECK(request.failure == Failure::None);
  CHECK(flow.requests.back().response_bytes == 32);
  CHECK(flow.requests.back().end_rule == EndRule::Close);
}

TEST_CASE("what was being sent while the peer reset the connection is no new one", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).close(1, 1100, {.flags = TW_CLOSE_RST_IN});
  b.out(1, 1110, kOk);
  flow.feed(b);
  flow.on_tick(2000);
  CHECK(flow.table.losses().unannounced == 0);
  CHECK(flow.in_flight_at_attach == 0);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].failure == Failure::None);  // it was answered before the reset was told
  CHECK(flow.requests[0].response_bytes == kOk.size());
}

TEST_CASE("a reset connection ends when events are well past it, without a tick", "[flow]") {
  constexpr Ns kMs = 1'000'000;
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1 * kMs, kGet).close(1, 10 * kMs, {.flags = TW_CLOSE_RST_IN});
  b.open(2, TW_ROLE_SERVER).in(2, 1 * kMs, kGet).close(2, 60 * kMs, {.flags = TW_CLOSE_RST_IN});
  b.open(3, TW_ROLE_SERVER, {.at_ns = 110 * kMs});
  flow.feed(b);
  CHECK(flow.requests.empty());
  CHECK(flow.table.size() == 3);

  SECTION("an opening") {
    b.open(4, TW_ROLE_SERVER, {.at_ns = 110 * kMs + 1});
    flow.feed(b);
    CHECK(flow.table.size() == 3);
    CHECK(flow.requests.size() == 1);
  }
  SECTION("a close") {
    b.close(3, 110 * kMs + 1);
    flow.feed(b);
    CHECK(flow.table.size() == 1);
    CHECK(flow.requests.size() == 1);
  }
  SECTION("the end of the run") {
    flow.table.finish();
    CHECK(flow.requests.size() == 2);
  }
  for (const Request& request : flow.requests)
    CHECK(request.failure == Failure::ConnectionReset);
}

TEST_CASE("connections that were reset wait in bounded number", "[flow]") {
  Flow flow;
  EventBuilder b;
  for (std::uint64_t conn = 1; conn <= 1000; ++conn) {
    b.open(conn, TW_ROLE_SERVER, {.at_ns = conn}).in(conn, conn, kGet);
    b.close(conn, conn, {.flags = TW_CLOSE_RST_IN});
  }
  b.out(1000, 1000, kOk);
  flow.feed(b);
  CHECK(flow.table.size() == 256);
  CHECK(flow.requests.size() == 744 + 1);
  CHECK(flow.unmatched == 744);  // the first ones
  flow.on_tick(2000);
  CHECK(flow.table.size() == 0);
  CHECK(flow.unmatched == 999);
  CHECK(flow.ends.size() == 1000);
}

TEST_CASE("a last message of an unknown protocol is no failure", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "\x10hello").out(1, 1100, "\x20welcome");
  b.in(1, 2000, "\xe0").shut(1, TW_DIR_IN, 2100).close(1, 2200);
  flow.feed(b);
  CHECK(flow.matched == 1);
  CHECK(flow.unmatched == 1);
  CHECK(flow.requests.back().failure == Failure::None);
}

TEST_CASE("bytes whose arrival is not known take no other bytes' stamp", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER);
  b.arrival(1, 2000, kGet.size() | TW_ARRIVAL_UNKNOWN);
  b.in(1, 2000, std::string(kGet) + std::string(kGet), {.arrived_ns = 1500});
  b.out(1, 2100, kOk).out(1, 2200, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].at.arrived == 1500);
  CHECK(flow.requests[1].at.arrived == 0);
}
