// Telling memcached's protocols from others by the first bytes of a turn.
#pragma once

#include "proto/parser.h"

#include <span>
#include <string_view>

namespace tailwhy {

// Requests: a line with a known command and as many arguments as it takes, or a binary header that
// fits its opcode. Responses: errors that only memcached says.
Confidence detect_memcached(Side side, std::span<const std::byte> bytes);

// Could an answer begin like this? For a connection that is known to be memcached's.
bool memcached_answer_begins(std::string_view text);

}  // namespace tailwhy
