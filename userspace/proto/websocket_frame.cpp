#include "proto/websocket_frame.h"

#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tailwhy::websocket {
namespace {

constexpr std::size_t kShortest = 2;
constexpr std::size_t kKey = 4;
constexpr std::size_t kCode = 2;
constexpr std::uint8_t kLastBit = 0x80;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLength = 0x7f;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::uint16_t kNoCode = 1005;
// Readable text that says enough that the bytes are no accident, and how much of it is looked at.
constexpr std::size_t kLeastText = 8;
constexpr std::size_t kMostText = 18;

std::size_t key_size(std::span<const std::byte> bytes) {
  return (wire::u8(bytes, 1) & kMaskBit) != 0 ? kKey : 0;
}

bool is_control(Opcode opcode) {
  return opcode >= Opcode::Close;
}

bool is_known(Opcode opcode) {
  return opcode <= Opcode::Binary || (opcode >= Opcode::Close && opcode <= Opcode::Pong);
}

// RFC 6455, 5.2 and 5.5. The reserved bits are extensions', but not of control frames.
bool can_be(const Header& header, std::span<const std::byte> bytes) {
  if (!is_known(header.opcode)) return false;
  const std::uint8_t length = wire::u8(bytes, 1) & kLength;
  if (is_control(header.opcode)) {
    return header.last && length < kLength16 && (wire::u8(bytes, 0) & 0x70) == 0 &&
           !(header.opcode == Opcode::Close && length == 1);
  }
  if (length == kLength16) return header.payload >= kLength16;
  return length != kLength64 || header.payload > 0xffff;
}

std::optional<std::uint64_t> frame_size(std::span<const std::byte> bytes, bool masked) {
  const Header header = read_header(bytes);
  if (header.masked != masked || !can_be(header, bytes)) return std::nullopt;
  if (header.payload >> 62 != 0) return std::nullopt;
  return header.size + header.payload;
}

std::optional<std::uint64_t> client_frame_size(std::span<const std::byte> bytes) {
  return frame_size(bytes, true);
}
std::optional<std::uint64_t> server_frame_size(std::span<const std::byte> bytes) {
  return frame_size(bytes, false);
}

std::size_t prefix_of(std::span<const std::byte> bytes) {
  return read_header(bytes).opcode == Opcode::Close ? kCode : 0;
}

}  // namespace

std::size_t header_of(std::span<const std::byte> bytes) {
  const std::uint8_t length = wire::u8(bytes, 1) & kLength;
  const std::size_t more = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
  return kShortest + more + key_size(bytes);
}

Header read_header(std::span<const std::byte> bytes) {
  const std::uint8_t first = wire::u8(bytes, 0);
  const std::uint8_t length = wire::u8(bytes, 1) & kLength;
  Header header{.opcode = static_cast<Opcode>(first & 0x0f),
                .last = (first & kLastBit) != 0,
                .masked = (wire::u8(bytes, 1) & kMaskBit) != 0,
                .size = header_of(bytes),
                .payload = length};
  if (length == kLength16) header.payload = wire::be16(bytes, kShortest);
  if (length == kLength64) {
    header.payload = static_cast<std::uint64_t>(wire::be32(bytes, kShortest)) << 32 |
                     wire::be32(bytes, kShortest + 4);
  }
  return header;
}

const FrameSpec kFromClient{.header_size = kShortest,
                            .frame_size = client_frame_size,
                            .header_of = header_of,
                            .prefix_of = prefix_of};
const FrameSpec kFromServer{.header_size = kShortest,
                            .frame_size = server_frame_size,
                            .header_of = header_of,
                            .prefix_of = prefix_of};

std::uint16_t close_code(std::span<const std::byte> bytes) {
  const Header header = read_header(bytes);
  if (header.payload < kCode || bytes.size() < header.size + kCode) return kNoCode;
  const std::uint16_t code = wire::be16(bytes, header.size);
  return header.masked ? code ^ wire::be16(bytes, header.size - kKey) : code;
}

void find_secrets(std::span<const std::byte> known, std::vector<SecretSpan>& secrets) {
  if (known.size() < kShortest) return;
  const bool close = static_cast<Opcode>(wire::u8(known, 0) & 0x0f) == Opcode::Close;
  const std::size_t header = header_of(known);
  const std::size_t kept = close ? header + kCode : header - key_size(known);
  if (known.size() > kept) secrets.push_back({kept, known.size() - kept});
}

Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response) return Confidence::No;
  constexpr std::byte kText{kLastBit | static_cast<std::uint8_t>(Opcode::Text)};
  if (!bytes.empty() && bytes[0] != kText) return Confidence::No;
  if (bytes.size() < kShortest) return Confidence::NeedMore;
  if (key_size(bytes) == 0) return Confidence::No;
  const std::size_t size = header_of(bytes);
  if (bytes.size() < size) return Confidence::NeedMore;
  const Header header = read_header(bytes);
  if (!can_be(header, bytes) || header.payload < kLeastText) return Confidence::No;
  const auto text = bytes.subspan(size);
  const auto look_at = static_cast<std::size_t>(std::min<std::uint64_t>(header.payload, kMostText));
  const auto key = bytes.subspan(size - kKey, kKey);
  for (std::size_t at = 0; at < std::min(look_at, text.size()); ++at) {
    const std::byte plain = text[at] ^ key[at % kKey];
    const bool readable = wire::is_printable(plain) || plain == std::byte{'\n'};
    // A recording has the same byte everywhere, which gives nothing but zeros.
    if (!readable && plain != std::byte{0}) return Confidence::No;
  }
  return text.size() < look_at ? Confidence::NeedMore : Confidence::Yes;
}

}  // namespace tailwhy::websocket
