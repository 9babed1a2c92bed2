// What a thread waited for, from what the kernel side saw when it went to sleep: its system call,
// the descriptor of that call, whether a disk or a page of memory was waited for. A pure function.
#pragma once

#include "tailwhy/abi/events.h"

#include "model/budget.h"
#include "model/request.h"

#include <optional>

namespace tailwhy {

/// The part that the time asleep is. `peer`: the role of the connection that the call was on, if it
/// is one that is followed.
Part wait_class(const tw_ev_off_cpu& off, std::optional<Role> peer);

/// Whether the thread sleeps until it is told that a mutex is free: nobody hands work to it then.
bool waits_for_mutex(const tw_ev_off_cpu& off);

}  // namespace tailwhy
