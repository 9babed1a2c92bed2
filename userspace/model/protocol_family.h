// Kinds of protocols: what the operation, the target, the status and the system of an exchange are
// called in OpenTelemetry's semantic conventions 1.44. One place for the names of a new kind.
#pragma once

#include <cstdint>
#include <string_view>

namespace tailwhy {

enum class ProtocolFamily : std::uint8_t {
  Unknown,    ///< nothing but bytes and times
  Http,       ///< operation: method; target: route; status: number
  Rpc,        ///< target: fully qualified method; status: word
  Database,   ///< operation: command; target: collection; status: word
  Sql,        ///< operation: command; target: summary of the query; status: word (SQLSTATE)
  Messaging,  ///< operation; target: destination; status: word
  Dns,        ///< operation: type of the question; status: word (RCODE)
};

/// Names of attributes; empty where the family has no such thing.
struct FamilyNames {
  std::string_view system;  ///< whose value is the protocol's name
  std::string_view operation;
  std::string_view target;
  std::string_view status;
};

/// Static: all texts live as long as the program.
[[nodiscard]] const FamilyNames& family_names(ProtocolFamily family);

}  // namespace tailwhy
