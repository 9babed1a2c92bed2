// Where in a function's code a probe costs least. The kernel emulates some instructions; any other
// under a probe is copied out and single-stepped, which costs a second trap (20 us and more under
// some hypervisors; `ret` is one of them). So: the first emulated one before the arguments are
// lost. Knows no files: bytes in, offsets out. Code is untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tailwhy {

struct ProbePoints {
  /// Of the instruction for the probe of the function's entry, from the function's first byte. The
  /// first four arguments are still in their registers there, and every call comes by.
  std::size_t entry = 0;
  /// The kernel emulates that instruction; false: it will be single-stepped.
  bool entry_emulated = false;
  /// A return probe costs no more than that, too: it sits on the first instruction of all.
  bool return_emulated = false;
  /// The first function that it calls, relative to its own first byte, if that gets its first two
  /// arguments unchanged and, as the fourth, its own fourth or a place on its stack.
  std::optional<std::int64_t> inner;
};

/// `code`: the function's first bytes; some dozens of instructions are looked at.
ProbePoints find_probe_points(std::span<const std::byte> code);

}  // namespace tailwhy
