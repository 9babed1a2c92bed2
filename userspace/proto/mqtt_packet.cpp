#include "proto/mqtt_packet.h"

#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tailwhy::mqtt {
namespace {

constexpr std::size_t kMostLengthBytes = 4;
// Of SUBACK and UNSUBACK: id, properties and codes.
constexpr int kCodes = 512;

constexpr std::uint64_t kMost = 268'435'455;  // the greatest length that can be written
constexpr int kNever = -1;

// What the protocol says of a type of packet.
struct Rule {
  std::uint8_t flags = 0;    // the lower half of the first byte; PUBLISH has its own
  int from_client = kNever;  // bytes of the body that are read; kNever: clients do not send it
  int from_server = kNever;  // the same of brokers
  std::uint64_t least = 0;   // of the body
  std::uint64_t most = kMost;
};

// By Type; 0 is reserved.
constexpr std::array<Rule, 16> kRules{{
    {0, kNever, kNever, 0},  //
    {0, 9, kNever, 12},      // CONNECT
    {0, kNever, 2, 2},       // CONNACK
    {0, 0, 0, 3},            // PUBLISH
    {0, 0, 3, 2},            // PUBACK
    {0, 0, 3, 2},            // PUBREC
    {2, 2, 0, 2},            // PUBREL
    {0, 0, 3, 2},            // PUBCOMP
    {2, 2, kNever, 6},       // SUBSCRIBE
    {0, kNever, kCodes, 3},  // SUBACK
    {2, 2, kNever, 5},       // UNSUBSCRIBE
    {0, kNever, kCodes, 2},  // UNSUBACK
    {0, 0, kNever, 0, 0},    // PINGREQ
    {0, kNever, 0, 0, 0},    // PINGRESP
    {0, 0, 1, 0},            // DISCONNECT
    {0, 0, 1, 0},            // AUTH
}};

const Rule& rule_of(std::byte first) {
  return kRules[static_cast<std::uint8_t>(first) >> 4];
}

unsigned qos_of(std::byte first) {
  return static_cast<std::uint8_t>(first) >> 1 & 3;
}

bool has_id(std::byte first) {
  return static_cast<Type>(static_cast<std::uint8_t>(first) >> 4) == Type::Publish &&
         qos_of(first) > 0;
}

// A number in 7 bits a byte, the lowest first, from `at` on.
struct VarInt {
  std::uint32_t value = 0;
  std::size_t size = 0;   // 0: it does not end in the bytes that are known
  bool possible = false;  // no more bytes than can be, and than it needs
};

VarInt varint(std::span<const std::byte> bytes, std::size_t at) {
  VarInt found;
  for (std::size_t i = 0; i < kMostLengthBytes && at + i < bytes.size(); ++i) {
    const std::uint8_t byte = wire::u8(bytes, at + i);
    found.value |= static_cast<std::uint32_t>(byte & 0x7f) << 7 * i;
    if (byte >= 0x80) continue;
    found.size = i + 1;
    found.possible = i == 0 || byte != 0;
    return found;
  }
  found.possible = bytes.size() < at + kMostLengthBytes;
  return found;
}

// The type, the length, and of a PUBLISH that has an id the length of its topic.
std::size_t header_of(std::span<const std::byte> known) {
  const VarInt length = varint(known, 1);
  if (!length.possible) return known.size();
  if (length.size == 0) return known.size() + 1;
  return 1 + length.size + (has_id(known[0]) && length.value >= 5 ? 2 : 0);
}

std::optional<std::uint64_t> size_of(Side side, std::span<const std::byte> header) {
  const VarInt length = varint(header, 1);
  if (!may_begin(side, header[0]) || !length.possible) return std::nullopt;
  const Rule& rule = rule_of(header[0]);
  if (length.value < rule.least || length.value > rule.most) return std::nullopt;
  if (has_id(header[0])) {
    if (length.value < 5) return std::nullopt;
    if (wire::be16(header, 1 + length.size) + std::uint64_t{4} > length.value) return std::nullopt;
  }
  return 1 + length.size + std::uint64_t{length.value};
}

std::size_t read_of(Side side, std::span<const std::byte> header) {
  if (has_id(header[0])) {
    return side == Side::Request ? std::size_t{wire::be16(header, header.size() - 2)} + 2 : 0;
  }
  const Rule& rule = rule_of(header[0]);
  return static_cast<std::size_t>(side == Side::Request ? rule.from_client : rule.from_server);
}

constexpr std::string_view kName = "MQTT";
constexpr std::string_view kOldName = "MQIsdp";

}  // namespace

bool may_begin(Side side, std::byte first) {
  const Rule& rule = rule_of(first);
  if ((side == Side::Request ? rule.from_client : rule.from_server) == kNever) return false;
  const auto value = static_cast<std::uint8_t>(first);
  if (value >> 4 == static_cast<std::uint8_t>(Type::Publish)) return qos_of(first) < 3;
  return (value & 0xf) == rule.flags;
}

std::size_t connect_head(std::span<const std::byte> body) {
  if (body.size() < 2) return 2;
  const std::size_t name = wire::be16(body, 0);
  return name == kName.size() || name == kOldName.size() ? 2 + name + 1 : 2;
}

constinit const FrameSpec kFromClient{
    .header_size = 2,
    .frame_size = [](std::span<const std::byte> header) { return size_of(Side::Request, header); },
    .header_of = header_of,
    .prefix_of = [](std::span<const std::byte> header) { return read_of(Side::Request, header); }};
constinit const FrameSpec kFromServer{
    .header_size = 2,
    .frame_size = [](std::span<const std::byte> header) { return size_of(Side::Response, header); },
    .header_of = header_of,
    .prefix_of = [](std::span<const std::byte> header) { return read_of(Side::Response, header); }};

Packet packet_of(std::span<const std::byte> bytes) {
  const VarInt length = varint(bytes, 1);
  Packet packet;
  packet.type = static_cast<Type>(static_cast<std::uint8_t>(bytes[0]) >> 4);
  packet.qos = packet.type == Type::Publish ? qos_of(bytes[0]) : 0;
  packet.body = bytes.subspan(1 + length.size);
  packet.size = length.value;
  return packet;
}

std::size_t topic_size(const Packet& packet) {
  return wire::be16(packet.body, 0);
}

Version version_of(const Packet& connect) {
  const std::size_t head = connect_head(connect.body);
  if (head <= 2 || connect.body.size() < head) return Version::Unknown;
  const std::string_view name = head == 3 + kName.size() ? kName : kOldName;
  if (!std::equal(name.begin(), name.end(), connect.body.begin() + 2,
                  [](char c, std::byte b) { return static_cast<std::byte>(c) == b; })) {
    return Version::Unknown;
  }
  // Bridges set the highest bit. A level that does not exist is read as the last one before 5, as
  // which servers refuse it.
  const std::uint8_t level = wire::u8(connect.body, head - 1) & 0x7f;
  if (level == 3) return Version::V31;
  return level == 5 ? Version::V5 : Version::V311;
}

std::string_view text_of(Version version) {
  switch (version) {
    case Version::V31:
      return "3.1";
    case Version::V311:
      return "3.1.1";
    case Version::V5:
      return "5.0";
    case Version::Unknown:
      break;
  }
  return {};
}

std::size_t codes_at(const Packet& packet, Version version) {
  constexpr std::size_t kId = 2;
  if (version == Version::Unknown) return static_cast<std::size_t>(packet.size);
  if (version != Version::V5) return kId;
  const VarInt properties = varint(packet.body, kId);
  if (properties.size == 0) return static_cast<std::size_t>(packet.size);
  return kId + properties.size + properties.value;
}

void find_secrets(Side side,
                  std::span<const std::byte> known,
                  Version version,
                  std::vector<SecretSpan>& secrets) {
  const auto hide = [&](std::size_t from, std::size_t to) {
    if (from < to && from < known.size())
      secrets.push_back({from, std::min(to, known.size()) - from});
  };
  if (known.size() < 2 || varint(known, 1).size == 0) return;
  const Packet packet = packet_of(known);
  const std::size_t body = known.size() - packet.body.size();
  if (side == Side::Request) {
    if (packet.type == Type::Connect) hide(body + connect_head(packet.body), known.size());
    if (packet.qos > 0 && packet.body.size() > 2) hide(body + 2, body + 2 + topic_size(packet));
    return;
  }
  if (packet.type != Type::SubAck && packet.type != Type::UnsubAck) return;
  constexpr std::size_t kId = 2;
  if (version == Version::V5) {
    const VarInt properties = varint(packet.body, kId);
    if (properties.size > 0) {
      hide(body + kId + properties.size, body + kId + properties.size + properties.value);
    }
  } else if (version == Version::Unknown) {
    hide(body + kId, known.size());
  }
}

}  // namespace tailwhy::mqtt
