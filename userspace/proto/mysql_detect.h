// Do the first bytes of a turn look like MySQL's protocol? By content only: ports mean nothing.
#pragma once

#include "proto/parser.h"

#include <cstddef>
#include <span>

namespace tailwhy::mysql {

// Yes: a greeting (of responses); a login or one of the commands that have a form of their own: a
// statement in SQL, what speaks of a prepared statement, and those that are a single byte.
[[nodiscard]] Confidence detect(Side side, std::span<const std::byte> bytes);

}  // namespace tailwhy::mysql
