// Records of FastCGI (FastCGI Specification 1.0, 3.3 and 8): how long they are, what they are, and
// how much of each is looked at. Knows nothing of requests.
#pragma once

#include "proto/frames.h"
#include "proto/parser.h"
#include "proto/wire.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace tailwhy::fastcgi {

enum class Type : std::uint8_t {
  BeginRequest = 1,
  AbortRequest = 2,
  EndRequest = 3,
  Params = 4,
  Stdin = 5,
  Stdout = 6,
  Stderr = 7,
  Data = 8,
  GetValues = 9,
  GetValuesResult = 10,
  UnknownType = 11,
};
inline constexpr std::size_t kHeader = 8;
/// Of BEGIN_REQUEST and END_REQUEST.
inline constexpr std::size_t kBody = 8;
inline constexpr std::uint64_t kEndRecord = kHeader + kBody;

/// Of a whole header.
inline Type type_of(std::span<const std::byte> bytes) {
  return static_cast<Type>(wire::u8(bytes, 1));
}
/// 0: a management record.
inline std::uint16_t id_of(std::span<const std::byte> bytes) {
  return wire::be16(bytes, 2);
}
/// Without the padding behind it.
inline std::size_t content_size(std::span<const std::byte> bytes) {
  return wire::be16(bytes, 4);
}

/// Records of either side; variables and answers with the first bytes of their content.
extern const FrameSpec kRecords;

/// BEGIN_REQUEST, with which every connection begins: of its 16 bytes all but three are given.
[[nodiscard]] Confidence detect(Side side, std::span<const std::byte> bytes);

}  // namespace tailwhy::fastcgi
