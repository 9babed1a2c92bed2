// Exchanges of datagrams: which answer is whose, what is given up, whose time it was.
#include "budget_fixture.h"
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

std::string be16(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string message(unsigned id, unsigned flags, std::string_view label) {
  return be16(id) + be16(flags) + be16(1) + std::string(6, '\0') + static_cast<char>(label.size()) +
         std::string(label) + '\0' + be16(1) + be16(1);
}
std::string question(unsigned id, std::string_view label = "name") {
  return message(id, 0x0100, label);
}
std::string answer(unsigned id, std::string_view label = "name", unsigned code = 0) {
  return message(id, 0x8180 | code, label);
}

}  // namespace

TEST_CASE("datagrams: a question and its answer are an exchange with all stamps", "[flow][udp]") {
  Flow flow;
  EventBuilder b;
  b.datagram(7, TW_DIR_IN, 1000, question(1), {.arrived_ns = 900, .tid = 11});
  b.datagram(7, TW_DIR_OUT, 1500, answer(1, "name", 3), {.remote_port = 4000, .tid = 11});
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  const Request& request = flow.requests[0];
  CHECK(request.role == Role::Server);
  CHECK(request.outcome == Outcome::Matched);
  CHECK(request.protocol == "dns");
  CHECK(request.method.view() == "A");
  CHECK(request.status_text.view() == "NXDOMAIN");
  CHECK_FALSE(request.failed());
  CHECK(request.at == Stamps{.arrived = 900,
                             .read_first = 1000,
                             .read_last = 1000,
                             .write_first = 1500,
                             .write_last = 1500});
  CHECK(request.request_bytes == question(1).size());
  CHECK(request.response_bytes == answer(1).size());
  CHECK(request.end_rule == EndRule::Framing);
  CHECK(request.tid == 11);
  CHECK(flow.in_bytes == question(1).size());
  CHECK(flow.out_bytes == answer(1).size());
  CHECK(flow.starts.empty());
  CHECK(flow.table.losses().unsolicited == 0);
}

TEST_CASE("datagrams: answers by id and question, in any order, of each socket", "[flow][udp]") {
  Flow flow;
  EventBuilder b;
  b.datagram(7, TW_DIR_IN, 1, question(1, "one")).datagram(7, TW_DIR_IN, 2, question(1, "three"));
  b.datagram(7, TW_DIR_IN, 3, question(2, "one")).datagram(8, TW_DIR_IN, 4, question(2, "one"));
  b.datagram(8, TW_DIR_OUT, 5, answer(2, "one")).datagram(7, TW_DIR_OUT, 6, answer(2, "one"));
  b.datagram(7, TW_DIR_OUT, 7, answer(1, "three")).datagram(7, TW_DIR_OUT, 8, answer(1, "one"));
  flow.feed(b);
  REQUIRE(flow.requests.size() == 4);
  std::vector<Ns> asked;
  for (const Request& request : flow.requests)
    asked.push_back(request.at.read_first);
  CHECK(asked == std::vector<Ns>{4, 3, 2, 1});
}

TEST_CASE("datagrams: who ask the same with the same id are answered in their order",
          "[flow][udp]") {
  Flow flow;
  EventBuilder b;
  b.datagram(7, TW_DIR_IN, 1, question(1)).datagram(7, TW_DIR_IN, 2, question(1));
  b.datagram(7, TW_DIR_OUT, 3, answer(1)).datagram(7, TW_DIR_OUT, 4, answer(1));
  b.datagram(7, TW_DIR_OUT, 5, answer(1));
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].at.read_first == 1);
  CHECK(flow.requests[1].at.read_first == 2);
  CHECK(flow.table.losses().unsolicited == 1);
}

TEST_CASE("datagrams: a question of the target that is sent again is the same", "[flow][udp]") {
  Flow flow;
  EventBuilder b;
  b.datagram(7, TW_DIR_OUT, 1000, question(1), {.remote_port = 53});
  b.datagram(7, TW_DIR_OUT, 2000, question(1), {.remote_port = 53});
  b.datagram(7, TW_DIR_OUT, 2500, question(1), {.remote_port = 5353});
  b.datagram(7, TW_DIR_IN, 3000, answer(1), {.arrived_ns = 2900});
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].role == Role::Client);
  CHECK(flow.requests[0].at.read_first == 1000);
  CHECK(flow.requests[0].at.arrived == 2900);
  CHECK(flow.requests[0].duration() == 2000);
  CHECK(flow.seen == 2);
}

TEST_CASE("datagrams: what nobody answers is given up after a time", "[flow][udp]") {
  Flow flow;
  EventBuilder b;
  b.datagram(7, TW_DIR_IN, 1000, question(1)).datagram(7, TW_DIR_OUT, 1000, question(2));
  flow.feed(b);
  flow.on_tick(1000 + Datagrams::kAnswerNs - 1);
  CHECK(flow.requests.empty());
  flow.on_tick(1000 + Datagrams::kAnswerNs);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.unmatched == 2);
  CHECK(flow.requests[0].failure == Failure::NoResponse);
  CHECK(flow.requests[1].failure == Failure::Timeout);
}

TEST_CASE("datagrams: a flood of questions is bounded, and displaces no connection",
          "[flow][udp]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1, kGet);
  flow.feed(b);
  constexpr std::size_t kMore = 100;
  for (std::size_t i = 0; i < Datagrams::kMost + kMore; ++i) {
    b.datagram(7, TW_DIR_IN, 2 + i, question(static_cast<unsigned>(i)));
    flow.feed(b);
  }
  CHECK(flow.table.losses().pending_full == kMore);
  CHECK(flow.unmatched == kMore);
  CHECK(flow.in_flight() == Datagrams::kMost + 1);
  b.out(1, 100'000, kOk);
  // an EventBuilder that is emptied forgets the offsets: they begin at 0, as this answer does
  flow.feed(b);
  CHECK(flow.matched == 1);
  CHECK(flow.table.losses().connections_evicted == 0);
}

TEST_CASE("datagrams: other bytes are nobody's, and all of them secret", "[flow][udp]") {
  Flow flow;
  flow.table.want_secrets(true);
  EventBuilder b;
  b.datagram(7, TW_DIR_IN, 1, std::string(40, '\0')).datagram(7, TW_DIR_IN, 2, "short");
  flow.feed(b);
  CHECK(flow.seen == 0);
  REQUIRE(flow.table.secrets().size() == 1);
  CHECK(flow.table.secrets()[0].size == 5);
}

TEST_CASE("datagrams: at the end what is not answered stays in flight", "[flow][udp]") {
  Flow flow;
  EventBuilder b;
  b.datagram(7, TW_DIR_IN, 1, question(1));
  flow.feed(b);
  flow.table.finish();
  CHECK(flow.requests.empty());
  CHECK(flow.in_flight() == 1);
}

TEST_CASE("datagrams: while a server is asked, whoever waits for that waits downstream",
          "[flow][udp][budget]") {
  BudgetFlow flow;
  Script s;
  s.open(1, TW_ROLE_SERVER);
  s.on(11, 900).ask(1, 11, 1000, 1000);
  s.datagram(9, TW_DIR_OUT, 1100, question(1), {.remote_port = 53, .tid = 11});
  s.sleep(11, kEpoll, 1150, 1600, 1620);
  s.datagram(9, TW_DIR_IN, 1650, answer(1), {.arrived_ns = 1590, .tid = 11});
  s.answer(1, 11, 1700);
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].role == Role::Client);
  const Request& served = flow.requests[1];
  CHECK(parts_of(served) == "on_cpu 230, run_queue 20, downstream 450");
  CHECK(served.downstream_calls == 1);
  CHECK(flow.downstream[1] == "127.0.0.1:53");
  CHECK(served.downstream_protocol == "dns");
  CHECK(flow.requests[0].parent_conn_id == 1);
}

TEST_CASE("datagrams: of two questions in one loop each waits for the other",
          "[flow][udp][budget]") {
  BudgetFlow flow;
  Script s;
  s.on(11, 900);
  s.datagram(7, TW_DIR_IN, 1000, question(1), {.arrived_ns = 1000, .tid = 11});
  s.sleep(11, kEpoll, 1100, 1300, 1300);
  s.datagram(7, TW_DIR_IN, 1400, question(2), {.arrived_ns = 1300, .tid = 11});
  s.datagram(7, TW_DIR_OUT, 1600, answer(2), {.tid = 11});
  s.datagram(7, TW_DIR_OUT, 1700, answer(1), {.tid = 11});
  flow.feed(s);
  REQUIRE(flow.requests.size() == 2);
  CHECK(parts_of(flow.requests[0]) == "queue 100, on_cpu 200");
  CHECK(parts_of(flow.requests[1]) == "on_cpu 200, poll 200, other_requests 300");
}
