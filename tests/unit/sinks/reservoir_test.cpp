// The sample is fair, bounded and the same for the same seed.
#include "sinks/reservoir.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

using namespace tailwhy;

namespace {

std::vector<int> sample(Reservoir& reservoir, int items) {
  for (int i = 0; i < items; ++i) {
    if (Reservoir::Item* item = reservoir.offer()) item->at_ns = static_cast<Ns>(i);
  }
  std::vector<int> kept;
  for (const auto& item : reservoir.items())
    kept.push_back(static_cast<int>(item.at_ns));
  return kept;
}

}  // namespace

TEST_CASE("reservoir: keeps all up to its size", "[sinks][reservoir]") {
  Reservoir reservoir(10, 1);
  CHECK(sample(reservoir, 10).size() == 10);
  CHECK(reservoir.weight() == 1);
}

TEST_CASE("reservoir: never more than its size, and the weights add up", "[sinks][reservoir]") {
  Reservoir reservoir(10, 1);
  CHECK(sample(reservoir, 1234).size() == 10);
  CHECK(reservoir.weight() * 10 == 1234);
  reservoir.clear();
  CHECK(reservoir.seen() == 0);
  CHECK(reservoir.weight() == 0);
  CHECK(sample(reservoir, 3).size() == 3);
}

TEST_CASE("reservoir: of size zero keeps nothing", "[sinks][reservoir]") {
  Reservoir reservoir(0, 1);
  CHECK(sample(reservoir, 5).empty());
  CHECK(reservoir.weight() == 0);
}

TEST_CASE("reservoir: the same seed gives the same sample, another one another",
          "[sinks][reservoir]") {
  Reservoir a(10, 42), b(10, 42), c(10, 43);
  const auto first = sample(a, 1000);
  CHECK(first == sample(b, 1000));
  CHECK(first != sample(c, 1000));
}

TEST_CASE("reservoir: every item has the same chance", "[sinks][reservoir]") {
  constexpr int kItems = 100, kSize = 10, kRounds = 20'000;
  std::vector<int> kept(kItems);
  Reservoir reservoir(kSize, 7);
  for (int round = 0; round < kRounds; ++round) {
    reservoir.clear();
    for (const int item : sample(reservoir, kItems))
      ++kept[static_cast<std::size_t>(item)];
  }
  // Binomial: mean 2000, standard deviation 42; five of them is one test run in ten thousand.
  for (const int count : kept)
    CHECK(std::abs(count - kRounds * kSize / kItems) < 5 * 42);
}
