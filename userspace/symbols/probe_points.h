// Where in a function's code a probe costs least. The kernel emulates some instructions; any other
// under a probe is copied out and single-stepped, which costs a second trap (20 us each under some
// hypervisors). So: the first emulated one before the arguments are lost, and its returns instead
// of a return probe. Knows no files: bytes in, offsets out. Code is untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tailwhy {

struct ProbePoints {
  /// Of the instruction for the probe of the function's entry, from the function's first byte. The
  /// first four arguments are still in their registers there, and every call comes by.
  std::size_t entry = 0;
  /// The kernel emulates that instruction; false: it will be single-stepped.
  bool entry_emulated = false;
  /// Of all instructions by which the function returns, ascending; empty: they could not be found,
  /// because it ends in another function or jumps to where nobody knows.
  std::vector<std::size_t> returns;
};

/// `code`: the whole function; what is beyond 64 KiB is not looked at. Linear time.
ProbePoints find_probe_points(std::span<const std::byte> code);

}  // namespace tailwhy
