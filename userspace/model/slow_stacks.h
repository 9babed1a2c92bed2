// Where in the code the time of slow requests went: plain values that the run's end fills, and what
// a report says of them.
#pragma once

#include "model/budget.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tailwhy {

/// One function of a stack. Names come from the target's files: any bytes.
struct CodeFrame {
  std::string function;    ///< "shop::take_order"; "[libfoo.so+0x1234]" if nobody knows its name
  std::string file;        ///< as the compiler spelled it; empty: unknown
  std::uint32_t line = 0;  ///< 0: unknown
  bool kernel = false;
  bool library = false;  ///< the C library, a language's runtime: not the program's own code
  bool operator==(const CodeFrame&) const = default;
};

struct SlowStack {
  std::uint32_t pid = 0;
  std::string comm;
  Part part = Part::OnCpu;
  std::vector<CodeFrame> frames;  ///< innermost first: the kernel's, then the program's
  Ns ns = 0;                      ///< of slow requests' time
  std::uint64_t samples = 0;
  std::uint64_t requests = 0;
};

struct SlowStacks {
  bool wanted = false;
  std::uint64_t requests = 0;     ///< slow ones
  Ns total_ns = 0;                ///< their durations
  Ns slow_from_ns = 0;            ///< a request is slow from there on, at the end
  std::vector<SlowStack> stacks;  ///< most time first
  std::uint64_t not_kept = 0;     ///< samples for whose stack there was no room
  std::uint64_t too_old = 0;  ///< requests some of whose samples were forgotten before their end
  bool cpu_known = false;     ///< what runs was looked at, too
  std::string file;           ///< where the folded stacks are; empty: nowhere
};

/// The time lost at one line of the program itself.
struct SlowLine {
  Part part = Part::OnCpu;
  CodeFrame at;
  std::vector<CodeFrame> callers;  ///< of the program itself, innermost first
  Ns ns = 0;
  std::uint64_t samples = 0;
};

/// The lines at which most time is lost, at most `most`. Stacks in which nothing is the program's
/// own count for their innermost frame that is not the kernel's.
std::vector<SlowLine> slow_lines(const SlowStacks& stacks, std::size_t most);

}  // namespace tailwhy
