// The symboliser on this very program: functions, lines, inlined ones, and the callers of functions
// that have no frame pointer.
#include "symbols/symbolizer.h"

#include "symbols/unwinder.h"

#include <catch2/catch.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tailwhy;

namespace symbols_test {

struct Seen {
  UserState state;
  std::array<std::byte, 1024> top;
};

volatile unsigned line_in_outer;
volatile unsigned sink;

// What the kernel side takes: registers, and the top of the stack. Sanitizers would see a read
// beyond this function's own variables.
[[gnu::noinline, gnu::no_sanitize("address", "undefined")]] void look(Seen& seen) {
  std::uint64_t ip = 0;
  std::uint64_t sp = 0;
  std::uint64_t bp = 0;
  asm volatile("lea 0(%%rip), %0\n mov %%rsp, %1\n mov %%rbp, %2" : "=r"(ip), "=r"(sp), "=r"(bp));
  const auto* from = reinterpret_cast<const volatile std::byte*>(sp);
  for (std::size_t i = 0; i < seen.top.size(); ++i)
    seen.top[i] = from[i];
  seen.state = {ip, sp, bp, seen.top};
}

[[gnu::always_inline]] inline void inlined(Seen& seen) {
  look(seen);
  sink = sink + 1;
}

[[gnu::noinline]] void outer(Seen& seen) {
  line_in_outer = __LINE__ + 1;
  inlined(seen);
  sink = sink + 1;  // no tail call
}

}  // namespace symbols_test

namespace {

using symbols_test::outer;
using symbols_test::Seen;

std::uint32_t self() {
  return static_cast<std::uint32_t>(getpid());
}

}  // namespace

TEST_CASE("symbols: callers are found without frame pointers, with lines and inlined functions",
          "[symbols]") {
  Seen seen;
  outer(seen);
  ProcessImages images;
  images.look(self());
  REQUIRE(images.find(self()) != nullptr);
  CodeFiles files(images);
  const Unwound unwound = unwind_top(seen.state, *images.find(self()), files);
  REQUIRE(unwound.frames.size() >= 3);
  CHECK(unwound.frames.front() == seen.state.ip);

  Symbolizer symbolizer(images, files);
  const auto frames = symbolizer.user_frames(self(), unwound.frames);
  REQUIRE(frames.size() >= 3);
  CHECK(frames[0].function == "symbols_test::look");
  CHECK(frames[1].function == "symbols_test::inlined");
  CHECK(frames[2].function == "symbols_test::outer");
  CHECK(frames[2].file.ends_with("symbolizer_test.cpp"));
  CHECK(frames[2].line == symbols_test::line_in_outer);
  CHECK_FALSE(frames[2].library);
}

TEST_CASE("symbols: when there is no time for lines, functions still have names", "[symbols]") {
  Seen seen;
  outer(seen);
  ProcessImages images;
  images.look(self());
  CodeFiles files(images);
  Symbolizer symbolizer(images, files);
  symbolizer.set_deadline([] { return true; });
  const std::uint64_t address = seen.state.ip;
  const auto frames = symbolizer.user_frames(self(), std::span(&address, 1));
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].function == "symbols_test::look");
  CHECK(frames[0].line == 0);
}

TEST_CASE("symbols: what has no name says where it is", "[symbols]") {
  ProcessImages images;
  images.look(self());
  CodeFiles files(images);
  Symbolizer symbolizer(images, files);
  const std::uint64_t nowhere = 0x1000;
  CHECK(symbolizer.user_frames(self(), std::span(&nowhere, 1)).at(0).function == "[unknown]");
  CHECK(symbolizer.user_frames(0, std::span(&nowhere, 1)).at(0).function == "[unknown]");
  const ProcessImage& image = *images.find(self());
  const auto libc = std::find_if(
      image.mappings.begin(), image.mappings.end(),
      [](const Mapping& mapping) { return mapping.path.find("libc.so") != std::string::npos; });
  REQUIRE(libc != image.mappings.end());
  const std::uint64_t padding = libc->end - 1;  // behind the last function
  const auto frame = symbolizer.user_frames(self(), std::span(&padding, 1)).at(0);
  CHECK(frame.function.starts_with("[libc.so.6+0x"));
  CHECK(frame.library);
}

TEST_CASE("symbols: a process that has ended is named by its files", "[symbols]") {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char byte = 0;
    _exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
  }
  Seen seen;
  outer(seen);
  ProcessImages images;
  const auto pid = static_cast<std::uint32_t>(child);
  images.look(pid);
  REQUIRE(write(ready[1], "x", 1) == 1);
  waitpid(child, nullptr, 0);
  images.look(pid);  // it is gone, and stays known
  REQUIRE(images.find(pid) != nullptr);
  CodeFiles files(images);
  Symbolizer symbolizer(images, files);
  const std::uint64_t address = seen.state.ip;
  CHECK(symbolizer.user_frames(pid, std::span(&address, 1)).at(0).function == "symbols_test::look");
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("symbols: the kernel's code in every process has names and callers, too", "[symbols]") {
  ProcessImages images;
  images.look(self());
  const ProcessImage& image = *images.find(self());
  const auto vdso = std::find_if(image.mappings.begin(), image.mappings.end(),
                                 [](const Mapping& mapping) { return mapping.is_vdso(); });
  if (vdso == image.mappings.end()) return;
  CodeFiles files(images);
  CodeFile* file = files.find(image, *vdso);
  REQUIRE(file != nullptr);
  CHECK(static_cast<bool>(file->cfi));
}

TEST_CASE("unwinder: the walk by frame pointers goes on where the tables end", "[symbols]") {
  const std::vector<std::uint64_t> walked = {1, 4, 5, 6};
  // 2 and 3 have no frame pointer, so the walk knows neither 3 nor the caller of 2
  CHECK(join_stacks({{1, 2, 3, 4}, false}, walked) == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6});
  CHECK(join_stacks({{1, 2, 3}, true}, walked) == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6});
  // the register was used for something else
  CHECK(join_stacks({{1, 2, 3}, false}, walked) == std::vector<std::uint64_t>{1, 2, 3});
  CHECK(join_stacks({{1}, true}, walked) == walked);
  CHECK(join_stacks({{1}, true}, {}) == std::vector<std::uint64_t>{1});
  CHECK(join_stacks({{}, true}, {}).empty());
}

TEST_CASE("unwinder: a stack that lies ends the walk", "[symbols]") {
  ProcessImages images;
  images.look(self());
  const ProcessImage& image = *images.find(self());
  CodeFiles files(images);
  Seen seen;
  outer(seen);
  std::array<std::byte, 1024> garbage{};
  for (std::size_t i = 0; i < garbage.size(); ++i)
    garbage[i] = static_cast<std::byte>(i * 37);
  CHECK(unwind_top({seen.state.ip, seen.state.sp, seen.state.bp, garbage}, image, files)
            .frames.size() == 1);
  CHECK(unwind_top({seen.state.ip, seen.state.sp, seen.state.bp, {}}, image, files).frames.size() ==
        1);
  CHECK(unwind_top({0, 0, 0, garbage}, image, files).frames.size() == 1);
  CHECK(unwind_top({~0ULL, ~0ULL, ~0ULL, garbage}, image, files).frames.size() == 1);
  // one and the same return address over and over
  for (std::size_t i = 0; i + 8 <= garbage.size(); i += 8)
    std::memcpy(garbage.data() + i, &seen.state.ip, 8);
  CHECK(unwind_top({seen.state.ip, seen.state.sp, seen.state.bp, garbage}, image, files)
            .frames.size() <= 24);
}
