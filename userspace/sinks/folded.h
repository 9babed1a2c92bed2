// Stacks as flamegraph.pl and speedscope read them: "comm;outermost;...;innermost;[part] WEIGHT",
// one line a stack, sorted, the weight in microseconds of slow requests' time.
#pragma once

#include "model/slow_stacks.h"

#include <string>

namespace tailwhy {

/// The kernel's functions end in "_[k]". Whatever a name holds stays within its place in the line.
std::string format_folded(const SlowStacks& stacks);

}  // namespace tailwhy
