// Where in their code threads sleep and run: what the kernel side tells of it.
#include "bpf/scene.h"
#include "bpf/sockets.h"
#include "symbols/symbolizer.h"
#include "symbols/unwinder.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

volatile unsigned sink;

std::string kernel_symbols() {
  std::ifstream file("/proc/kallsyms");
  return {std::istreambuf_iterator<char>(file), {}};
}

// Functions whose bounds are known: each lies in a section of its own.
constexpr int kSleepLine = __LINE__ + 5;
__attribute__((noinline, section("tw_sleeps"))) void sleep_here() {
  const timespec time{0, 20'000'000};
  constexpr int kThisLine = __LINE__ + 2;
  static_assert(kThisLine == kSleepLine);
  must(nanosleep(&time, nullptr) == 0, "sleep");
  sink = sink + 1;  // no tail call
}

__attribute__((noinline, section("tw_burns"))) void burn_here() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  const long until_ms = now.tv_sec * 1000 + now.tv_nsec / 1'000'000 + 200;
  do {
    for (unsigned i = 0; i < 200'000; ++i)
      sink = sink + i;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while (now.tv_sec * 1000 + now.tv_nsec / 1'000'000 < until_ms);
}

extern "C" const char __start_tw_sleeps[];
extern "C" const char __stop_tw_sleeps[];
extern "C" const char __start_tw_burns[];
extern "C" const char __stop_tw_burns[];

bool between(std::uint64_t address, const char* begin, const char* end) {
  return address >= reinterpret_cast<std::uint64_t>(begin) &&
         address <= reinterpret_cast<std::uint64_t>(end);
}

bool in_sleep(std::uint64_t address) {
  return between(address, __start_tw_sleeps, __stop_tw_sleeps);
}

// C libraries have no frame pointers, so their caller is on the top of the stack only.
bool called_from_sleep(const tw_ev_stack& stack) {
  for (std::size_t at = 0; at + 8 <= stack.top_bytes; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, stack.top + at, sizeof(word));
    if (in_sleep(word)) return true;
  }
  return false;
}

void sleep_five_times(Side& side) {
  side.wait();
  for (int i = 0; i < 5; ++i)
    sleep_here();
}

SceneOptions with_stacks() {
  SceneOptions options;
  options.config.want_stacks = true;
  return options;
}

}  // namespace

TEST_CASE("stacks: a sleep tells where the thread was in its code, and when", "[stacks]") {
  Scene scene(usable_modes().front(), sleep_five_times, with_stacks());
  const Trace trace = scene.finish();
  int sleeps = 0;
  for (const tw_ev_stack& stack : trace.stacks) {
    if (stack.kind != TW_STACK_SLEEP || !called_from_sleep(stack)) continue;
    ++sleeps;
    CHECK(stack.pid == scene.pid());
    CHECK(stack.tid == scene.pid());
    CHECK(stack.period_ns == 0);
    const auto user = scene.tracer().read_stack(stack.user_stack);
    REQUIRE_FALSE(user.empty());
    CHECK(std::count(user.begin(), user.end(), 0) == 0);
    CHECK(scene.tracer().read_stack(stack.kernel_stack).size() > 2);
    const auto off =
        std::find_if(trace.offs.begin(), trace.offs.end(), [&](const tw_ev_off_cpu& record) {
          return record.tid == stack.tid && record.off_ns == stack.hdr.ts_ns;
        });
    REQUIRE(off != trace.offs.end());
    CHECK(off->woken_ns - off->off_ns > 15'000'000);
  }
  CHECK(sleeps == 5);
  trace.check_no_loss({TW_CNT_STACK_MAP_FULL});  // two in one place: rare, and no fault
}

TEST_CASE("stacks: a sleep's addresses are named, with the line", "[stacks]") {
  Scene scene(
      usable_modes().front(),
      [](Side& side) {
        side.wait();
        sleep_here();
      },
      with_stacks());
  ProcessImages images;
  images.look(scene.pid());
  REQUIRE(images.find(scene.pid()) != nullptr);
  const Trace trace = scene.finish();
  CodeFiles files(images);
  Symbolizer symbolizer(images, files);
  symbolizer.set_kernel(KernelSymbols::parse(kernel_symbols()));
  int found = 0;
  for (const tw_ev_stack& stack : trace.stacks) {
    if (stack.kind != TW_STACK_SLEEP || !called_from_sleep(stack)) continue;
    ++found;
    const Unwound top =
        unwind_top({stack.ip, stack.sp, stack.bp,
                    std::span(reinterpret_cast<const std::byte*>(stack.top), stack.top_bytes)},
                   *images.find(scene.pid()), files);
    const auto frames = symbolizer.user_frames(
        scene.pid(), join_stacks(top, scene.tracer().read_stack(stack.user_stack)));
    const auto at = std::find_if(frames.begin(), frames.end(), [](const CodeFrame& frame) {
      return frame.function.ends_with("sleep_here");
    });
    REQUIRE(at != frames.end());
    CHECK(at->file.ends_with("stacks_test.cpp"));
    CHECK(at->line == kSleepLine);
    CHECK(at != frames.begin());  // the C library stands before it
    const auto kernel = symbolizer.kernel_frames(scene.tracer().read_stack(stack.kernel_stack));
    REQUIRE_FALSE(kernel.empty());
    CHECK_FALSE(is_scheduling(kernel.front().function));
    CHECK(std::any_of(kernel.begin(), kernel.end(), [](const CodeFrame& frame) {
      return frame.function.find("nanosleep") != std::string::npos;
    }));
  }
  CHECK(found == 1);
}

TEST_CASE("stacks: equal stacks are one in the kernel", "[stacks]") {
  Scene scene(usable_modes().front(), sleep_five_times, with_stacks());
  const Trace trace = scene.finish();
  std::vector<int> ids;
  for (const tw_ev_stack& stack : trace.stacks) {
    if (stack.kind == TW_STACK_SLEEP && called_from_sleep(stack)) ids.push_back(stack.user_stack);
  }
  REQUIRE(ids.size() == 5);
  std::sort(ids.begin(), ids.end());
  CHECK(std::unique(ids.begin(), ids.end()) - ids.begin() == 1);
}

TEST_CASE("stacks: what runs is met by the CPU's clock", "[stacks]") {
  Scene scene(
      usable_modes().front(),
      [](Side& side) {
        side.wait();
        burn_here();
      },
      with_stacks());
  if (!scene.tracer().plan().has_program("cpu_clock_pe")) {
    WARN("SKIP: this kernel lets nobody follow the CPUs' clocks");
    return;
  }
  const Trace trace = scene.finish();
  int met = 0;
  std::uint64_t period_ns = 0;
  for (const tw_ev_stack& stack : trace.stacks) {
    if (stack.kind != TW_STACK_CPU) continue;
    CHECK(stack.pid == scene.pid());
    const auto user = scene.tracer().read_stack(stack.user_stack);
    if (user.empty() || !between(user.front(), __start_tw_burns, __stop_tw_burns)) continue;
    ++met;
    period_ns = stack.period_ns;
  }
  CHECK(period_ns > 1'000'000);
  // 200 ms of CPU, however long it took to get them
  CHECK(static_cast<double>(met) * static_cast<double>(period_ns) == Approx(200e6).margin(60e6));
  trace.check_no_loss({TW_CNT_STACK_MAP_FULL});  // two in one place: rare, and no fault
}

TEST_CASE("stacks: nobody pays for them who does not want them", "[stacks]") {
  Scene scene(usable_modes().front(), [](Side& side) {
    side.wait();
    sleep_here();
  });
  CHECK_FALSE(scene.tracer().plan().has_program("cpu_clock_pe"));
  CHECK(scene.tracer().read_stack(0).empty());
  const Trace trace = scene.finish();
  CHECK(trace.stacks.empty());
  CHECK_FALSE(trace.offs.empty());
}
