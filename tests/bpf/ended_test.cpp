// Threads that have ended and are still there, because nobody has asked for their status yet.
#include "bpf/scene.h"

#include <catch2/catch.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <ctime>
#include <unistd.h>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr Ns kBurntNs = 50'000'000;

void burn() {
  const std::clock_t end = std::clock() + CLOCKS_PER_SEC * (kBurntNs / 1'000'000) / 1000;
  while (std::clock() < end) {
  }
}

}  // namespace

TEST_CASE("task: a zombie is not listed, its account is told by its exit", "[task][sched]") {
  Scene scene(usable_modes().front(), [](Side& side) {
    side.wait();
    const pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
      burn();
      _exit(0);
    }
    siginfo_t ended{};
    must(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) == 0, "await its end");
    side.wait();
    must(waitpid(child, nullptr, 0) == child, "ask for its status");
  });
  scene.await();
  const auto threads = scene.tracer().list_threads().value();
  scene.go();
  const Trace trace = scene.finish();
  REQUIRE(trace.forks.size() == 1);
  const std::uint32_t child = trace.forks.front().pid;
  REQUIRE(threads.size() == 1);
  CHECK(threads.front().tid == scene.pid());
  REQUIRE(trace.exits.size() == 2);
  CHECK(trace.exits[0].tid == child);
  // its own clock also counts the microseconds of each switch, ours those between the tracepoints
  CHECK(trace.exits[0].account.on_cpu_ns >= kBurntNs - kBurntNs / 50);
  trace.check_no_loss();
}
