#include "targets/affinity.h"

#include "unit/targets/child.h"

#include <catch2/catch.hpp>

#include <sched.h>
#include <thread>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

cpu_set_t only(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return set;
}

cpu_set_t own_cpus() {
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
  return set;
}

// A process that has that CPU for itself.
class Pinned {
 public:
  explicit Pinned(int cpu) : child_([cpu](const Channel& parent) { return stay(cpu, parent); }) {
    REQUIRE(child_.channel().hear() == "ready");
  }
  [[nodiscard]] pid_t pid() const { return child_.pid(); }

 private:
  static int stay(int cpu, const Channel& parent) {
    const cpu_set_t set = only(cpu);
    return sched_setaffinity(0, sizeof(set), &set) == 0 ? wait_for_word(parent) : 1;
  }

  Child child_;
};

// On a thread of its own: the test's keeps its CPUs.
template <class Body>
void on_a_thread(Body body) {
  std::thread(body).join();
}

}  // namespace

TEST_CASE("affinity: CPUs that a target is pinned to are left to it", "[targets][affinity]") {
  const cpu_set_t all = own_cpus();
  if (CPU_COUNT(&all) < 2 || !CPU_ISSET(0, &all)) return;  // nothing to choose from
  const Pinned pinned(0);
  const Child free(wait_for_word);
  on_a_thread([&] {
    const ProcFs proc;
    CpuAvoidance avoidance(proc);
    CHECK_FALSE(avoidance.update({free.pid()}));
    cpu_set_t now = own_cpus();
    CHECK(CPU_EQUAL(&now, &all));

    CHECK(avoidance.update({free.pid(), pinned.pid()}));
    now = own_cpus();
    CHECK_FALSE(CPU_ISSET(0, &now));
    CHECK(CPU_COUNT(&now) == CPU_COUNT(&all) - 1);
    CHECK_FALSE(avoidance.update({pinned.pid()}));  // no news

    CHECK(avoidance.update({free.pid()}));  // the pinned one has ended
    now = own_cpus();
    CHECK(CPU_EQUAL(&now, &all));
  });
}

TEST_CASE("affinity: where nothing would be left, nothing changes", "[targets][affinity]") {
  const cpu_set_t all = own_cpus();
  if (CPU_COUNT(&all) < 2 || !CPU_ISSET(0, &all)) return;  // nothing to choose from
  int second = 1;
  while (!CPU_ISSET(second, &all))
    ++second;
  const Pinned on_first(0);
  const Pinned on_second(second);
  cpu_set_t both = only(0);
  CPU_SET(second, &both);
  on_a_thread([&] {
    CHECK(sched_setaffinity(0, sizeof(both), &both) == 0);
    const ProcFs proc;
    CpuAvoidance avoidance(proc);
    avoidance.update({on_first.pid(), on_second.pid()});
    cpu_set_t now = own_cpus();
    CHECK(CPU_EQUAL(&now, &both));
    avoidance.update({1 << 30});  // no such process
    avoidance.update({on_first.pid()});
    now = own_cpus();
    const cpu_set_t left = only(second);
    CHECK(CPU_EQUAL(&now, &left));
    avoidance.update({on_first.pid(), on_second.pid()});  // as at the beginning
    now = own_cpus();
    CHECK(CPU_EQUAL(&now, &both));
  });
}
