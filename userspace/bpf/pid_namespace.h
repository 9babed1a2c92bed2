// Which PID namespace the numbers belong to that users type and that /proc shows.
#pragma once

#include "base/result.h"

#include <cstdint>

namespace tailwhy {

/// Depth of the PID namespace whose numbers our /proc shows: 0 on a host.
Result<std::uint32_t> proc_pid_namespace_level();

}  // namespace tailwhy
