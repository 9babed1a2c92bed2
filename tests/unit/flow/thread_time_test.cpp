// A thread's time has no holes, and moments that have just passed can be asked for.
#include "flow/thread_time.h"

#include <catch2/catch.hpp>

#include <iterator>
#include <vector>

using namespace tailwhy;

namespace {

// On a CPU 1000-1100 for 7, locked to 1400 for 7, waiting to 1450 for nobody, on a CPU to 1500.
ThreadTime example() {
  ThreadTime time;
  time.begin(1000);
  time.add(1100, Part::OnCpu, 7);
  time.add(1400, Part::Lock, 7);
  time.add(1450, Part::RunQueue, kNobody);
  time.add(1500, Part::OnCpu, 8);
  return time;
}

}  // namespace

TEST_CASE("thread_time: sums grow by what is added, in order", "[flow][thread_time]") {
  ThreadTime time;
  CHECK_FALSE(time.known());
  time.begin(1000);
  CHECK(time.known());
  CHECK(time.known_from() == 1000);
  CHECK(time.last() == 1000);
  const Stretch stretch = time.add(1100, Part::OnCpu, 7);
  CHECK(stretch.begin == 1000);
  CHECK(stretch.end == 1100);
  CHECK(stretch.owner == 7);
  CHECK(stretch.part == Part::OnCpu);
  CHECK(time.last() == 1100);
  CHECK(time.sums()[Part::OnCpu] == 100);
  SECTION("nothing that is not later") {
    const Stretch none = time.add(1050, Part::Lock, 7);
    CHECK(none.begin == none.end);
    time.add(1100, Part::Lock, 7);
    CHECK(time.last() == 1100);
    CHECK(time.sums().sum() == 100);
  }
  SECTION("they are the time since it is known") {
    time.add(1250, Part::Disk, kNobody);
    CHECK(time.sums()[Part::Disk] == 150);
    CHECK(time.sums().sum() == time.last() - time.known_from());
  }
}

TEST_CASE("thread_time: sums of a moment that has passed or comes", "[flow][thread_time]") {
  const ThreadTime time = example();
  REQUIRE(time.sums_at(1500));
  CHECK(time.sums_at(1500)->ns() == time.sums().ns());
  const auto later = time.sums_at(1530);  // still on its CPU
  REQUIRE(later);
  CHECK((*later)[Part::OnCpu] == 180);
  CHECK(later->sum() == 530);
  for (Ns at = 1000; at <= 1600; at += 10) {
    INFO(at);
    REQUIRE(time.sums_at(at));
    CHECK(time.sums_at(at)->sum() == at - 1000);
  }
  const auto within = time.sums_at(1250);
  CHECK((*within)[Part::OnCpu] == 100);
  CHECK((*within)[Part::Lock] == 150);
  CHECK((*within)[Part::RunQueue] == 0);
  CHECK_FALSE(time.sums_at(999));
}

TEST_CASE("thread_time: for whom it worked at a moment", "[flow][thread_time]") {
  const ThreadTime time = example();
  CHECK(time.owner_at(1000, 9) == 7);
  CHECK(time.owner_at(1050, 9) == 7);
  CHECK(time.owner_at(1399, 9) == 7);
  CHECK(time.owner_at(1420, 9) == kNobody);
  CHECK(time.owner_at(1499, 9) == 8);
  CHECK(time.owner_at(1500, 9) == 9);  // now
  CHECK(time.owner_at(1600, 9) == 9);
  CHECK(time.owner_at(900, 9) == kNobody);
}

TEST_CASE("thread_time: what was undecided is decided, up to what was not", "[flow][thread_time]") {
  ThreadTime time;
  time.begin(1000);
  time.add(1100, Part::OnCpu, kUndecided);
  time.add(1200, Part::Lock, 7);
  time.add(1300, Part::OnCpu, kUndecided);
  time.add(1400, Part::Disk, kUndecided);
  time.decide(8);
  CHECK(time.owner_at(1350, 9) == 8);
  CHECK(time.owner_at(1250, 9) == 8);
  CHECK(time.owner_at(1150, 9) == 7);
  CHECK(time.owner_at(1050, 9) == kUndecided);
  time.decide(5);
  CHECK(time.owner_at(1350, 9) == 8);
}

TEST_CASE("thread_time: stretches are told latest first, and 256 are remembered",
          "[flow][thread_time]") {
  ThreadTime time;
  time.begin(1000);
  for (Ns i = 1; i <= 300; ++i)
    time.add(1000 + 10 * i, i % 2 == 0 ? Part::OnCpu : Part::Disk, i);
  CHECK(time.last() == 4000);
  CHECK(time.sums()[Part::OnCpu] == 1500);
  CHECK(time.sums()[Part::Disk] == 1500);
  std::vector<Ns> ends;
  time.for_each_since(0, [&](const Stretch& stretch) { ends.push_back(stretch.end); });
  REQUIRE(ends.size() == 256);
  CHECK(ends.front() == 4000);
  CHECK(ends.back() == 1450);
  ends.clear();
  time.for_each_since(3985, [&](const Stretch& stretch) { ends.push_back(stretch.end); });
  CHECK(ends == std::vector<Ns>{4000, 3990});
  ends.clear();
  time.for_each_since(3990, [&](const Stretch& stretch) { ends.push_back(stretch.end); });
  CHECK(ends == std::vector<Ns>{4000});
  REQUIRE(time.sums_at(1440));
  CHECK(time.sums_at(1440)->sum() == 440);
  CHECK_FALSE(time.sums_at(1439));
  CHECK(time.owner_at(1440, 9) == 45);
  CHECK(time.owner_at(1439, 9) == kNobody);
}

TEST_CASE("thread_time: waits between two moments are those of the stretches between them",
          "[flow][thread_time]") {
  constexpr Part kKinds[] = {Part::OnCpu,  Part::RunQueue,     Part::Poll,
                             Part::Client, Part::Unattributed, Part::Lock};
  for (const Ns stretches : {1, 7, 256, 300}) {
    ThreadTime time;
    time.begin(1000);
    std::vector<Part> at(1000, Part::OnCpu);  // by moment: what the nanosecond after it was
    for (Ns i = 0; i < stretches; ++i) {
      const Part part = kKinds[(i * 7 + i / 5) % std::size(kKinds)];
      const Ns length = 1 + i * 13 % 6;
      at.insert(at.end(), length, part);
      time.add(time.last() + length, part, i);
    }
    for (Ns from = time.remembered_from(); from <= time.last(); from += 3) {
      Parts passed;
      for (Ns to = from; to <= time.last(); ++to) {
        const Waits waits = time.waits_at(to) - time.waits_at(from);
        REQUIRE(waits.run_queue == passed[Part::RunQueue]);
        REQUIRE(waits.poll == passed[Part::Poll]);
        REQUIRE(waits.client == passed[Part::Client]);
        REQUIRE(waits.unattributed == passed[Part::Unattributed]);
        if (to < time.last()) passed[at[to]] += 1;
      }
    }
  }
}
