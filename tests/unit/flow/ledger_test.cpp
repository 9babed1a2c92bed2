// Where the time of requests went when one thread serves them from end to end: each class of sleep,
// the event loop, what was not seen. Exact, in nanoseconds.
#include "budget_fixture.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

TEST_CASE("budget: a thread per connection, each way to sleep", "[flow][budget]") {
  const auto [in, name] = GENERATE(table<Sleep, std::string>({
      {kCond, "lock"},
      {kMutex, "lock"},
      {kFsync, "disk"},
      {{.nr = 0, .file = TW_FILE_REGULAR}, "disk"},
      {{.nr = 257, .flags = TW_OFF_IO_WAIT}, "disk"},
      {kNanosleep, "sleep"},
      {kEpoll, "poll"},
      {recv_from(1), "client"},
      {recv_from(9), "downstream"},
      {recv_from(8), "other"},  // not followed
      {{.flags = TW_OFF_FAULT}, "page_fault"},
      {{.nr = 61}, "other"},
      {{.nr = 0, .file = TW_FILE_PIPE}, "other"},
  }));
  INFO(name);
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(9, TW_ROLE_CLIENT);
  s.on(11, 950).ask(1, 11, 900, 1000);
  s.sleep(11, in, 1100, 1400, 1450).answer(1, 11, 1500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  const Request& request = flow.requests[0];
  // parts in the order in which they are shown
  const std::string slept = name + " 300";
  CHECK(parts_of(request) == "queue 100, on_cpu 150, run_queue 50, " + slept);
  CHECK(request.budget.gap == Gap::None);
  CHECK(request.other_call == (name == "other" ? in.nr : 0xffff));
}

TEST_CASE("budget: of several other calls the longest is named", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.ask(1, 11, 1000, 1000);
  s.on(11, 1000).sleep(11, {.nr = 61}, 1010, 1100, 1100);
  s.sleep(11, {.nr = 87}, 1110, 1310, 1310);
  s.sleep(11, {.nr = 62}, 1320, 1400, 1400);
  s.answer(1, 11, 1500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 130, other 370");
  CHECK(flow.requests[0].other_call == 87);
}

TEST_CASE("budget: keep-alive, idle time belongs to nobody", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 900, 1000).answer(1, 11, 1100);
  s.sleep(11, recv_from(1), 1150, 5000, 5020).ask(1, 11, 4990, 5050);
  s.sleep(11, kNanosleep, 5060, 5160, 5160).answer(1, 11, 5200);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "queue 100, on_cpu 100");
  CHECK(parts_of(flow.requests[1]) == "queue 60, on_cpu 50, sleep 100");
}

TEST_CASE("budget: preemption is waiting for a CPU", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  s.preempt(11, 1100, 1300).preempt(11, 1400, 1600).answer(1, 11, 1700);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 300, run_queue 400");
}

TEST_CASE("budget: an event loop that runs for other requests", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000).ask(2, 11, 1050, 1100);
  s.sleep(11, kNanosleep, 1200, 1300, 1310);  // blocks the loop, for 2
  s.answer(2, 11, 1500).answer(1, 11, 1700);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "queue 50, on_cpu 290, run_queue 10, sleep 100");
  CHECK(parts_of(flow.requests[1]) == "on_cpu 300, other_requests 400");
}

TEST_CASE("budget: an event loop that is idle, and then busy with others", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  s.sleep(11, kEpoll, 1100, 1400, 1450).ask(2, 11, 1400, 1500).answer(2, 11, 1600);
  s.sleep(11, kEpoll, 1650, 1900, 1950).answer(1, 11, 2000);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "queue 100, on_cpu 100");
  // 1100-1400 and 1650-1900 idle, 1400-1650 for 2, which it answered and nobody else was for
  CHECK(parts_of(flow.requests[1]) == "on_cpu 150, run_queue 50, poll 550, other_requests 250");
}

TEST_CASE("budget: idle while the request is not complete", "[flow][budget]") {
  const bool known_soon = GENERATE(true, false);
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900);
  const std::string_view first = known_soon ? kGet.substr(0, 20) : kGet.substr(0, 2);
  s.in(1, 1000, first, {.arrived_ns = 1000, .tid = 11});
  s.sleep(11, kEpoll, 1100, 1400, 1400);
  s.in(1, 1500, kGet.substr(first.size()), {.arrived_ns = 1390, .tid = 11});
  s.sleep(11, kEpoll, 1600, 1700, 1700).answer(1, 11, 1800);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 400, client 300, poll 100");
}

TEST_CASE("budget: idle while the client does not take the answer", "[flow][budget]") {
  const bool full = GENERATE(true, false);
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  const auto flags = static_cast<std::uint8_t>(full ? TW_DATA_NO_SPACE : 0);
  s.out(1, 1100, kOk.substr(0, 38), {.flags = flags, .tid = 11});
  s.sleep(11, kEpoll, 1200, 1500, 1500);
  s.out(1, 1600, kOk.substr(38), {.tid = 11});
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == (full ? "on_cpu 300, client 300" : "on_cpu 300, poll 300"));
}

TEST_CASE("budget: pipelined requests each have their own time", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).arrival(1, 950, kGet.size());
  s.in(1, 1000, std::string(kGet) + std::string(kGet), {.arrived_ns = 900, .tid = 11});
  s.sleep(11, kCond, 1100, 1200, 1210).answer(1, 11, 1500);
  s.sleep(11, kFsync, 1600, 1700, 1700).answer(1, 11, 1800);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "queue 100, on_cpu 390, run_queue 10, lock 100");
  CHECK(parts_of(flow.requests[1]) == "queue 50, on_cpu 590, run_queue 10, lock 100, disk 100");
}

TEST_CASE("budget: an answer before the request's end", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.in(1, 1000, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n", {.arrived_ns = 950, .tid = 11});
  s.on(11, 1000).sleep(11, kCond, 1050, 1150, 1150).answer(1, 11, 1200);
  s.sleep(11, recv_from(1), 1300, 1400, 1400);
  s.in(1, 1500, "body", {.tid = 11});
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "queue 50, on_cpu 100, lock 100");
}

TEST_CASE("budget: a thread that is first seen in the middle", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  SECTION("by its call") {
    s.ask(1, 11, 900, 1000);
    s.on(11, 1000).sleep(11, kCond, 1100, 1200, 1200).answer(1, 11, 1300);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(parts_of(flow.requests[0]) == "queue 100, on_cpu 200, lock 100");
    CHECK(queued_of(flow.requests[0]) == "unknown 100");
  }
  SECTION("by a switch that tells of no beginning") {
    s.sleep(11, recv_from(1), 700, 950, 960);  // on_ns 0
    s.ask(1, 11, 900, 1000).answer(1, 11, 1300);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(parts_of(flow.requests[0]) == "queue 100, on_cpu 300");
    CHECK(queued_of(flow.requests[0]) == "waited_for_cpu 10, asleep 90");
  }
}

TEST_CASE("budget: a record of a switch that was lost is a gap", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  s.on(11, 1300).sleep(11, kFsync, 1400, 1500, 1500).answer(1, 11, 1600);
  s.ask(1, 11, 1700, 1700).answer(1, 11, 1800);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 200, disk 100, unattributed 300");
  CHECK(flow.requests[0].budget.gap == Gap::Lost);
  CHECK(parts_of(flow.requests[1]) == "on_cpu 100");
  CHECK(flow.requests[1].budget.gap == Gap::None);
}

TEST_CASE("budget: two threads that read one connection", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).on(12, 900);
  s.sleep(12, kEpoll, 910, 1050, 1060);
  s.ask(1, 11, 1000, 1000).ask(1, 12, 1040, 1100);
  s.answer(1, 12, 1300).answer(1, 12, 1500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  // 12 was free from 1050 on
  CHECK(parts_of(flow.requests[0]) == "on_cpu 240, run_queue 10, unattributed 50");
  CHECK(flow.requests[0].budget.gap == Gap::HandOff);
  CHECK(parts_of(flow.requests[1]) == "queue 60, on_cpu 400");
}

TEST_CASE("budget: what is outstanding at the end of a connection has no budget",
          "[flow][budget]") {
  BudgetFlow flow({.connections = 2});
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  s.sleep(11, kCond, 1100, 1200, 1200);
  SECTION("closed, and an id is used again") {
    s.shut(1, TW_DIR_IN, 1250).close(1, 1300);
    s.open(3, TW_ROLE_SERVER);
    s.ask(3, 11, 1400, 1400).answer(3, 11, 1500);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK_FALSE(flow.requests[0].budget.known);
    CHECK(flow.requests[0].budget.sum() == 0);
    CHECK(parts_of(flow.requests[1]) == "on_cpu 100");
  }
  SECTION("forgotten to make room") {
    s.open(2, TW_ROLE_SERVER).open(3, TW_ROLE_SERVER);
    s.ask(3, 11, 1400, 1400).answer(3, 11, 1500);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK_FALSE(flow.requests[0].budget.known);
    CHECK(parts_of(flow.requests[1]) == "on_cpu 100");
  }
  SECTION("an answer that the close cuts off has one") {
    s.out(1, 1300, kOk.substr(0, 38), {.tid = 11});
    s.shut(1, TW_DIR_IN, 1350).close(1, 1400);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 200, lock 100");
  }
}

TEST_CASE("budget: failing calls belong to the request that its thread works for",
          "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.call_errors(11, 990, 7, 2, 13);  // while nobody was served
  s.ask(1, 11, 1000, 1000);
  s.call_errors(11, 1090, 2, 257, 24).out(1, 1100, kOk.substr(0, 10), {.tid = 11});
  s.call_errors(12, 1120, 5, 1, 9);  // another thread
  s.call_errors(11, 1190, 1, 87, 13).out(1, 1200, kOk.substr(10), {.tid = 11});
  s.ask(1, 11, 1300, 1300).answer(1, 11, 1400);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].failed_calls == 3);
  CHECK(flow.requests[0].failed_call == 87);
  CHECK(flow.requests[0].failed_error == 13);
  CHECK(flow.requests[1].failed_calls == 0);
  CHECK(flow.requests[1].failed_call == 0xffff);
}

TEST_CASE("budget: retransmits between the first read and the last write", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.retransmit(1, 990, 1);
  s.ask(1, 11, 1000, 1000);
  s.out(1, 1100, kOk.substr(0, 38), {.tid = 11});
  s.retransmit(1, 1150, 2).retransmit(1, 1160, 3);
  s.out(1, 1200, kOk.substr(38), {.tid = 11});
  s.retransmit(1, 1250, 4);
  s.ask(1, 11, 1300, 1300).answer(1, 11, 1400);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].retransmits == 2);
  CHECK(flow.requests[1].retransmits == 0);
}

TEST_CASE("budget: without records of switches there is none", "[flow][budget]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, kGet, {.arrived_ns = 900}).out(1, 1100, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK_FALSE(flow.requests[0].budget.known);
  CHECK(flow.requests[0].budget.sum() == 0);
}

TEST_CASE("budget: threads that are too many are forgotten, and counted", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  constexpr std::uint32_t kMost = ThreadTable::kMost;
  for (std::uint32_t tid = 1; tid <= kMost + 10; ++tid)
    s.on(tid, 900).preempt(tid, 1000, 1100);
  flow.feed(s);
  CHECK(flow.table.losses().ledger_full == 10);
}

TEST_CASE("budget: of an unknown protocol each exchange has its own names", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).in(1, 1000, "PING\r\n", {.arrived_ns = 1000, .tid = 11});
  s.sleep(11, {.nr = 61}, 1100, 1300, 1300).out(1, 1400, "+PONG\r\n", {.tid = 11});
  s.in(1, 2000, "PING\r\n", {.arrived_ns = 2000, .tid = 11});
  s.sleep(11, {.nr = 62}, 2100, 2150, 2150).out(1, 2200, "+PONG\r\n", {.tid = 11});
  s.in(1, 3000, "PING\r\n", {.arrived_ns = 3000, .tid = 11});
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 200, other 200");
  CHECK(flow.requests[0].other_call == 61);
  CHECK(parts_of(flow.requests[1]) == "on_cpu 150, other 50");
  CHECK(flow.requests[1].other_call == 62);
}
