#include "proto/mqtt_packet.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>

namespace tailwhy::mqtt {
namespace {

constexpr auto kYes = Confidence::Yes;
constexpr auto kNo = Confidence::No;

// The bytes of a topic that are known: text without what topics cannot have.
bool is_topic(std::span<const std::byte> bytes, bool filter) {
  return std::all_of(bytes.begin(), bytes.end(), [filter](std::byte b) {
    const auto c = static_cast<char>(b);
    return b >= std::byte{0x80} || (wire::is_printable(b) && (filter || (c != '+' && c != '#')));
  });
}

// A topic with its length at `at`, and `after` bytes or more behind it. Enough of it to be sure.
Confidence detect_topic(const Packet& packet, std::size_t at, std::size_t after, bool filter) {
  constexpr std::size_t kEnough = 16;
  if (packet.body.size() < at + 2) return Confidence::NeedMore;
  const std::size_t size = wire::be16(packet.body, at);
  if (size == 0 || size > 255 || at + 2 + size + after > packet.size) return kNo;
  const auto topic = packet.body.subspan(at + 2);
  const auto seen = topic.first(std::min(size, topic.size()));
  if (!is_topic(seen, filter)) return kNo;
  return seen.size() == size || seen.size() >= kEnough ? kYes : Confidence::NeedMore;
}

Confidence detect_subscription(const Packet& packet) {
  if (packet.body.size() < 3) return Confidence::NeedMore;
  if (wire::be16(packet.body, 0) == 0) return kNo;
  const std::size_t after = packet.type == Type::Subscribe ? 1 : 0;
  const Confidence old = detect_topic(packet, 2, after, true);
  if (old != kNo) return old;
  const std::size_t properties = wire::u8(packet.body, 2);
  return properties < 0x80 ? detect_topic(packet, 3 + properties, after, true) : kNo;
}

Confidence detect_connect(const Packet& packet) {
  const std::size_t head = connect_head(packet.body);
  if (packet.body.size() < head) {
    constexpr std::array<std::byte, 3> kBegin{std::byte{0}, std::byte{0}, std::byte{'M'}};
    const bool odd = (!packet.body.empty() && packet.body[0] != kBegin[0]) ||
                     (packet.body.size() > 2 && packet.body[2] != kBegin[2]);
    return odd ? kNo : Confidence::NeedMore;
  }
  if (version_of(packet) == Version::Unknown) return kNo;
  const std::uint8_t level = wire::u8(packet.body, head - 1) & 0x7f;
  return level >= 3 && level <= 9 ? kYes : kNo;
}

}  // namespace

// Any packet with which a client's turn begins, that is whole as far as it is known, and followed
// by nothing or by what may begin another.
Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response) return kNo;
  if (bytes.empty()) return Confidence::NeedMore;
  if (!may_begin(side, bytes[0])) return kNo;
  const Type first = static_cast<Type>(static_cast<std::uint8_t>(bytes[0]) >> 4);
  if (first == Type::Disconnect || first == Type::Auth) return kNo;
  const std::size_t header = bytes.size() < 2 ? 2 : kFromClient.header_of(bytes);
  if (bytes.size() < header) return Confidence::NeedMore;
  const auto size = kFromClient.frame_size(bytes.first(header));
  if (!size) return kNo;
  if (*size < bytes.size() && !may_begin(side, bytes[static_cast<std::size_t>(*size)])) return kNo;
  const auto whole =
      bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(*size, bytes.size())));
  const Packet packet = packet_of(whole);
  switch (packet.type) {
    case Type::Connect:
      return detect_connect(packet);
    case Type::Publish:
      return detect_topic(packet, 0, packet.qos > 0 ? 2 : 0, false);
    case Type::Subscribe:
    case Type::Unsubscribe:
      return detect_subscription(packet);
    case Type::PingReq:
      return kYes;
    default:  // the acknowledgement of what the server published
      if (packet.size != 2) return kNo;
      if (packet.body.size() < 2) return Confidence::NeedMore;
      return wire::be16(packet.body, 0) != 0 ? kYes : kNo;
  }
}

}  // namespace tailwhy::mqtt
