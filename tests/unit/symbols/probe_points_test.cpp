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

using Offsets = std::vector<std::size_t>;

}  // namespace

TEST_CASE("probe points: the first emulated instruction, past those that are not", "[probe]") {
  // sub $8,%rsp; call +0; add $8,%rsp; ret
  const auto call = code({0x48, 0x83, 0xec, 8, 0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 8, 0xc3});
  CHECK(find_probe_points(call).entry == 4);
  CHECK(find_probe_points(call).entry_emulated);
  CHECK(find_probe_points(call).returns == Offsets{13});

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
  CHECK(find_probe_points(lost).returns == Offsets{lost.size() - 1});
}

TEST_CASE("probe points: a push with a prefix that the kernel does not emulate", "[probe]") {
  const auto pushw = code({0x66, 0x53, 0x66, 0x5b, 0xc3});
  CHECK_FALSE(find_probe_points(pushw).entry_emulated);
}

TEST_CASE("probe points: bytes that only look like returns are none", "[probe]") {
  // mov $0xc3c3c3c3,%eax; jmp +1; (ret); ret
  const auto bytes = code({0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xeb, 1, 0xc3, 0xc3});
  CHECK(find_probe_points(bytes).returns == Offsets{8});
}

TEST_CASE("probe points: both sides of a branch are followed", "[probe]") {
  // push; test %edi,%edi; je +2; pop; ret; pop; ret
  const auto bytes = code({0x53, 0x85, 0xff, 0x74, 2, 0x5b, 0xc3, 0x5b, 0xc3});
  CHECK(find_probe_points(bytes).returns == Offsets{6, 8});
}

TEST_CASE("probe points: who may leave another way has no returns that are known", "[probe]") {
  const auto bytes = GENERATE(code({0x53, 0x5b, 0xeb, 0x7f}),        // jmp out of it
                              code({0x53, 0x5b, 0xff, 0xe0}),        // jmp *%rax
                              code({0x53, 0x74, 0x7f, 0x5b, 0xc3}),  // je out of it
                              code({0x53, 0x74, 0x80, 0x5b, 0xc3}),  // je before it
                              code({0x53, 0x5b}),                    // runs out of it
                              code({0x53, 0x06, 0xc3}));             // no instruction
  CHECK(find_probe_points(bytes).returns.empty());
  CHECK(find_probe_points(bytes).entry_emulated);
}

TEST_CASE("probe points: a call that does not return may be the end", "[probe]") {
  const auto bytes = code({0x53, 0x74, 2, 0x5b, 0xc3, 0xe8, 0, 0, 0, 0});
  CHECK(find_probe_points(bytes).returns == Offsets{4});
}

TEST_CASE("probe points: any bytes are gone over once", "[probe]") {
  CHECK(find_probe_points({}).returns.empty());
  std::vector<std::byte> bytes(65536);
  unsigned state = 1;
  for (int round = 0; round < 200; ++round) {
    for (std::byte& byte : bytes)
      byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
    const ProbePoints points = find_probe_points(bytes);
    CHECK(points.entry < 64 * 15);
  }
  // one jump from each place to the place before: no path is followed twice
  for (std::size_t i = 0; i + 2 <= bytes.size(); i += 2) {
    bytes[i] = std::byte{0x74};
    bytes[i + 1] = std::byte{0xfc};
  }
  CHECK(find_probe_points(bytes).returns.empty());
}
