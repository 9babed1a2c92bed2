// Sums of time by part: they saturate, and are trimmed where there is most.
#include "flow/parts.h"

#include <catch2/catch.hpp>

using namespace tailwhy;

namespace {

Parts parts(Ns on_cpu, Ns lock, Ns disk) {
  Parts parts;
  parts[Part::OnCpu] = on_cpu;
  parts[Part::Lock] = lock;
  parts[Part::Disk] = disk;
  return parts;
}

}  // namespace

TEST_CASE("parts: they add up by part", "[flow][parts]") {
  Parts sum = parts(1, 20, 300);
  sum += parts(4, 0, 500);
  CHECK(sum.ns() == parts(5, 20, 800).ns());
  CHECK(sum.sum() == 825);
  CHECK(Parts().sum() == 0);
}

TEST_CASE("parts: a difference is never below zero", "[flow][parts]") {
  const Parts less = parts(5, 20, 800) - parts(6, 20, 300);
  CHECK(less.ns() == parts(0, 0, 500).ns());
}

TEST_CASE("parts: what is too much goes from the largest part first", "[flow][parts]") {
  Parts some = parts(10, 200, 50);
  SECTION("no more than is there") {
    some.trim(260);
    CHECK(some.ns() == parts(10, 200, 50).ns());
    some.trim(1000);
    CHECK(some.ns() == parts(10, 200, 50).ns());
  }
  SECTION("from one part") {
    some.trim(160);
    CHECK(some.ns() == parts(10, 100, 50).ns());
  }
  SECTION("a part that is used up, then the next") {
    some.trim(30);
    CHECK(some.sum() == 30);
    CHECK(some[Part::Lock] == 0);
    CHECK(some[Part::Disk] == 20);
    CHECK(some[Part::OnCpu] == 10);
  }
  SECTION("all of it") {
    some.trim(0);
    CHECK(some.ns() == Parts().ns());
  }
}
