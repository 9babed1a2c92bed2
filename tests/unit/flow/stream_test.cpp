// Whose call a byte was and when it arrived, as far as that is remembered.
#include "flow/stream.h"

#include <catch2/catch.hpp>

#include <random>
#include <utility>
#include <vector>

using namespace tailwhy;

namespace {

void add_call(Stream& stream, std::uint64_t begin, std::uint64_t end, Ns at) {
  Call& call = stream.add_call();
  call.begin = begin;
  call.end = end;
  call.at_ns = at;
}

}  // namespace

TEST_CASE("stream: the calls of a turn, and the last one of the turn before", "[flow]") {
  Stream stream;
  add_call(stream, 0, 10, 1);
  CHECK(stream.call_of(0).at_ns == 1);
  CHECK(stream.call_of(100).at_ns == 1);
  for (Ns turn = 1; turn <= 5; ++turn) {
    stream.begin_turn();
    CHECK(stream.current().at_ns == (turn - 1) * 100 + 1);
    const std::uint64_t begin = turn * 10;
    add_call(stream, begin, begin + 10, turn * 100 + 1);
    CHECK(stream.call_of(begin - 1).at_ns == (turn - 1) * 100 + 1);
    CHECK(stream.call_of(begin).at_ns == turn * 100 + 1);
    CHECK(stream.current().at_ns == turn * 100 + 1);
  }
  stream.begin_turn();
  add_call(stream, 60, 61, 601);
  add_call(stream, 61, 62, 602);
  add_call(stream, 62, 70, 603);
  CHECK(stream.call_of(59).at_ns == 501);
  CHECK(stream.call_of(60).at_ns == 601);
  CHECK(stream.call_of(61).at_ns == 602);
  CHECK(stream.call_of(65).at_ns == 603);
  stream.begin_turn();
  stream.begin_turn();  // nothing came in between
  add_call(stream, 70, 80, 701);
  CHECK(stream.call_of(69).at_ns == 603);
  CHECK(stream.call_of(70).at_ns == 701);
}

TEST_CASE("stream: the first call of a turn is remembered longest", "[flow]") {
  Stream stream;
  stream.begin_turn();
  for (std::uint64_t i = 0; i < 100; ++i)
    add_call(stream, i, i + 1, i + 1);
  CHECK(stream.call_of(0).at_ns == 1);
  CHECK(stream.call_of(98).at_ns == 99);
  CHECK(stream.call_of(99).at_ns == 100);
}

TEST_CASE("stream: when a byte arrived, also if it is told a little late", "[flow]") {
  std::mt19937 random(2);
  Stream stream;
  std::vector<std::pair<std::uint64_t, Ns>> told;
  CHECK(stream.arrival_of(0) == 0);
  for (Ns at = 1; at <= 5000; ++at) {
    const std::uint64_t offset = at * 10 - random() % 40 % (at * 10);
    stream.add_arrival(offset, at);
    told.emplace_back(offset, at);
    const std::uint64_t wanted = offset - random() % 20 % (offset + 1) + random() % 30;
    std::pair<std::uint64_t, Ns> best{0, 0};
    for (const auto& one : told) {
      if (one.first <= wanted && one.first >= best.first) best = one;
    }
    CHECK(stream.arrival_of(wanted) == best.second);
  }
}
