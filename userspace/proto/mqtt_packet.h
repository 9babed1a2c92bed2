// MQTT's control packets: their fixed headers, what of each is read, the words of reason codes, and
// which bytes are taken for MQTT. Knows nothing of exchanges.
#pragma once

#include "proto/frames.h"
#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy::mqtt {

/// MQTT 5.0, table 2-1.
enum class Type : std::uint8_t {
  Connect = 1,
  ConnAck,
  Publish,
  PubAck,
  PubRec,
  PubRel,
  PubComp,
  Subscribe,
  SubAck,
  Unsubscribe,
  UnsubAck,
  PingReq,
  PingResp,
  Disconnect,
  Auth,
};

/// By CONNECT's protocol level. Unknown: nobody saw it.
enum class Version : std::uint8_t { Unknown = 0, V31 = 3, V311 = 4, V5 = 5 };

/// A packet whose fixed header is known; `bytes` may end with the part that is read.
struct Packet {
  Type type = Type::Connect;
  unsigned qos = 0;                 ///< of PUBLISH
  std::span<const std::byte> body;  ///< what follows the fixed header, as far as it is known
  std::uint64_t size = 0;           ///< of the whole body
};

Packet packet_of(std::span<const std::byte> bytes);

/// Of PUBLISH with QoS 1 or 2: how long its topic is, which is part of the header that frames.h
/// knows, so that what is read of the packet ends with its id.
std::size_t topic_size(const Packet& packet);

extern const FrameSpec kFromClient;
extern const FrameSpec kFromServer;

/// Can a packet of this side begin so?
bool may_begin(Side side, std::byte first);

/// How many bytes of CONNECT's body say what protocol it is.
std::size_t connect_head(std::span<const std::byte> body);

/// Protocol's level by the first bytes of CONNECT; Unknown: it is no CONNECT.
Version version_of(const Packet& connect);
std::string_view text_of(Version version);

/// Where the reason codes of SUBACK and UNSUBACK begin in their bodies; past the end: not known.
std::size_t codes_at(const Packet& packet, Version version);

/// Word of a reason code of MQTT 5 that is not 0, at most 24 characters; "_OTHER": not a known one.
std::string_view reason_word(std::uint8_t code);
/// The reason code that says the same as a return code of CONNACK before MQTT 5.
std::uint8_t reason_of_return_code(std::uint8_t code);

/// What of the first bytes of a packet a recording must not hold (FrameHandler::find_secrets).
void find_secrets(Side side,
                  std::span<const std::byte> known,
                  Version version,
                  std::vector<SecretSpan>& secrets);

/// ParserSpec::detect.
Confidence detect(Side side, std::span<const std::byte> bytes);

}  // namespace tailwhy::mqtt
