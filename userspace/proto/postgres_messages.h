// PostgreSQL's messages: how they are framed, what their fields are, which of their bytes nobody
// may keep. Knows nothing of what follows what.
#pragma once

#include "model/request.h"
#include "proto/frames.h"
#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy::postgres {

inline constexpr std::size_t kHeader = 5;              ///< type, length
inline constexpr std::size_t kStartupHeader = 8;       ///< length, version or request code
inline constexpr std::uint64_t kMostStartup = 10'000;  ///< MAX_STARTUP_PACKET_LENGTH
inline constexpr std::uint32_t kVersion3 = 3U << 16U;
inline constexpr std::uint32_t kCancelRequest = 80877102;
inline constexpr std::uint32_t kSslRequest = 80877103;
inline constexpr std::uint32_t kGssRequest = 80877104;

extern const FrameSpec kStartup;     ///< what begins a session
extern const FrameSpec kFromClient;  ///< all that follows
extern const FrameSpec kFromServer;
extern const FrameSpec kOneByte;  ///< the answer to SSLRequest and its like

/// Size of a client's message by its header; nothing: there is no such message.
std::optional<std::uint64_t> client_message_size(std::span<const std::byte> header);

/// What follows the header, as far as it is there.
std::string_view body_of(std::span<const std::byte> message);

/// Up to the next 0, or as far as it goes, and how much of `text` that is with the 0.
struct CString {
  std::string_view text;
  std::size_t size = 0;
  [[nodiscard]] bool ended() const { return size > text.size(); }
};
CString c_string(std::string_view text);

/// SQLSTATE of an ErrorResponse by its fields; XX000 where there is none.
StatusText sqlstate(std::string_view fields);

/// Ends with a ReadyForQuery.
bool ends_with_ready(std::span<const std::byte> tail);

/// FrameHandler::find_secrets of a message that is not one of the start of a session.
void find_message_secrets(Side side,
                          std::span<const std::byte> known,
                          std::vector<SecretSpan>& secrets);

/// By the first bytes of a turn: startup messages, or messages one after the other of which the
/// first may begin one. A single message must be a query with a command that is known, or be
/// followed by another.
Confidence detect(Side side, std::span<const std::byte> bytes);

}  // namespace tailwhy::postgres
