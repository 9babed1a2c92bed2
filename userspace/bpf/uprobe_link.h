// Running a program wherever processes execute certain places of a file's code. By one link for all
// places where the kernel has such (6.6; the library has no call for it), else by an event each.
// Knows nothing of what is at those places.
#pragma once

#include "base/handle.h"
#include "base/result.h"
#include "bpf/link.h"

#include <cstdint>
#include <span>
#include <vector>

namespace tailwhy {

/// A place in a file's code.
struct UprobePoint {
  std::uint64_t offset = 0;  ///< in the file: of an instruction's first byte
  std::uint64_t cookie = 0;  ///< what the program is told of it
  /// The program runs when the function that begins there returns, not where it is.
  bool on_return = false;
};

/// Attached places; detaches when destroyed.
struct UprobeLinks {
  std::vector<UniqueFd> multi;
  std::vector<LinkHandle> events;
};

/// How a kernel attaches them.
enum class UprobeMethod : std::uint8_t { Multi, PerfEvent };

/// The attach type that a program must be loaded with for links of many places; 0 for events.
std::uint32_t uprobe_attach_type(UprobeMethod method);

/// Whether this kernel has links of many places. Error: what it said instead.
Result<> probe_uprobe_multi();

/// In every process that has the file mapped, now or later. `file` is open for reading; whatever
/// name it has is not used. All places or none.
Result<UprobeLinks> attach_uprobes(const bpf_program* program,
                                   int file,
                                   std::span<const UprobePoint> points,
                                   UprobeMethod method);

}  // namespace tailwhy
