// Connections whose TLS library tells the plaintext: exchanges are those of the plaintext, their
// times those of the socket's calls.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr CallOptions kPlain{.flags = TW_DATA_PLAIN | TW_DATA_TLS};
// of a program that moves the ciphertext itself
constexpr CallOptions kOutside{.flags = TW_DATA_PLAIN};

std::string sealed(std::size_t plaintext, char type = 23) {
  const std::size_t size = plaintext + 17;
  std::string made{type, 3, 3, static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
  return made + std::string(size, '\x5a');
}

CallOptions wire(Ns arrived_ns = 0) {
  return {.arrived_ns = arrived_ns, .flags = TW_DATA_TLS};
}

// A connection that has shaken hands: 1.3, with tickets.
EventBuilder opened() {
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER, {.established_ns = 50})
      .in(1, 100, sealed(200, 22), wire(90))
      .out(1, 200, sealed(900, 22), wire())
      .in(1, 300, sealed(36), wire(290))
      .out(1, 310, sealed(230), wire());
  return b;
}

}  // namespace

TEST_CASE("tls: requests are the plaintext's, times the wire's", "[flow][tls]") {
  Flow flow;
  EventBuilder b = opened();
  const std::string request = sealed(kGet.size());
  for (Ns at = 1000; at <= 3000; at += 1000) {
    b.in(1, at + 100, request.substr(0, 5), wire(at))
        .in(1, at + 110, request.substr(5), wire(at))
        .in(1, at + 150, kGet, kPlain)
        .out(1, at + 400, sealed(kOk.size()), wire())
        .out(1, at + 450, kOk, kPlain);
  }
  b.close(1, 9000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 3);
  CHECK(flow.seen == 3);
  for (const Request& got : flow.requests) {
    const Ns at = got.number * 1000;
    CHECK(got.protocol == "http");
    CHECK(got.route.view() == "/a");
    CHECK(got.status == 200);
    CHECK(got.outcome == Outcome::Matched);
    CHECK_FALSE(got.incomplete);
    CHECK(got.at.arrived == at);
    CHECK(got.at.read_first == at + 100);
    CHECK(got.at.read_last == at + 110);
    CHECK(got.at.write_first == at + 400);
    CHECK(got.at.write_last == at + 400);
    CHECK(got.request_bytes == kGet.size());
    CHECK(got.response_bytes == kOk.size());
  }
  // bytes are those of the wire
  CHECK(flow.in_bytes == 222 + 58 + 3 * request.size());
  CHECK(flow.table.losses().stream_gaps == 0);
  CHECK(flow.table.losses().bytes_not_parsed == 0);
}

TEST_CASE("tls: a request in the segment that ends the handshake", "[flow][tls]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 100, sealed(200, 22), wire(90))
      .out(1, 200, sealed(900, 22), wire())
      .in(1, 300, sealed(36) + sealed(kGet.size()), wire(290))
      .out(1, 310, sealed(230), wire())  // tickets are no answer
      .in(1, 320, kGet, kPlain)
      .out(1, 400, sealed(kOk.size()), wire())
      .out(1, 410, kOk, kPlain);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].at.arrived == 290);
  CHECK(flow.requests[0].at.read_last == 300);
  CHECK(flow.requests[0].at.write_first == 400);
}

TEST_CASE("tls: records that one call read have their own arrivals", "[flow][tls]") {
  Flow flow;
  EventBuilder b = opened();
  const std::string request = sealed(kGet.size());
  const std::uint64_t second = b.offset(1, TW_DIR_IN) + request.size();
  b.arrival(1, 1500, second).in(1, 2000, request + request, wire(1000));
  b.in(1, 2010, kGet, kPlain)
      .out(1, 2100, sealed(kOk.size()), wire())
      .out(1, 2110, kOk, kPlain)
      .in(1, 2120, kGet, kPlain)
      .out(1, 2200, sealed(kOk.size()), wire())
      .out(1, 2210, kOk, kPlain);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].at.arrived == 1000);
  CHECK(flow.requests[1].at.arrived == 1500);
  CHECK(flow.requests[1].at.read_first == 2000);
}

TEST_CASE("tls: an answer ends with the call that carried its last record", "[flow][tls]") {
  Flow flow;
  EventBuilder b = opened();
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
  b.in(1, 1000, sealed(kGet.size()), wire(900))
      .in(1, 1010, kGet, kPlain)
      .out(1, 1100, sealed(head.size()), wire())
      .out(1, 1110, head, kPlain)
      .out(1, 1200, sealed(100).substr(0, 60), wire())  // the peer takes no more
      .out(1, 1900, sealed(100).substr(60), wire())
      .out(1, 1910, std::string(100, 'x'), kPlain);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].at.write_first == 1100);
  CHECK(flow.requests[0].at.write_last == 1900);
}

TEST_CASE("tls: attached in mid-connection, the exchange that was under way is unknown",
          "[flow][tls]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER, {.flags = TW_OPEN_EXISTING})
      .in(1, 1000, sealed(kGet.size()))  // a call that was waiting already: nobody saw it begin
      .out(1, 1100, sealed(kOk.size()), wire())
      .out(1, 1110, kOk, kPlain);
  for (Ns at = 2000; at <= 3000; at += 1000) {
    b.in(1, at + 100, sealed(kGet.size()), wire(at))
        .in(1, at + 110, kGet, kPlain)
        .out(1, at + 400, sealed(kOk.size()), wire())
        .out(1, at + 410, kOk, kPlain);
  }
  flow.feed(b);
  REQUIRE(flow.requests.size() == 3);
  CHECK(flow.requests[0].protocol == "unknown");
  CHECK(flow.requests[0].at.write_last == 1100);
  for (const std::size_t i : {1U, 2U}) {
    CHECK(flow.requests[i].protocol == "http");
    CHECK_FALSE(flow.requests[i].incomplete);
    CHECK(flow.requests[i].at.write_last == (i + 1) * 1000 + 400);
  }
}

TEST_CASE("tls: plaintext that was lost makes its exchange incomplete, not the next",
          "[flow][tls]") {
  Flow flow;
  EventBuilder b = opened();
  std::size_t drop = 0;
  for (Ns at = 1000; at <= 5000; at += 1000) {
    b.in(1, at + 100, sealed(kGet.size()), wire(at)).in(1, at + 110, kGet, kPlain);
    b.out(1, at + 400, sealed(kOk.size()), wire());
    if (at == 2000) drop = b.records().size();
    b.out(1, at + 410, kOk, kPlain);
  }
  std::size_t at = 0;
  for (const auto record : b.records()) {
    if (at++ == drop) continue;
    const Decoded event = decode(record);
    REQUIRE(event);
    flow.on_event(*event);
  }
  REQUIRE(flow.requests.size() == 5);
  CHECK_FALSE(flow.requests[0].incomplete);
  CHECK(flow.requests[1].incomplete);
  CHECK(flow.requests[4].protocol == "http");
  CHECK_FALSE(flow.requests[4].incomplete);
  CHECK(flow.table.losses().stream_gaps == 1);
}

TEST_CASE("tls: where no plaintext comes the connection is unknown again", "[flow][tls]") {
  Flow flow;
  EventBuilder b = opened();
  for (Ns at = 1000; at <= 40'000; at += 1000) {
    b.in(1, at + 100, sealed(50), wire(at)).out(1, at + 400, sealed(50), wire());
  }
  b.close(1, 50'000);
  flow.feed(b);
  CHECK(flow.requests.size() > 25);
  CHECK(flow.requests.back().protocol == "unknown");
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("tls: plaintext of a connection whose wire is not known tells nothing", "[flow][tls]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 100, kGet, kPlain).out(1, 200, kOk, kPlain);
  flow.feed(b);
  CHECK(flow.seen == 0);
  CHECK(flow.in_bytes == 0);
}

TEST_CASE("tls: a recording keeps heads of records and what the parser reads, no body",
          "[flow][tls]") {
  Flow flow;
  flow.table.want_secrets(true);
  EventBuilder b = opened();
  flow.feed(b);
  b.in(1, 1000, sealed(kGet.size()), wire());
  // the builder was emptied: its offsets begin anew, which is a gap, and none of this test's
  flow.feed(b);
  std::size_t hidden = 0;
  for (const SecretSpan& secret : flow.table.secrets())
    hidden += secret.size;
  CHECK(hidden >= kGet.size() + 17);
}

TEST_CASE("tls: the server's calls to others are told in plaintext too", "[flow][tls]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_CLIENT)
      .out(1, 100, sealed(200, 22), wire())
      .in(1, 200, sealed(900, 22), wire(190))
      .out(1, 300, sealed(36), wire())
      .out(1, 400, sealed(kGet.size()), wire())
      .out(1, 410, kGet, kPlain)
      .in(1, 500, sealed(230), wire(490))  // tickets
      .in(1, 600, sealed(kOk.size()), wire(590))
      .in(1, 610, kOk, kPlain);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].role == Role::Client);
  CHECK(flow.requests[0].protocol == "http");
  CHECK(flow.requests[0].status == 200);
  CHECK(flow.requests[0].at.write_last == 600);
}

TEST_CASE("tls: where the program sends the ciphertext, an answer ends with the call after",
          "[flow][tls]") {
  Flow flow;
  EventBuilder b = opened();
  const std::string long_ok =
      "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
  for (Ns at = 1000; at <= 3000; at += 1000) {
    b.in(1, at + 100, sealed(kGet.size()), wire(at))
        .in(1, at + 110, kGet, kOutside)
        .out(1, at + 300, long_ok, kOutside)
        .out(1, at + 400, sealed(long_ok.size()).substr(0, 500), wire())
        .out(1, at + 600, sealed(long_ok.size()).substr(500), wire());
  }
  b.close(1, 9000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 3);
  for (const Request& got : flow.requests) {
    const Ns at = got.number * 1000;
    CHECK(got.status == 200);
    CHECK_FALSE(got.incomplete);
    CHECK(got.at.arrived == at);
    CHECK(got.at.read_last == at + 100);
    CHECK(got.at.write_first == at + 400);
    CHECK(got.at.write_last == at + 600);
  }
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("tls: several answers that one call sends, and one that is never sent", "[flow][tls]") {
  Flow flow;
  EventBuilder b = opened();
  b.in(1, 1000, sealed(2 * kGet.size()), wire(900))
      .in(1, 1010, std::string(kGet) + std::string(kGet), kOutside)
      .out(1, 1100, kOk, kOutside)
      .out(1, 1200, kOk, kOutside)
      .out(1, 1300, sealed(kOk.size()) + sealed(kOk.size()), wire())
      .in(1, 2000, sealed(kGet.size()), wire(1900))
      .in(1, 2010, kGet, kOutside)
      .out(1, 2100, kOk, kOutside);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  for (const Request& got : flow.requests)
    CHECK(got.at.write_last == 1300);
  CHECK(flow.in_flight() == 1);
}

TEST_CASE("tls: what a library's filters keep is sent by the call after", "[flow][tls]") {
  Flow flow;
  EventBuilder b = opened();
  b.in(1, 1100, sealed(kGet.size()), wire(1000))
      .in(1, 1110, kGet, kPlain)
      .out(1, 1400, sealed(kOk.size()), wire())
      .out(1, 1450, kOk, kPlain)
      .out(1, 1500, sealed(40), wire());  // nobody's plaintext: a new key, say
  for (Ns at = 2000; at <= 3000; at += 1000) {
    b.in(1, at + 100, sealed(kGet.size()), wire(at))
        .in(1, at + 110, kGet, kPlain)
        .out(1, at + 300, kOk, kPlain)
        .out(1, at + 400, sealed(kOk.size()), wire());
  }
  b.close(1, 9000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 3);
  for (const Request& got : flow.requests) {
    const Ns at = got.number * 1000;
    CHECK(got.at.read_last == at + 100);
    CHECK(got.at.write_first == at + 400);
    CHECK(got.at.write_last == at + 400);
  }
}

TEST_CASE("tls: a client that sends its ciphertext itself has the times of its sends",
          "[flow][tls]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_CLIENT)
      .out(1, 100, sealed(200, 22), wire())
      .in(1, 200, sealed(900, 22), wire(190))
      .out(1, 400, kGet, kOutside)
      .out(1, 500, sealed(36) + sealed(kGet.size()), wire())
      .in(1, 600, sealed(kOk.size()), wire(590))
      .in(1, 610, kOk, kOutside);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].at.read_first == 500);
  CHECK(flow.requests[0].at.write_last == 600);
}

TEST_CASE("tls: joined after its first bytes, the handshake is unknown and no part of a request",
          "[flow][tls]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 100, sealed(200, 22), {.arrived_ns = 90})
      .out(1, 200, sealed(900, 22), wire())
      .in(1, 300, sealed(36), wire(290))
      .in(1, 1000, sealed(kGet.size()), wire(900))
      .in(1, 1010, kGet, kOutside)
      .out(1, 1100, kOk, kOutside)
      .out(1, 1200, sealed(kOk.size()), wire());
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].protocol == "unknown");
  CHECK(flow.requests[1].protocol == "http");
  CHECK(flow.requests[1].at.arrived == 900);
  CHECK(flow.requests[1].at.read_first == 1000);
  CHECK(flow.requests[1].at.write_first == 1200);
}
