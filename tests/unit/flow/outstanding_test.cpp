// The requests of a connection that wait for their answers, against the plainest list there is.
#include "flow/outstanding.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <malloc.h>
#include <random>
#include <vector>

using namespace tailwhy;

namespace {

struct Plain {
  std::uint64_t number = 0;
  bool answered = false;
};

}  // namespace

TEST_CASE("outstanding: the same as a plain list", "[flow]") {
  std::mt19937 random(5);
  Outstanding outstanding;
  std::vector<Plain> plain;
  std::uint64_t number = 0;
  for (int i = 0; i < 50'000; ++i) {
    const unsigned what = random() % 8;
    if (what < 3 && plain.size() < 100) {
      outstanding.add(0).request.number = ++number;
      plain.push_back({number, false});
    } else if (what < 5) {
      Exchange* next = outstanding.unanswered();
      const auto expected = std::ranges::find(plain, false, &Plain::answered);
      REQUIRE((next == nullptr) == (expected == plain.end()));
      if (next == nullptr) continue;
      REQUIRE(next->request.number == expected->number);
      next->response_ended = expected->answered = true;
    } else if (what == 5 && !plain.empty()) {
      outstanding.pop_front();
      plain.erase(plain.begin());
    } else if (what == 6 && !plain.empty()) {  // out of order
      const std::size_t one = random() % plain.size();
      outstanding.ordered()[one].response_ended = plain[one].answered = true;
    } else if (random() % 10 == 0) {
      outstanding.remove_ordered_if([](const Exchange& e) { return e.response_ended; });
      std::erase_if(plain, [](const Plain& p) { return p.answered; });
    }
    REQUIRE(outstanding.size() == plain.size());
    const auto ordered = outstanding.ordered();
    for (std::size_t k = 0; k < plain.size(); ++k)
      REQUIRE(ordered[k].request.number == plain[k].number);
    REQUIRE((outstanding.youngest() == nullptr) == plain.empty());
    if (!plain.empty()) REQUIRE(outstanding.youngest()->request.number == plain.back().number);
  }
}

TEST_CASE("outstanding: a connection that is never idle remembers no more than another", "[flow]") {
  Outstanding outstanding;
  outstanding.add(0);
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (int i = 0; i < 100'000; ++i) {
    outstanding.add(0);
    outstanding.pop_front();
  }
  CHECK(outstanding.size() == 1);
  CHECK(mallinfo2().uordblks + mallinfo2().hblkhd < before + (1U << 20U));
}
