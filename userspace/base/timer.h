// Timers as file descriptors, for loops that wait on several.
#pragma once

#include "base/clock.h"
#include "base/handle.h"

namespace tailwhy {

/// Readable after `first_ns`, and then every `period_ns` (0: once). first_ns 0: not armed. An empty
/// handle, with errno, if there can be none.
UniqueFd make_timer(Ns first_ns = 0, Ns period_ns = 0);

/// Arms it anew.
void arm_timer(int fd, Ns first_ns, Ns period_ns = 0);

/// Reads what made it readable.
void drain_timer(int fd);

}  // namespace tailwhy
