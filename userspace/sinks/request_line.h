// The `request` record of the log, written by hand: it is the one that is written 50,000 times a
// second. Fields in a fixed order; absent ones were not observed.
#pragma once

#include "base/clock.h"
#include "model/request.h"

#include <fmt/format.h>
#include <string_view>

namespace tailwhy {

/// When an exchange was over: its latest stamp, which is also the record's time.
Ns ended_ns(const Request& request);

/// Appends the record up to its weight, without the closing brace: a sampled request is written
/// down before its weight is known. `peer_address`: also for clients of the target; the servers
/// that it calls are always named. At most 6 KiB.
void begin_request_line(fmt::memory_buffer& out,
                        const Request& request,
                        std::string_view reason,
                        const ClockOffset& clock,
                        bool peer_address);

/// Appends the weight (how many requests this one stands for), the brace and the line break.
void end_request_line(fmt::memory_buffer& out, double weight);

}  // namespace tailwhy
