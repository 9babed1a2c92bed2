// What the thread that read a request did while the request was in the queue.
#include "budget_fixture.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

TEST_CASE("queued: asleep until it was woken, then waiting for a CPU", "[flow][budget]") {
  const Sleep in = GENERATE(as<Sleep>{}, kEpoll, recv_from(1));
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 100).sleep(11, in, 200, 1010, 1110).ask(1, 11, 1000, 1150).answer(1, 11, 1200);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "queue 150, on_cpu 50");
  // 40 ns on its way to the read are not work
  CHECK(queued_of(flow.requests[0]) == "waited_for_cpu 100, asleep 50");
}

TEST_CASE("queued: busy with other requests", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).ask(2, 11, 1000, 1000);
  s.sleep(11, kFsync, 1100, 1300, 1350).answer(2, 11, 1500);
  s.preempt(11, 1550, 1570).ask(1, 11, 1050, 1600).answer(1, 11, 1700);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[1]) == "queue 550, on_cpu 100");
  // on a CPU 1050-1100 and 1350-1500 and in fsync for 2; 80 ns on its way
  CHECK(queued_of(flow.requests[1]) == "waited_for_cpu 70, busy 400, asleep 80");
}

TEST_CASE("queued: busy with an earlier request of the same connection", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  SECTION("that was answered before") {
    s.answer(1, 11, 1500).ask(1, 11, 1200, 1520).answer(1, 11, 1600);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(queued_of(flow.requests[1]) == "busy 300, asleep 20");
  }
  SECTION("that is not answered yet") {
    s.ask(1, 11, 1200, 1500).answer(1, 11, 1600).answer(1, 11, 1700);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(queued_of(flow.requests[1]) == "busy 300");
  }
}

TEST_CASE("queued: asleep for another connection's client is busy", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).in(2, 1000, kGet.substr(0, 20), {.arrived_ns = 1000, .tid = 11});
  s.sleep(11, recv_from(2), 1050, 1400, 1400);
  s.in(2, 1450, kGet.substr(20), {.tid = 11});
  s.answer(2, 11, 1500).ask(1, 11, 1100, 1520).answer(1, 11, 1600);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 150, client 350");
  CHECK(queued_of(flow.requests[1]) == "busy 400, asleep 20");
}

TEST_CASE("queued: not known before the thread was, and where records were lost",
          "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 1100).sleep(11, kEpoll, 1150, 1200, 1210);
  s.on(11, 1300).sleep(11, kEpoll, 1310, 1350, 1380);
  s.ask(1, 11, 1000, 1400).answer(1, 11, 1500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  // unknown to 1100 and 1210-1300; what it ran for between two sleeps nobody knows, but not for
  // this
  CHECK(queued_of(flow.requests[0]) == "waited_for_cpu 40, busy 60, asleep 110, unknown 190");
}

TEST_CASE("queued: a thread of a pool that waited for work was asleep", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(21, 500).ask(2, 21, 600, 650).answer(2, 21, 700);
  s.sleep(21, kCond, 720, 1100, 1120, 11).ask(1, 21, 1000, 1150).answer(1, 21, 1200);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(queued_of(flow.requests[1]) == "waited_for_cpu 20, asleep 130");
}
