#include "proto/http2_frame.h"

#include <algorithm>
#include <array>

namespace tailwhy::http2 {
namespace {

constexpr std::uint8_t kTypes = 10;
// Flags that RFC 9113 knows, by type.
constexpr std::array<std::uint8_t, kTypes> kKnownFlags = {0x9, 0x2d, 0, 0, 0x1,
                                                          0xc, 0x1,  0, 0, 0x4};
// Streams that a client may open while nobody looks.
constexpr std::uint32_t kStreamsUnseen = 1U << 20;
// From here on nothing else begins like the preface.
constexpr std::size_t kUnambiguous = 14;

std::uint32_t big_endian(const char* at, unsigned size) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < size; ++i)
    value = value << 8 | static_cast<std::uint8_t>(at[i]);
  return value;
}

bool of_connection(FrameType type) {
  return type == FrameType::Settings || type == FrameType::Ping || type == FrameType::GoAway;
}

}  // namespace

FrameHeader read_frame_header(const char* bytes) {
  FrameHeader frame;
  frame.length = big_endian(bytes, 3);
  frame.type = static_cast<FrameType>(bytes[3]);
  frame.flags = static_cast<std::uint8_t>(bytes[4]);
  const std::uint32_t stream = big_endian(bytes + 5, 4);
  frame.stream = stream & 0x7fffffffU;
  frame.reserved = stream != frame.stream;
  return frame;
}

bool is_legal(const FrameHeader& frame) {
  if (static_cast<std::uint8_t>(frame.type) >= kTypes) return true;
  if (frame.type != FrameType::WindowUpdate && of_connection(frame.type) != (frame.stream == 0)) {
    return false;
  }
  switch (frame.type) {
    case FrameType::Priority:
      return frame.length == 5;
    case FrameType::RstStream:
    case FrameType::WindowUpdate:
      return frame.length == 4;
    case FrameType::Settings:
      return frame.length % 6 == 0 && (!frame.has(kFlagAck) || frame.length == 0);
    case FrameType::Ping:
      return frame.length == 8;
    case FrameType::GoAway:
      return frame.length >= 8;
    default:
      return true;
  }
}

bool is_plausible(const FrameHeader& frame, Side side, const Surroundings& around) {
  if (static_cast<std::uint8_t>(frame.type) >= kTypes || !is_legal(frame)) return false;
  if (frame.reserved || frame.length > around.longest_frame) return false;
  if ((frame.flags & ~kKnownFlags[static_cast<std::uint8_t>(frame.type)]) != 0) return false;
  if (frame.type == FrameType::PushPromise && side == Side::Request) return false;
  if (frame.type == FrameType::Headers && frame.length == 0) return false;
  if (frame.stream == 0) return true;
  const std::uint32_t most =
      around.last_stream == 0
          ? 0x7fffffffU
          : std::min(0x7fffffffU - kStreamsUnseen, around.last_stream) + kStreamsUnseen;
  return frame.stream % 2 == 1 && frame.stream <= most;
}

FoundFrames find_frames(Side side, std::string_view bytes, const Surroundings& around) {
  FoundFrames found;
  std::size_t at = 0;
  for (unsigned frames = 0; frames < kEnoughFrames; ++frames) {
    if (bytes.size() - at < kFrameHeaderBytes) {
      const bool enough = frames > 1 || (frames == 1 && at == bytes.size());
      found.sure = enough ? Confidence::Yes : Confidence::No;
      return found;
    }
    const FrameHeader frame = read_frame_header(bytes.data() + at);
    if (!is_plausible(frame, side, around)) {
      found.sure = Confidence::No;
      return found;
    }
    if (frames == 0) found.first = frame;
    found.at[found.count++] = at;
    found.heads = found.heads || (frame.type == FrameType::Headers && frame.has(kFlagEndHeaders));
    found.sure = frames == 0 ? Confidence::NeedMore : Confidence::Yes;
    at += kFrameHeaderBytes + frame.length;
    if (at > bytes.size()) return found;
  }
  return found;
}

Confidence detect_http2(Side side, std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (side == Side::Response) {  // a server begins with SETTINGS, maybe before it is asked
    if (text.size() < kFrameHeaderBytes) return Confidence::No;
    const FrameHeader frame = read_frame_header(text.data());
    const bool settings = frame.type == FrameType::Settings && frame.flags == 0 &&
                          (frame.length > 0 || text.size() > kFrameHeaderBytes);
    return settings && is_plausible(frame, side, {.longest_frame = 100})
               ? find_frames(side, text, {}).sure
               : Confidence::No;
  }
  if (text.starts_with(kPreface.substr(0, kUnambiguous))) return Confidence::Yes;
  if (kPreface.starts_with(text)) return Confidence::NeedMore;
  // In the middle of a connection. Without a header block it could be anything's small numbers.
  const FoundFrames found = find_frames(side, text, {});
  return found.sure == Confidence::Yes && found.heads ? Confidence::Yes : Confidence::No;
}

}  // namespace tailwhy::http2
