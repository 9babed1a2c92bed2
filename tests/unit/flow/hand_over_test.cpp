// Requests that go from thread to thread: who woke whom says whose time it is, and locks do not.
// Threads 11 and 12 read requests, 21 is of a pool.
#include "budget_fixture.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

// Threads 11 and 12 read, 21 does the work: it has been handed that of connection 2, and does it
// until 1400; before, at 1100, the request of connection 1 is read.
void busy_pool(Script& s) {
  s.ask(2, 12, 1000, 1000);
  s.sleep(21, kCond, 600, 1050, 1060, 12);
  s.ask(1, 11, 1100, 1100);
  s.sleep(12, kCond, 1080, 1400, 1420, 21).answer(2, 12, 1450);
}

}  // namespace

TEST_CASE("hand-over: a pool thread that is woken answers", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).on(21, 500).ask(1, 11, 950, 1000);
  s.sleep(21, kCond, 600, 1100, 1150, 11).sleep(21, kFsync, 1200, 1300, 1310);
  SECTION("while the reader says nothing more") {
    s.answer(1, 21, 1400);
  }
  SECTION("while the reader is busy with another connection") {
    s.open(2, TW_ROLE_SERVER);
    s.ask(2, 11, 1330, 1350).answer(1, 21, 1400).answer(2, 11, 1500);
  }
  SECTION("after the reader has slept") {
    s.sleep(11, kEpoll, 1110, 1320, 1330).answer(1, 21, 1400);
  }
  flow.feed(s);
  REQUIRE_FALSE(flow.requests.empty());
  CHECK(parts_of(flow.requests[0]) == "queue 50, on_cpu 240, run_queue 60, disk 100");
  CHECK(flow.requests[0].budget.gap == Gap::None);
}

TEST_CASE("hand-over: the reader waits for the result and answers", "[flow][budget]") {
  const Sleep in = GENERATE(as<Sleep>{}, kCond, kEpoll, Sleep{.nr = 0, .file = TW_FILE_PIPE});
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).on(21, 500).ask(1, 11, 950, 1000);
  s.sleep(21, kCond, 600, 1100, 1150, 11);
  s.sleep(21, kNanosleep, 1200, 1300, 1310);
  s.sleep(11, in, 1120, 1400, 1450, 21).answer(1, 11, 1500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "queue 50, on_cpu 290, run_queue 110, sleep 100");
}

TEST_CASE("hand-over: from thread to thread to thread and back", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).on(21, 500).on(22, 500).ask(1, 11, 1000, 1000);
  s.sleep(21, kCond, 600, 1100, 1110, 11);
  s.sleep(11, kEpoll, 1150, 1160, 1170);  // something else, or nothing
  s.sleep(22, kCond, 600, 1200, 1210, 21);
  s.sleep(21, kCond, 1220, 1300, 1320, 22);
  s.sleep(11, kEpoll, 1180, 1400, 1430, 21).answer(1, 11, 1500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 430, run_queue 70");
}

TEST_CASE("hand-over: a pool that was busy takes the work later", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).on(12, 900).on(21, 500);
  SECTION("readers answer") {
    busy_pool(s);
    s.sleep(11, kCond, 1150, 1700, 1710, 21).answer(1, 11, 1750);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 420, run_queue 30");
    CHECK(parts_of(flow.requests[1]) == "on_cpu 390, run_queue 10, other_requests 250");
  }
  SECTION("the pool answers") {
    s.ask(2, 11, 1000, 1000);
    s.sleep(21, kCond, 600, 1050, 1060, 11);
    s.ask(1, 11, 1100, 1100).answer(2, 21, 1400).answer(1, 21, 1700);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 390, run_queue 10");
    CHECK(parts_of(flow.requests[1]) == "on_cpu 300, other_requests 300");
  }
}

// Its answers end when the next question comes, but who gave one is free before.
TEST_CASE("hand-over: a pool that speaks a protocol that nobody knows", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).on(21, 500);
  s.in(1, 1000, "PING\r\n", {.arrived_ns = 1000, .tid = 11});
  s.sleep(21, kCond, 600, 1100, 1110, 11).out(1, 1300, "+PO", {.tid = 21});
  s.sleep(21, kFsync, 1310, 1350, 1350).out(1, 1400, "NG\r\n", {.tid = 21});
  s.in(2, 2000, "PING\r\n", {.arrived_ns = 2000, .tid = 11});
  s.sleep(21, kCond, 1450, 2100, 2110, 11).out(2, 2400, "+PONG\r\n", {.tid = 21});
  s.in(1, 3000, "PING\r\n", {.tid = 11}).in(2, 3100, "PING\r\n", {.tid = 11});
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 350, run_queue 10, disk 40");
  CHECK(parts_of(flow.requests[1]) == "on_cpu 390, run_queue 10");
}

TEST_CASE("hand-over: what happened too long ago is not made up", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).on(21, 500).ask(1, 11, 1000, 1000);
  for (Ns at = 1200; at < 2200; at += 5)
    s.preempt(11, at, at + 3);  // more than is remembered
  s.sleep(21, kCond, 600, 1100, 2200, 11).answer(1, 21, 2300);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  // as if 11 had gone on with it, as far as is known of it
  CHECK(parts_of(flow.requests[0]) == "on_cpu 698, run_queue 602");
}

TEST_CASE("hand-over: a hand-over that nobody saw is a gap", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).on(21, 500).ask(1, 11, 1000, 1000);
  s.sleep(21, kCond, 600, 1300, 1350).answer(1, 21, 1500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 150, run_queue 50, unattributed 300");
  CHECK(flow.requests[0].budget.gap == Gap::HandOff);
}

TEST_CASE("hand-over: a reader that ends is not forgotten with its work", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).on(21, 500).ask(1, 11, 1000, 1000);
  SECTION("the hand-over was seen") {
    s.sleep(21, kCond, 600, 1100, 1110, 11).exit(1200, 100, 11, 0);
    s.answer(1, 21, 1500);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 490, run_queue 10");
  }
  SECTION("it was not") {
    s.exit(1200, 100, 11, 0);
    s.sleep(21, kCond, 600, 1300, 1310).answer(1, 21, 1500);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 190, run_queue 10, unattributed 300");
    CHECK(flow.requests[0].budget.gap == Gap::HandOff);
  }
  SECTION("its number is given to another thread") {
    s.exit(1200, 100, 11, 0);
    s.on(11, 1250).sleep(11, {.flags = TW_OFF_NEW}, 1250, 1250, 1260, 21);
    s.answer(1, 11, 1500);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(flow.requests[0].budget.sum() == 500);
    CHECK(flow.requests[0].budget.known);
  }
}

TEST_CASE("hand-over: a thread that is made for a request gets it", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  s.sleep(31, {.flags = TW_OFF_NEW}, 1100, 1100, 1120, 11).answer(1, 31, 1200);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 180, run_queue 20");
}

TEST_CASE("hand-over: who is woken for a mutex is handed nothing", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).on(12, 900).on(21, 500);
  SECTION("by a thread of a pool") {
    busy_pool(s);
    s.sleep(11, kMutex, 1150, 1700, 1710, 21).answer(1, 11, 1750);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 420, run_queue 30");
    CHECK(parts_of(flow.requests[1]) == "on_cpu 90, run_queue 10, lock 550");
  }
  SECTION("by a thread with a request") {
    s.ask(1, 11, 1000, 1000);
    s.sleep(21, kMutex, 600, 1100, 1150, 11).answer(1, 11, 1300);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 300");
  }
  SECTION("between threads that share a request") {
    s.ask(1, 11, 1000, 1000);
    s.sleep(21, kCond, 600, 1100, 1150, 11);  // handed over, and 11 goes on with it too
    s.sleep(11, kMutex, 1200, 1300, 1310, 21).answer(1, 11, 1400);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 290, run_queue 10, lock 100");
  }
}

// A global lock is no mutex to the kernel: those who want it wait for a condition variable.
TEST_CASE("hand-over: two threads that serve and share a global lock", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).on(12, 900);
  SECTION("both are serving") {
    s.ask(1, 11, 1000, 1000).ask(2, 12, 1050, 1050);
    s.sleep(12, kCond, 1060, 1500, 1510, 11);
    s.sleep(11, kCond, 1520, 1600, 1610, 12);
    s.sleep(12, kCond, 1620, 1700, 1710, 11);
    s.answer(1, 11, 1720).answer(2, 12, 1800);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 630, run_queue 10, lock 80");
    CHECK(parts_of(flow.requests[1]) == "on_cpu 210, run_queue 20, lock 520");
  }
  SECTION("one has just answered") {
    s.ask(1, 11, 1000, 1000).ask(2, 12, 1050, 1050);
    s.answer(1, 11, 1400);
    s.sleep(12, kCond, 1060, 1500, 1510, 11).answer(2, 12, 1600);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[1]) == "on_cpu 100, run_queue 10, lock 440");
  }
  SECTION("one has waited for the lock before it read a request") {
    s.ask(2, 12, 1000, 1000);
    s.sleep(11, kCond, 910, 1200, 1210, 12);
    s.ask(1, 11, 1250, 1300);
    s.sleep(12, kCond, 1400, 1800, 1810, 11).answer(2, 12, 1900);
    s.answer(1, 11, 2000);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 490, run_queue 10, lock 400");
    CHECK(parts_of(flow.requests[1]) == "queue 50, on_cpu 700");
  }
}

TEST_CASE("hand-over: what the woken thread does for others first is not the request's",
          "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).on(21, 500);
  s.ask(1, 11, 1000, 1000);
  s.sleep(21, kCond, 600, 1050, 1060, 11);
  s.sleep(11, kEpoll, 1150, 1400, 1420, 21);
  s.ask(2, 11, 1390, 1430).answer(2, 11, 1930).answer(1, 11, 1950);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "queue 40, on_cpu 500");
  CHECK(parts_of(flow.requests[1]) == "on_cpu 410, run_queue 10, other_requests 530");
}
