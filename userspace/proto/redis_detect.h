// Telling RESP from other protocols by the first bytes of a turn.
#pragma once

#include "proto/parser.h"

#include <span>
#include <string_view>

namespace tailwhy {

// Requests: an array of bulk strings whose first is a word, or a whole line with a known command
// that is neither HTTP nor memcached's. Responses: errors that only Redis says.
Confidence detect_redis(Side side, std::span<const std::byte> bytes);

// Could a reply begin like this? For one side of a connection that is known to be Redis.
bool redis_reply_begins(std::string_view text);

}  // namespace tailwhy
