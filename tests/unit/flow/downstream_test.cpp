// Calls that the target makes while it serves: whose time they are, how many, and the longest.
#include "budget_fixture.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr Sleep kConnect{.nr = 42, .file = TW_FILE_SOCKET, .object = 9};

}  // namespace

TEST_CASE("downstream: connect, ask and wait in blocking calls", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000).connect(9, 11, 1100);
  s.open(9, TW_ROLE_CLIENT, {.at_ns = 1200, .remote_port = 5432});
  s.sleep(11, kConnect, 1110, 1200, 1210).call(9, 11, 1300);
  s.sleep(11, recv_from(9), 1350, 1600, 1620).reply(9, 11, 1650);
  s.answer(1, 11, 1700);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].role == Role::Client);
  CHECK_FALSE(flow.requests[0].budget.known);
  const Request& served = flow.requests[1];
  CHECK(parts_of(served) == "on_cpu 330, run_queue 30, downstream 340");
  CHECK(served.downstream_calls == 1);
  CHECK(flow.downstream[1] == "127.0.0.1:5432");
  CHECK(served.downstream_protocol == "http");
}

TEST_CASE("downstream: an event loop is idle while a call is open", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(9, TW_ROLE_CLIENT);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  s.sleep(11, kEpoll, 1010, 1020, 1030);  // idle, and nothing is open
  s.ask(1, 11, 1030, 1040).call(9, 11, 1100);
  s.sleep(11, kEpoll, 1150, 1400, 1450).reply(9, 11, 1500);
  s.sleep(11, kEpoll, 1600, 1700, 1700).answer(1, 11, 1800).answer(1, 11, 1900);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 3);
  CHECK(parts_of(flow.requests[1]) == "on_cpu 380, run_queue 60, downstream 250, poll 110");
  CHECK(parts_of(flow.requests[2]) ==
        "queue 10, on_cpu 460, run_queue 50, downstream 250, poll 100");
  CHECK(flow.requests[1].downstream_calls == 1);
}

TEST_CASE("downstream: while connecting, an idle event loop waits for the other side",
          "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000).connect(9, 11, 1100);
  SECTION("and it is there") {
    s.open(9, TW_ROLE_CLIENT, {.at_ns = 1390});
    s.sleep(11, kEpoll, 1150, 1400, 1450).call(9, 11, 1500);
    s.sleep(11, kEpoll, 1550, 1650, 1650).reply(9, 11, 1700);
    s.answer(1, 11, 1800);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[1]) == "on_cpu 400, run_queue 50, downstream 350");
    CHECK(flow.requests[1].downstream_calls == 1);
  }
  SECTION("and it refuses") {
    s.open(9, TW_ROLE_CLIENT, {.at_ns = 1390, .flags = TW_OPEN_CONNECT_FAILED, .error = 111});
    s.sleep(11, kEpoll, 1150, 1400, 1450).answer(1, 11, 1500);
    // that was all of it
    s.ask(1, 11, 2000, 2000);
    s.sleep(11, kEpoll, 2100, 2200, 2200).answer(1, 11, 2300);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 200, run_queue 50, downstream 250");
    CHECK(flow.requests[0].downstream_calls == 0);
    CHECK(parts_of(flow.requests[1]) == "on_cpu 200, poll 100");
  }
}

TEST_CASE("downstream: a blocking connect that fails", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000).connect(9, 11, 1100);
  s.open(9, TW_ROLE_CLIENT, {.at_ns = 1390, .flags = TW_OPEN_CONNECT_FAILED, .error = 111});
  s.sleep(11, kConnect, 1110, 1400, 1410).answer(1, 11, 1500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 1);
  CHECK(parts_of(flow.requests[0]) == "on_cpu 200, run_queue 10, downstream 290");
}

TEST_CASE("downstream: a connection that ends without an answer was waited for", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(9, TW_ROLE_CLIENT);
  s.on(11, 900).ask(1, 11, 1000, 1000).call(9, 11, 1100);
  s.shut(9, TW_DIR_IN, 1390).close(9, 1395);
  s.sleep(11, kEpoll, 1150, 1400, 1400);
  s.answer(1, 11, 1500);
  s.ask(1, 11, 2000, 2000);
  s.sleep(11, kEpoll, 2100, 2200, 2200).answer(1, 11, 2300);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 3);
  CHECK(parts_of(flow.requests[1]) == "on_cpu 250, downstream 250");
  CHECK(parts_of(flow.requests[2]) == "on_cpu 200, poll 100");
}

TEST_CASE("downstream: who never answered is named before who did", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.open(8, TW_ROLE_CLIENT, {.remote_port = 6379}).open(9, TW_ROLE_CLIENT, {.remote_port = 5432});
  s.on(11, 900).ask(1, 11, 1000, 1000).call(8, 11, 1050).call(9, 11, 1100);
  s.sleep(11, kEpoll, 1150, 1200, 1200).reply(8, 11, 1250);
  s.sleep(11, kEpoll, 1300, 6000, 6000).shut(9, TW_DIR_OUT, 6010).close(9, 6020);
  s.answer(1, 11, 6100);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 3);
  const Request& served = flow.requests[2];
  CHECK(served.role == Role::Server);
  CHECK(served.budget.of(Part::Downstream) == 4750);
  CHECK(served.downstream_calls == 2);
  CHECK(flow.downstream[2] == "127.0.0.1:5432");
}

TEST_CASE("downstream: a connection that is kept works for one request, then for another",
          "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(2, TW_ROLE_SERVER).open(9, TW_ROLE_CLIENT);
  s.on(11, 900).ask(1, 11, 1000, 1000).call(9, 11, 1050);
  s.sleep(11, kEpoll, 1100, 1200, 1200).reply(9, 11, 1250).answer(1, 11, 1300);
  s.sleep(11, kEpoll, 1350, 2000, 2000).ask(2, 11, 2000, 2000).call(9, 11, 2050);
  s.sleep(11, kEpoll, 2100, 2400, 2400).reply(9, 11, 2450);
  s.sleep(11, kEpoll, 2460, 2480, 2480).answer(2, 11, 2500);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 4);
  CHECK(parts_of(flow.requests[1]) == "on_cpu 200, downstream 100");
  CHECK(parts_of(flow.requests[3]) == "on_cpu 180, downstream 300, poll 20");
  CHECK(flow.requests[1].downstream_calls == 1);
  CHECK(flow.requests[3].downstream_calls == 1);
}

TEST_CASE("downstream: two calls at once, and the longest is named", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.open(8, TW_ROLE_CLIENT, {.remote_port = 6379}).open(9, TW_ROLE_CLIENT, {.remote_port = 5432});
  s.on(11, 900).ask(1, 11, 1000, 1000).call(8, 11, 1050).call(9, 11, 1100);
  s.sleep(11, kEpoll, 1150, 1200, 1200).reply(8, 11, 1250);
  s.sleep(11, kEpoll, 1300, 1600, 1600).reply(9, 11, 1650).answer(1, 11, 1700);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 3);
  CHECK(parts_of(flow.requests[2]) == "on_cpu 350, downstream 350");
  CHECK(flow.requests[2].downstream_calls == 2);
  CHECK(flow.downstream[2] == "127.0.0.1:5432");
}

TEST_CASE("downstream: a call of a protocol that nobody knows", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(9, TW_ROLE_CLIENT, {.remote_port = 6379});
  s.on(11, 900).ask(1, 11, 1000, 1000).out(9, 1050, "!!\r\n$4\r\nPING\r\n", {.tid = 11});
  s.sleep(11, kEpoll, 1100, 1400, 1400).in(9, 1450, "+PONG\r\n", {.tid = 11});
  s.answer(1, 11, 1500);
  SECTION("it was waited for") {
    flow.feed(s);
    REQUIRE(flow.requests.size() == 1);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 200, downstream 300");
    CHECK(flow.requests[0].downstream_calls == 1);
    CHECK(flow.downstream[0] == "127.0.0.1:6379");
    CHECK(flow.requests[0].downstream_protocol == "unknown");
  }
  SECTION("and not by the next request") {
    s.ask(1, 11, 2000, 2000);
    s.sleep(11, kEpoll, 2100, 2200, 2200).answer(1, 11, 2300);
    flow.feed(s);
    REQUIRE(flow.requests.size() == 2);
    CHECK(parts_of(flow.requests[1]) == "on_cpu 200, poll 100");
    CHECK(flow.requests[1].downstream_calls == 0);
  }
}

TEST_CASE("downstream: an answer of an unknown protocol is over until more of it comes",
          "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(9, TW_ROLE_CLIENT);
  s.on(11, 900).ask(1, 11, 1000, 1000).out(9, 1100, "QUERY", {.tid = 11});
  s.sleep(11, kEpoll, 1120, 1190, 1195).in(9, 1200, "ROW", {.tid = 11});
  SECTION("and none does") {
    s.sleep(11, kEpoll, 1250, 1750, 1750).answer(1, 11, 1800);
    flow.feed(s);
    REQUIRE(flow.requests.size() >= 1);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 225, run_queue 5, downstream 70, poll 500");
    CHECK(flow.requests[0].downstream_calls == 1);
  }
  SECTION("and it does") {
    s.sleep(11, kEpoll, 1250, 1590, 1590).in(9, 1600, "ROW", {.tid = 11});
    s.sleep(11, kEpoll, 1650, 1750, 1750).answer(1, 11, 1800);
    flow.feed(s);
    REQUIRE(flow.requests.size() >= 1);
    CHECK(parts_of(flow.requests[0]) == "on_cpu 285, run_queue 5, downstream 410, poll 100");
    CHECK(flow.requests[0].downstream_calls == 1);
  }
}

TEST_CASE("downstream: an answer that comes after its request was over is not the next one's",
          "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.open(8, TW_ROLE_CLIENT, {.remote_port = 8000}).open(9, TW_ROLE_CLIENT, {.remote_port = 9000});
  s.on(11, 900).ask(1, 11, 1000, 1000).call(9, 11, 1100).answer(1, 11, 1200);
  s.ask(1, 11, 1300, 1300).call(8, 11, 1350).reply(8, 11, 1400);
  s.reply(9, 11, 1500).answer(1, 11, 1700);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 4);
  CHECK(flow.requests[3].role == Role::Server);
  CHECK(flow.requests[3].downstream_calls == 1);
  CHECK(flow.downstream[3] == "127.0.0.1:8000");
}

TEST_CASE("downstream: a call says which request it was made for", "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER).open(9, TW_ROLE_CLIENT);
  s.on(11, 900).ask(1, 11, 1000, 1000).answer(1, 11, 1050);
  s.ask(1, 11, 1100, 1100).call(9, 11, 1150).reply(9, 11, 1180).answer(1, 11, 1200);
  s.call(9, 11, 1300).reply(9, 11, 1350);  // for nobody
  flow.feed(s);
  REQUIRE(flow.requests.size() == 4);
  CHECK(flow.requests[1].role == Role::Client);
  CHECK(flow.requests[1].parent_conn_id == 1);
  CHECK(flow.requests[1].parent_number == 2);
  CHECK(flow.requests[2].parent_conn_id == 0);
  CHECK(flow.requests[3].parent_conn_id == 0);
}

TEST_CASE("downstream: of too many connects under way the oldest is forgotten, and counted",
          "[flow][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  constexpr std::uint64_t kFirst = 100;
  constexpr std::uint64_t kMost = 4096;
  for (std::uint64_t i = 0; i <= kMost; ++i)
    s.connect(kFirst + i, 11, 1100 + i);
  s.open(kFirst + kMost, TW_ROLE_CLIENT, {.at_ns = 6000})
      .open(kFirst, TW_ROLE_CLIENT, {.at_ns = 6000});
  s.call(kFirst + kMost, 21, 6100).call(kFirst, 22, 6200);  // for whom only the connect knows
  s.reply(kFirst + kMost, 21, 6300).reply(kFirst, 22, 6400).answer(1, 11, 6500);
  flow.feed(s);
  CHECK(flow.table.losses().ledger_full == 1);
  REQUIRE(flow.requests.size() == 3);
  CHECK(flow.requests[0].parent_conn_id == 1);
  CHECK(flow.requests[1].parent_conn_id == 0);
}
