// Requests that end when the peer has their last byte.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::uint64_t kConn = 7;

void open(EventBuilder& b) {
  b.open(kConn, TW_ROLE_SERVER, {.at_ns = 1, .established_ns = 1});
}

}  // namespace

TEST_CASE("drain: a request is handed on when its last byte is acknowledged", "[flow][drain]") {
  Flow flow;
  flow.table.want_acks(true);
  EventBuilder b;
  open(b);
  b.in(kConn, 1000, kGet, {.arrived_ns = 900}).out(kConn, 2000, kOk);
  b.feed(flow);
  CHECK(flow.requests.empty());
  EventBuilder later = std::move(b);
  later.ack(kConn, 2500);
  const auto records = later.records();
  flow.on_event(*decode(records.back()));
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].at.acked == 2500);
  CHECK(flow.requests[0].drain() == 500);
  CHECK(flow.requests[0].duration() == 1100);
}

TEST_CASE("drain: what is acknowledged in part waits for the rest", "[flow][drain]") {
  Flow flow;
  flow.table.want_acks(true);
  EventBuilder b;
  open(b);
  b.in(kConn, 1000, kGet).out(kConn, 2000, kOk).ack(kConn, 2100);
  b.in(kConn, 3000, kGet).out(kConn, 4000, kOk);
  b.retransmit(kConn, 4500, 1).retransmit(kConn, 4600, 2);
  b.ack(kConn, 4100, TW_ACK_NO_WINDOW).ack(kConn, 4700, TW_ACK_WINDOW).ack(kConn, 5000);
  b.feed(flow);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].at.acked == 2100);
  CHECK(flow.requests[1].at.acked == 5000);
}

TEST_CASE("drain: segments sent again until then are the request's", "[flow][drain]") {
  Flow flow;
  flow.table.want_budgets(true);
  flow.table.want_acks(true);
  EventBuilder b;
  open(b);
  b.in(kConn, 1000, kGet).out(kConn, 2000, kOk);
  b.retransmit(kConn, 4500, 1).retransmit(kConn, 4600, 2).ack(kConn, 4700, TW_ACK_NO_WINDOW);
  b.ack(kConn, 5000, TW_ACK_WINDOW | TW_ACK_ALL);
  b.feed(flow);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].retransmits == 2);
  CHECK(flow.requests[0].zero_windows == 1);
  CHECK(flow.requests[0].budget.sum() == flow.requests[0].duration());
}

TEST_CASE("drain: without an acknowledgement the end hands it on", "[flow][drain]") {
  for (const bool closed : {false, true}) {
    Flow flow;
    flow.table.want_acks(true);
    EventBuilder b;
    open(b);
    b.in(kConn, 1000, kGet).out(kConn, 2000, kOk);
    if (closed) b.close(kConn, 3000);
    b.feed(flow);
    if (!closed) flow.table.finish();
    REQUIRE(flow.requests.size() == 1);
    CHECK(flow.requests[0].outcome == Outcome::Matched);
    CHECK_FALSE(flow.requests[0].drain_known());
    CHECK(flow.in_flight() == 0);
  }
}

TEST_CASE("drain: a peer that acknowledges nothing cannot keep more than 64", "[flow][drain]") {
  Flow flow;
  flow.table.want_acks(true);
  EventBuilder b;
  open(b);
  for (Ns i = 0; i < 100; ++i)
    b.in(kConn, 1000 + i * 100, kGet).out(kConn, 1050 + i * 100, kOk);
  b.feed(flow);
  CHECK(flow.requests.size() == 36);
}
