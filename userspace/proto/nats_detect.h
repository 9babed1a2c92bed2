// Telling NATS from other protocols by the first bytes of a turn, and its lines from what else its
// streams hold.
#pragma once

#include "proto/parser.h"

#include <cstddef>
#include <span>
#include <string_view>

namespace tailwhy {

// Requests: the whole line of a PUB, HPUB, SUB or UNSUB, or CONNECT with JSON. Responses: INFO of a
// server, MSG and HMSG.
Confidence detect_nats(Side side, std::span<const std::byte> bytes);

namespace nats {

// Where in `text`, the bytes of one call, a line begins that can be nothing else, at the beginning
// or after another line; its size: nowhere. For a connection that is known to be NATS's.
std::size_t find_line(std::string_view text);

}  // namespace nats
}  // namespace tailwhy
