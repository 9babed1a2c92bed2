// Which bytes belong to which request: MEASUREMENT's table of pairing, row by row.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

TEST_CASE("keep-alive: one record per request, idle time belongs to nobody", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER, {.established_ns = 50})
      .in(1, 1000, kGet, {.arrived_ns = 900, .accepted_ns = 700})
      .out(1, 1500, kOk)
      .in(1, 9000, kGet, {.arrived_ns = 8900})
      .out(1, 9100, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  const Request& first = flow.requests[0];
  CHECK(first.number == 1);
  CHECK(first.method.view() == "GET");
  CHECK(first.route.view() == "/a");
  CHECK(first.status == 200);
  CHECK(first.protocol == "http");
  CHECK(first.end_rule == EndRule::Framing);
  CHECK(first.queue() == 100);
  CHECK(first.service() == 500);
  CHECK(first.duration() == 600);
  CHECK(first.accept_queue() == 650);
  CHECK(first.request_bytes == kGet.size());
  CHECK(first.response_bytes == kOk.size());
  CHECK(flow.requests[1].number == 2);
  CHECK(flow.requests[1].duration() == 200);
  CHECK_FALSE(flow.requests[1].accept_queue_known());
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("a read of N pipelined requests gives N records in order", "[flow]") {
  const std::size_t depth = GENERATE(1U, 2U, 16U, 100U);
  Flow flow;
  EventBuilder b;
  std::string requests;
  std::string responses;
  for (std::size_t i = 0; i < depth; ++i) {
    requests += "GET /r" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
    responses += "HTTP/1.1 " + std::to_string(400 + i) + " x\r\nContent-Length: 1\r\n\r\nz";
  }
  b.open(1, TW_ROLE_SERVER).in(1, 1000, requests, {.arrived_ns = 900}).out(1, 2000, responses);
  flow.feed(b);
  REQUIRE(flow.requests.size() == depth);
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < depth; ++i) {
    CHECK(flow.requests[i].status == 400 + i);
    CHECK(flow.requests[i].pipeline_depth == i + 1);
    CHECK(flow.requests[i].at.arrived == 900);
    in += flow.requests[i].request_bytes;
    out += flow.requests[i].response_bytes;
  }
  CHECK(in == requests.size());
  CHECK(out == responses.size());
}

TEST_CASE("a pipelined request that came in a segment of its own has its own arrival", "[flow]") {
  Flow flow;
  EventBuilder b;
  const std::string two = std::string(kGet) + std::string(kGet);
  b.open(1, TW_ROLE_SERVER)
      .arrival(1, 950, kGet.size())
      .in(1, 1000, two, {.arrived_ns = 900})
      .out(1, 2000, std::string(kOk) + std::string(kOk));
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].at.arrived == 900);
  CHECK(flow.requests[1].at.arrived == 950);
}

TEST_CASE("request and response over several calls: first and last stamps", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "POST /up HTTP/1.1\r\nContent-Le", {.arrived_ns = 900})
      .in(1, 1100, "ngth: 4\r\n\r\nab", {.arrived_ns = 1090})
      .in(1, 1200, "cd", {.arrived_ns = 1190})
      .out(1, 2000, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
      .out(1, 2100, "ab")
      .out(1, 2200, "cd");
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  const Request& r = flow.requests[0];
  CHECK(r.at.arrived == 900);
  CHECK(r.at.read_first == 1000);
  CHECK(r.at.read_last == 1200);
  CHECK(r.at.write_first == 2000);
  CHECK(r.at.write_last == 2200);
  CHECK(r.receive() == 200);
  CHECK(r.send() == 200);
  CHECK(r.duration() == r.queue() + r.receive() + r.service() + r.send());
}

TEST_CASE("every split of the two streams gives the same exchange", "[flow]") {
  const std::string request = "POST /user/42?q=1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
  const std::string response =
      "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t i = 1; i < request.size(); ++i) {
    for (std::size_t j = 1; j < response.size(); j += 7) {
      Flow flow;
      EventBuilder b;
      b.open(1, TW_ROLE_SERVER)
          .in(1, 1000, request.substr(0, i), {.arrived_ns = 900})
          .in(1, 1100, request.substr(i))
          .out(1, 2000, response.substr(0, j))
          .out(1, 2100, response.substr(j));
      flow.feed(b);
      CAPTURE(i, j);
      REQUIRE(flow.requests.size() == 1);
      const Request& r = flow.requests[0];
      REQUIRE(r.method.view() == "POST");
      REQUIRE(r.route.view() == "/user/{id}");
      REQUIRE(r.status == 201);
      REQUIRE(r.at.arrived == 900);
      REQUIRE(r.at.read_first == 1000);
      REQUIRE(r.at.read_last == 1100);
      REQUIRE(r.at.write_first == 2000);
      REQUIRE(r.at.write_last == 2100);
      REQUIRE(r.request_bytes == request.size());
      REQUIRE(r.response_bytes == response.size());
    }
  }
}

TEST_CASE("a body by sendfile counts though nobody read it", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, kGet, {.arrived_ns = 900})
      .out(1, 2000, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
      .unreadable(1, TW_DIR_OUT, 2100, 65536)
      .unreadable(1, TW_DIR_OUT, 2200, 200000 - 65536)
      .in(1, 3000, kGet, {.arrived_ns = 2900})
      .out(1, 3100, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].at.write_last == 2200);
  CHECK(flow.requests[0].end_rule == EndRule::Framing);
  CHECK(flow.requests[0].response_bytes == 200043);
  CHECK_FALSE(flow.requests[0].incomplete);
  CHECK(flow.requests[1].response_bytes == kOk.size());
}

TEST_CASE("a large chunked body that was captured in part ends at its last chunk", "[flow]") {
  Flow flow;
  EventBuilder b;
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = "10000\r\n" + std::string(65536, 'x') + "\r\n0\r\n\r\n";
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, kGet)
      .out(1, 2000, head + body, {.capture_bytes = 1024})
      .in(1, 3000, kGet)
      .out(1, 3100, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].status == 200);
  CHECK(flow.requests[0].response_bytes == head.size() + body.size());
  CHECK(flow.requests[1].status == 200);
}

TEST_CASE("no queue without an arrival: the request says so", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet).out(1, 1500, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK_FALSE(flow.requests[0].queue_known());
  CHECK(flow.requests[0].duration() == 500);
}

TEST_CASE("an early answer ends when the request has ended", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", {.arrived_ns = 900})
      .out(1, 1100, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
      .in(1, 1200, "defghij");
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].status == 413);
  CHECK(flow.requests[0].at.read_last == 1200);
  CHECK(flow.requests[0].duration() == 200);
  CHECK(flow.requests[0].service() == 0);
}

TEST_CASE("role client: the exchange begins with what the target sends", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_CLIENT).out(1, 1000, kGet).in(1, 5000, kOk, {.arrived_ns = 4900});
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  const Request& r = flow.requests[0];
  CHECK(r.role == Role::Client);
  CHECK(r.at.read_first == 1000);
  CHECK(r.at.write_last == 5000);
  CHECK(r.at.arrived == 4900);
  CHECK(r.duration() == 4000);
  CHECK_FALSE(r.queue_known());
}

TEST_CASE("a tunnel gives no further requests", "[flow]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "GET /t HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
      .out(1, 1100,
           "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
           "Upgrade: other\r\n\r\n")
      .in(1, 1200, kGet)
      .out(1, 1300, kOk)
      .close(1, 2000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].status == 101);
  CHECK(flow.requests[0].end_rule == EndRule::Upgrade);
  CHECK(flow.in_flight() == 0);
}
