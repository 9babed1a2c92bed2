// The callers of a function that was built without frame pointer, from the registers and the top of
// the stack, by the unwind tables of the files. Goes up as far as these bytes reach.
#pragma once

#include "symbols/code_files.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tailwhy {

struct UserState {
  std::uint64_t ip = 0;
  std::uint64_t sp = 0;
  std::uint64_t bp = 0;
  std::span<const std::byte> top;  ///< from sp on
};

struct Unwound {
  std::vector<std::uint64_t> frames;  ///< the place and its callers, innermost first
  /// The register still was the frame pointer of the last one of them: what the walk by frame
  /// pointers gave goes on from there.
  bool chain_holds = true;
};
Unwound unwind_top(const UserState& state, const ProcessImage& image, CodeFiles& files);

/// The whole stack: what was unwound, and what the walk by frame pointers gave (from the place
/// itself outwards). That walk leaves out who called functions without frame pointer, and is wrong
/// where these use the register for something else.
std::vector<std::uint64_t> join_stacks(const Unwound& top,
                                       std::span<const std::uint64_t> by_frame_pointer);

}  // namespace tailwhy
