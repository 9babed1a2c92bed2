// Frames of HTTP/2 (RFC 9113, 4 and 6): their headers, what is legal in them, and how to tell that
// bytes from the middle of a connection are frames. Knows nothing of streams' states.
#pragma once

#include "proto/parser.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy::http2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t kFrameHeaderBytes = 9;
inline constexpr std::uint32_t kFrameBytes = 16384;  // the longest, unless SETTINGS allow more

enum class FrameType : std::uint8_t {
  Data = 0,
  Headers = 1,
  Priority = 2,
  RstStream = 3,
  Settings = 4,
  PushPromise = 5,
  Ping = 6,
  GoAway = 7,
  WindowUpdate = 8,
  Continuation = 9,
};

inline constexpr std::uint8_t kFlagEndStream = 0x1;  // of DATA and HEADERS
inline constexpr std::uint8_t kFlagAck = 0x1;        // of SETTINGS and PING
inline constexpr std::uint8_t kFlagEndHeaders = 0x4;
inline constexpr std::uint8_t kFlagPadded = 0x8;
inline constexpr std::uint8_t kFlagPriority = 0x20;

struct FrameHeader {
  std::uint32_t length = 0;
  FrameType type = FrameType::Data;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  bool reserved = false;  // the bit that is always 0

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

// `bytes` are kFrameHeaderBytes.
[[nodiscard]] FrameHeader read_frame_header(const char* bytes);

// Could a peer have sent it? Unknown types and flags are legal: they are to be ignored.
[[nodiscard]] bool is_legal(const FrameHeader& frame);

// What is known of a connection in which frames are looked for.
struct Surroundings {
  std::uint32_t longest_frame = kFrameBytes;
  std::uint32_t last_stream = 0;  // 0: none is known
};

// Is it legal without being odd in any way? For bytes of which nobody knows that they are frames.
[[nodiscard]] bool is_plausible(const FrameHeader& frame, Side side, const Surroundings& around);

// How sure is it that `bytes` begin with a frame? Two or more that follow each other, or end where
// the bytes do: Yes. One that goes on beyond them: NeedMore.
inline constexpr unsigned kEnoughFrames = 4;  // so many in a row leave no doubt
struct FoundFrames {
  Confidence sure = Confidence::No;
  FrameHeader first;
  unsigned count = 0;
  std::array<std::size_t, kEnoughFrames> at{};  // where each begins
  bool heads = false;                           // a whole header block begins in one of them
};
[[nodiscard]] FoundFrames find_frames(Side side,
                                      std::string_view bytes,
                                      const Surroundings& around);

[[nodiscard]] Confidence detect_http2(Side side, std::span<const std::byte> bytes);

}  // namespace tailwhy::http2
