// One message of the DNS (RFC 1035 4.1), as far as its bytes are known: what it asks for, and how
// an answer went. Knows no transport. Names are gone over by the lengths of their labels; their
// letters are nobody's business.
#pragma once

#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy::dns {

inline constexpr std::size_t kHeader = 12;
/// Of a message's bytes after its header, these are enough for any question.
inline constexpr std::size_t kMostQuestion = 255 + 4;

/// The header, all of which is there.
struct Header {
  std::uint16_t id = 0;
  bool answer = false;
  bool authoritative = false;
  bool truncated = false;
  bool reserved = false;  ///< the bit that must be zero
  std::uint8_t opcode = 0;
  std::uint8_t code = 0;  ///< the lower four bits of the RCODE
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additionals = 0;
};
[[nodiscard]] Header read_header(std::span<const std::byte> message);

/// The first question of a message.
struct Question {
  std::uint16_t type = 0;
  std::uint16_t zone_class = 0;
  std::uint32_t shape = 0;  ///< of its name's labels, with type and class; never 0
  std::size_t end = 0;      ///< offset of what follows it
};
/// Nothing: there is none, it cannot be one, or not all of it is known.
[[nodiscard]] std::optional<Question> read_question(std::span<const std::byte> message);

/// What an answer says, as far as it is known.
struct Answer {
  std::optional<std::uint16_t> code;  ///< with its upper bits, which are in another place
  std::uint16_t records = 0;          ///< in the answer section
  bool ends_with_soa = false;         ///< the last of them; false, too, if it was not reached
};
[[nodiscard]] Answer read_answer(std::span<const std::byte> message);

/// Adds what of a message's first bytes, `known`, is not read; offsets are `base` higher.
void find_secrets(std::span<const std::byte> known,
                  std::size_t base,
                  std::vector<SecretSpan>& secrets);

/// Are these the first bytes of a message that asks for something, `size` bytes long? Yes is rare
/// for bytes of anything else.
[[nodiscard]] Confidence detect_request(std::span<const std::byte> bytes, std::size_t size);

}  // namespace tailwhy::dns
