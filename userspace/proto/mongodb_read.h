// What is read of a message of MongoDB's: the name of a command, a collection, an error. One pass
// over the first bytes of a message, of which any number may be missing at the end; nothing
// recurses, and no length is trusted. Also says what was read, for all else is hidden in
// recordings.
#pragma once

#include "model/request.h"
#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy::mongodb {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kHeader = 16;  // length, id, id of what it answers, opcode

/// Opcodes.
constexpr std::uint32_t kReply = 1, kUpdate = 2001, kInsert = 2002, kQuery = 2004, kGetMore = 2005,
                        kDelete = 2006, kKillCursors = 2007, kCompressed = 2012, kMessage = 2013;
/// Flags of OP_MSG.
constexpr std::uint32_t kChecksum = 1U << 0U, kMoreToCome = 1U << 1U, kExhaustAllowed = 1U << 16U,
                        kMustBeKnown = 0xffff;

struct Asked {
  /// Static; "_OTHER": none that is known; empty: it was not captured.
  std::string_view command;
  Route collection;
  /// Nothing: not captured, so nobody knows whether it will be answered.
  std::optional<bool> one_way;
  bool open_ended = false;
};

struct Told {
  ResponseHead::Verdict verdict = ResponseHead::Verdict::Unknown;
  StatusText status;
  bool more_to_come = false;
};

/// Of a request. `shown`, if there is one, gets the ranges that were read, in order.
[[nodiscard]] Asked read_request(Bytes message, std::vector<SecretSpan>* shown);
/// Of an answer.
[[nodiscard]] Told read_answer(Bytes message, std::vector<SecretSpan>* shown);

}  // namespace tailwhy::mongodb
