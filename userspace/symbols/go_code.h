// Places in functions that Go's compiler made, at which a probe finds what it needs in registers
// (ABIInternal, since Go 1.17: r14 is the goroutine, arguments are in rax, rbx, rcx). A return
// probe would not do: stacks move. Knows no files: bytes in, offsets out. Code is untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tailwhy {

/// Offset of the jump with which a function asks for a larger stack. The arguments are in their
/// registers there, and if it is taken the function begins anew. Nothing: it has none that is
/// known.
std::optional<std::size_t> find_stack_check(std::span<const std::byte> code);

/// A call of a function within another.
struct GoCall {
  std::size_t offset = 0;  ///< of the call instruction
  std::uint16_t slot = 0;  ///< what came in rax lies there, from rsp on
};

/// The one call of the function at `callee`, relative to the first byte of `code`, and where the
/// receiver of the method lies meanwhile. Nothing: there is none, or several, or it lies nowhere.
std::optional<GoCall> find_only_call(std::span<const std::byte> code, std::int64_t callee);

}  // namespace tailwhy
