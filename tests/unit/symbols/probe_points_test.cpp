// Where probes go in code that was written for this, byte by byte.
#include "symbols/probe_points.h"

#include <catch2/catch.hpp>

#include <initializer_list>
#include <vector>

using namespace tailwhy;

namespace {

std::vector<std::byte> code(std::initializer_list<unsigned> bytes) {
  std::vector<std::byte> made;
  for (const unsigned byte : bytes)
    made.push_back(static_cast<std::byte>(byte));
  return made;
}

}  // namespace

TEST_CASE("probe points: the first emulated instruction, past those that are not", "[probe]") {
  // sub $8,%rsp; call +0; add $8,%rsp; ret
  const auto call = code({0x48, 0x83, 0xec, 8, 0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 8, 0xc3});
  CHECK(find_probe_points(call).entry == 4);
  CHECK(find_probe_points(call).entry_emulated);

  const auto endbr = code({0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0x57, 0x41, 0x5f, 0xc3});  // push %r15
  CHECK(find_probe_points(endbr).entry == 4);

  // sub $0x18,%rsp; mov %fs:0x28,%rax; xor %eax,%eax; test %edx,%edx; js +0; ret
  const auto jump = code({0x48, 0x83, 0xec, 0x18, 0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0,    0,
                          0,    0x31, 0xc0, 0x85, 0xd2, 0x78, 0,    0x48, 0x83, 0xc4, 0x18, 0xc3});
  CHECK(find_probe_points(jump).entry == 17);
  CHECK(find_probe_points(jump).entry_emulated);
}

TEST_CASE("probe points: not where an argument is lost already", "[probe]") {
  const auto lost = GENERATE(code({0x48, 0x89, 0xc7, 0x53, 0x5b, 0xc3}),  // mov %rax,%rdi; push
                             code({0x31, 0xf6, 0x53, 0x5b, 0xc3}),        // xor %esi,%esi
                             code({0x48, 0x63, 0xd2, 0x53, 0x5b, 0xc3}),  // movslq %edx,%rdx
                             code({0xb1, 0x00, 0x53, 0x5b, 0xc3}));       // mov $0,%cl
  CHECK(find_probe_points(lost).entry == 0);
  CHECK_FALSE(find_probe_points(lost).entry_emulated);
}

TEST_CASE("probe points: a push with a prefix that the kernel does not emulate", "[probe]") {
  const auto pushw = code({0x66, 0x53, 0x66, 0x5b, 0xc3});
  CHECK_FALSE(find_probe_points(pushw).entry_emulated);
}

TEST_CASE("probe points: what ends or branches before is no place, nor what is no instruction",
          "[probe]") {
  const auto none = GENERATE(code({0xc3}), code({0xff, 0xe0, 0x53}), code({0x06, 0x53}),
                             code({0xf3, 0x0f, 0x1e, 0xfa, 0xc3, 0x53}), code({0x48}), code({}));
  CHECK(find_probe_points(none).entry == 0);
  CHECK_FALSE(find_probe_points(none).entry_emulated);
}

TEST_CASE("probe points: of any bytes, an instruction near the beginning", "[probe]") {
  std::vector<std::byte> bytes(512);
  unsigned state = 1;
  for (int round = 0; round < 20'000; ++round) {
    for (std::byte& byte : bytes)
      byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
    const ProbePoints points = find_probe_points(bytes);
    REQUIRE(points.entry <= 32 * 15);
  }
}
