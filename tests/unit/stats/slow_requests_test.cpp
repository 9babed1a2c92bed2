// Which requests are slow, and where their time went: bounded.
#include "stats/slow_rule.h"
#include "stats/stack_profile.h"

#include <catch2/catch.hpp>

using namespace tailwhy;

TEST_CASE("slow rule: a threshold counts from the first request on", "[slow]") {
  SlowRule rule(1000);
  CHECK_FALSE(rule.is_slow(999));
  CHECK(rule.is_slow(1000));
  CHECK(rule.threshold_ns() == 1000);
}

TEST_CASE("slow rule: without one, none of the first 99 is slow", "[slow]") {
  SlowRule rule(0);
  for (int i = 0; i < 99; ++i)
    REQUIRE_FALSE(rule.is_slow(1'000'000));
  CHECK(rule.threshold_ns() == 0);
  CHECK(rule.is_slow(5'000'000));
}

TEST_CASE("slow rule: then the longest in a hundred are, whatever comes", "[slow]") {
  SlowRule rule(0);
  int slow = 0;
  for (int i = 0; i < 20000; ++i) {
    const Ns duration = i % 100 == 50 ? 20'000'000 : 1'000'000 + static_cast<Ns>(i % 97) * 1000;
    if (rule.is_slow(duration)) ++slow;
  }
  CHECK(slow >= 190);
  CHECK(slow <= 420);  // p99 may be that of the quick ones, to within its 1.1 %
  for (int i = 0; i < 40000; ++i)
    rule.is_slow(100'000'000);  // the server has become slow as a whole
  CHECK(rule.threshold_ns() > 90'000'000);
}

TEST_CASE("stack profile: weights add up by place and part", "[slow]") {
  StackProfile profile;
  profile.begin_request(1000);
  profile.add({1, Part::Lock, 5, 6, {0x10, 0x20}}, 300);
  profile.add({1, Part::Lock, 5, 6, {0x10, 0x20}}, 200);
  profile.add({1, Part::OnCpu, 5, 6, {0x10, 0x20}}, 50);
  profile.begin_request(2000);
  profile.add({1, Part::Lock, 5, 6, {0x10, 0x20}}, 100);
  profile.add({1, Part::Lock, 5, 6, {0x10, 0x21}}, 7);  // another place
  CHECK(profile.requests() == 2);
  CHECK(profile.total_ns() == 3000);
  REQUIRE(profile.stacks().size() == 3);
  const StackWeight& lock = profile.stacks().at({1, Part::Lock, 5, 6, {0x10, 0x20}});
  CHECK(lock.ns == 600);
  CHECK(lock.samples == 3);
  CHECK(lock.requests == 2);
  CHECK(profile.not_kept() == 0);
}

TEST_CASE("stack profile: what is beyond its bound is counted", "[slow]") {
  StackProfile profile(4);
  profile.begin_request(1000);
  for (int i = 0; i < 10; ++i)
    profile.add({1, Part::Lock, i, -1, {}}, 1);
  profile.add({1, Part::Lock, 2, -1, {}}, 1);  // one that is there
  CHECK(profile.stacks().size() == 4);
  CHECK(profile.not_kept() == 6);
}
