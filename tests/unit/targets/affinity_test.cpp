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

// On a thread of its own: the test's keeps its CPUs.
template <class Body>
void on_a_thread(Body body) {
  std::thread(body).join();
}

}  // namespace

TEST_CASE("affinity: CPUs that a target is pinned to are left to it", "[targets][affinity]") {
  const cpu_set_t all = own_cpus();
  if (CPU_COUNT(&all) < 2 || !CPU_ISSET(0, &all)) return;  // nothing to choose from
  Child pinned([](const Channel& parent) {
    const cpu_set_t first = only(0);
    sched_setaffinity(0, sizeof(first), &first);
    parent.say("pinned");
    static_cast<void>(parent.hear());
    return 0;
  });
  REQUIRE(pinned.channel().hear() == "pinned");
  Child free([](const Channel& parent) {
    static_cast<void>(parent.hear());
    return 0;
  });
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
  Child pinned([](const Channel& parent) {
    const cpu_set_t first = only(0);
    sched_setaffinity(0, sizeof(first), &first);
    parent.say("pinned");
    static_cast<void>(parent.hear());
    return 0;
  });
  REQUIRE(pinned.channel().hear() == "pinned");
  on_a_thread([&] {
    const cpu_set_t first = only(0);
    CHECK(sched_setaffinity(0, sizeof(first), &first) == 0);
    const ProcFs proc;
    CpuAvoidance avoidance(proc);
    avoidance.update({pinned.pid()});
    const cpu_set_t now = own_cpus();
    CHECK(CPU_EQUAL(&now, &first));
    avoidance.update({1 << 30});  // no such process
  });
}
