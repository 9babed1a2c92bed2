// Which PID namespace the numbers belong to that users type and that /proc shows.
#pragma once

#include "base/result.h"

#include <cstdint>

namespace tailwhy {

/// Levels from our own PID namespace up to the one whose numbers our /proc shows: 0 but in a
/// container that was given the host's /proc.
Result<std::uint32_t> pid_namespaces_above();

}  // namespace tailwhy
