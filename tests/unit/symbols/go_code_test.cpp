// Places in code as Go's compiler makes it, byte by byte.
#include "symbols/go_code.h"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

using namespace tailwhy;

namespace {

using Code = std::vector<std::byte>;

Code code(std::initializer_list<unsigned> bytes) {
  Code made;
  for (const unsigned byte : bytes)
    made.push_back(static_cast<std::byte>(byte));
  return made;
}

Code joined(std::initializer_list<Code> parts) {
  Code made;
  for (const Code& part : parts)
    made.insert(made.end(), part.begin(), part.end());
  return made;
}

const Code kCompare = code({0x49, 0x3b, 0x66, 0x10});      // cmp 0x10(%r14),%rsp
const Code kGrow = code({0x0f, 0x86, 0xc2, 0x03, 0, 0});   // jbe
const Code kFrame = code({0x48, 0x83, 0xec, 0x68});        // sub $0x68,%rsp
const Code kSpill = code({0x48, 0x89, 0x44, 0x24, 0x70});  // mov %rax,0x70(%rsp)
const Code kCall = code({0xe8, 0x10, 0, 0, 0});            // call: 0x10 after its end
const Code kOther = code({0xe8, 0x40, 0, 0, 0});           // call of something else
const Code kReturn = code({0xc3});

}  // namespace

TEST_CASE("go code: where the stack is checked", "[go]") {
  CHECK(find_stack_check(joined({kCompare, kGrow, kReturn})) == 4);
  // lea -0x1000(%rsp),%r12; cmp 0x10(%r14),%r12; jbe
  const Code large = code({0x4c, 0x8d, 0xa4, 0x24, 0x00, 0xf0, 0xff, 0xff, 0x4d, 0x3b, 0x66, 0x10});
  CHECK(find_stack_check(joined({large, kGrow})) == 12);
}

TEST_CASE("go code: other code has no such place", "[go]") {
  CHECK_FALSE(find_stack_check({}));
  CHECK_FALSE(find_stack_check(kCompare));
  CHECK_FALSE(find_stack_check(joined({kFrame, kReturn})));
  CHECK_FALSE(find_stack_check(joined({kCompare, kFrame, kGrow})));
  // Go 1.16, whose arguments are on the stack: cmp 0x10(%rcx),%rsp
  CHECK_FALSE(find_stack_check(joined({code({0x48, 0x3b, 0x61, 0x10}), kGrow})));
  // an argument is lost before: mov %rcx,%rax
  CHECK_FALSE(find_stack_check(joined({code({0x48, 0x89, 0xc8}), kCompare, kGrow})));
  // cut in the middle of an instruction
  const Code whole = joined({kCompare, kGrow});
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(find_stack_check(std::span(whole).first(size)));
}

TEST_CASE("go code: the only call of a function, and where the receiver lies", "[go]") {
  const Code before = joined({kCompare, kGrow, kFrame, kSpill, kOther});
  const Code whole = joined({before, kCall, kReturn});
  const auto callee = static_cast<std::int64_t>(before.size() + kCall.size() + 0x10);
  const auto found = find_only_call(whole, callee);
  REQUIRE(found);
  CHECK(found->offset == before.size());
  CHECK(found->slot == 0x70);
  CHECK_FALSE(find_only_call(whole, callee + 1));
}

TEST_CASE("go code: no call where it is not sure", "[go]") {
  const auto calls = [](const Code& before, const Code& after) {
    const auto callee = static_cast<std::int64_t>(before.size() + kCall.size() + 0x10);
    return find_only_call(joined({before, kCall, after}), callee).has_value();
  };
  CHECK(calls(joined({kCompare, kGrow, kFrame, kSpill}), kReturn));
  CHECK_FALSE(calls(joined({kCompare, kGrow, kFrame}), kReturn));                  // not spilled
  CHECK_FALSE(calls(joined({kCompare, kGrow, kFrame}), kSpill));                   // only later
  CHECK_FALSE(calls(joined({kCompare, kGrow, kFrame, kOther, kSpill}), kReturn));  // a result
  // mov %rbx,%rax before it is spilled
  CHECK_FALSE(calls(joined({kCompare, kGrow, kFrame, code({0x48, 0x89, 0xd8}), kSpill}), kReturn));
  // twice: the second call's target is the same
  CHECK_FALSE(calls(joined({kCompare, kGrow, kFrame, kSpill}), code({0xe8, 0x0b, 0, 0, 0})));
  // no stack check, so not known to have the receiver in rax
  CHECK_FALSE(calls(joined({kFrame, kSpill}), kReturn));
  // bytes that are no instruction
  CHECK_FALSE(calls(joined({kCompare, kGrow, kFrame, kSpill, code({0x06})}), kReturn));
}
