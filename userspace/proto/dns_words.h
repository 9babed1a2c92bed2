// What numbers of the DNS are called (IANA, "Domain Name System (DNS) Parameters"), and what an
// answer's code says of who is to blame.
#pragma once

#include "proto/parser.h"

#include <cstdint>
#include <string_view>

namespace tailwhy::dns {

enum Opcode : std::uint8_t { kQuery = 0, kNotify = 4, kUpdate = 5, kStateful = 6 };
enum Type : std::uint16_t { kSoa = 6, kOpt = 41, kIxfr = 251, kAxfr = 252 };

/// "A", "AAAA", ...; "_OTHER" for those that no row has.
[[nodiscard]] std::string_view type_name(std::uint16_t type);
/// "QUERY", "NOTIFY", ...; empty: not assigned.
[[nodiscard]] std::string_view opcode_name(std::uint8_t opcode);
/// "NOERROR", "NXDOMAIN", ... of an RCODE with its upper eight bits (RFC 6891 6.1.3); "_OTHER" for
/// those that are not assigned.
[[nodiscard]] std::string_view code_name(std::uint16_t code);
/// That a name does not exist, or that an update's prerequisite does not hold, is an answer; what
/// is not assigned is unknown.
[[nodiscard]] ResponseHead::Verdict verdict_of(std::uint16_t code);

}  // namespace tailwhy::dns
