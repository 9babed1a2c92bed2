// Opcodes and errors of the CQL binary protocol (native_protocol_v4.spec, 2.4 and 9).
#pragma once

#include <cstdint>
#include <string_view>

namespace tailwhy::cassandra {

enum class Opcode : std::uint8_t {
  Error = 0x00,
  Startup = 0x01,
  Ready = 0x02,
  Authenticate = 0x03,
  Options = 0x05,
  Supported = 0x06,
  Query = 0x07,
  Result = 0x08,
  Prepare = 0x09,
  Execute = 0x0a,
  Register = 0x0b,
  Event = 0x0c,
  Batch = 0x0d,
  AuthChallenge = 0x0e,
  AuthResponse = 0x0f,
  AuthSuccess = 0x10,
};

/// Of a request; empty: it is none.
[[nodiscard]] std::string_view name_of(Opcode opcode);

/// Of an ERROR's code; "_OTHER": no code that is known.
[[nodiscard]] std::string_view error_name(std::uint32_t code);

}  // namespace tailwhy::cassandra
