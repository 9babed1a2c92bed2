// Frames of web sockets (RFC 6455, 5.2): how long they are, what kind they are, and what a
// connection that begins in the middle looks like. Knows nothing of messages.
#pragma once

#include "proto/frames.h"
#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tailwhy::websocket {

enum class Opcode : std::uint8_t {
  Continuation = 0,
  Text = 1,
  Binary = 2,
  Close = 8,
  Ping = 9,
  Pong = 10,
};

/// What a whole header says.
struct Header {
  Opcode opcode = Opcode::Continuation;
  bool last = false;  ///< of its message
  bool masked = false;
  std::size_t size = 0;  ///< of the header: 2 to 14
  std::uint64_t payload = 0;
};

/// A header with its masking key, as far as `bytes` (at least two) tell its size; whether it can be
/// one is frame_size()'s to say.
[[nodiscard]] std::size_t header_of(std::span<const std::byte> bytes);

/// `bytes` hold the header, whole.
[[nodiscard]] Header read_header(std::span<const std::byte> bytes);

/// Clients mask their frames, servers do not (RFC 6455, 5.1). The prefix is the code of Close.
extern const FrameSpec kFromClient;
extern const FrameSpec kFromServer;

/// The code of a Close frame; 1005 if it has none. `bytes` hold its header and the prefix, whole.
[[nodiscard]] std::uint16_t close_code(std::span<const std::byte> bytes);

/// FrameHandler::find_secrets(): masking keys, which hide nothing from who has them, and payload;
/// of Close frames the reason alone.
void find_secrets(std::span<const std::byte> known, std::vector<SecretSpan>& secrets);

/// Of a connection met in the middle: is this a client's frame of readable text, or one of which a
/// recording has kept nothing?
[[nodiscard]] Confidence detect(Side side, std::span<const std::byte> bytes);

}  // namespace tailwhy::websocket
