// AMQP's frames and methods: which there are, what of each is read, the words of reply codes, and
// which bytes are taken for AMQP. Knows nothing of exchanges.
#pragma once

#include "proto/frames.h"
#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy::amqp {

/// AMQP 0-9-1, 4.2.3: type, channel, size; behind the payload one byte more.
constexpr std::size_t kHeader = 7;
constexpr std::byte kFrameEnd{0xce};
/// 4.2.2: what a client says first.
constexpr std::string_view kProtocolHeader{"AMQP\0\0\x09\x01", 8};

enum class FrameType : std::uint8_t {
  Method = 1,
  ContentHeader = 2,
  ContentBody = 3,
  Heartbeat = 8,
  ProtocolHeader = 'A',
};

/// Class and method as one number.
constexpr std::uint32_t method(std::uint16_t class_id, std::uint16_t method_id) {
  return std::uint32_t{class_id} << 16 | method_id;
}

constexpr std::uint32_t kConnectionStart = method(10, 10);
constexpr std::uint32_t kConnectionClose = method(10, 50);
constexpr std::uint32_t kConnectionCloseOk = method(10, 51);
constexpr std::uint32_t kChannelOpen = method(20, 10);
constexpr std::uint32_t kChannelClose = method(20, 40);
constexpr std::uint32_t kChannelCloseOk = method(20, 41);
constexpr std::uint32_t kPublish = method(60, 40);
constexpr std::uint32_t kReturn = method(60, 50);
constexpr std::uint32_t kDeliver = method(60, 60);
constexpr std::uint32_t kGetOk = method(60, 71);
constexpr std::uint32_t kGetEmpty = method(60, 72);
constexpr std::uint32_t kAck = method(60, 80);
constexpr std::uint32_t kNack = method(60, 120);
constexpr std::uint32_t kConfirmSelect = method(85, 10);

/// What a client's method is.
enum class Use : std::uint8_t {
  Ask,      ///< synchronous: `reply` or `other_reply` answers it
  OneWay,   ///< asks for something, without an answer
  Publish,  ///< content follows; answered where its channel confirms
  Silent,   ///< answers or acknowledges what the server sent
};

struct ClientMethod {
  std::uint32_t method;
  std::string_view name;
  Use use = Use::Ask;
  std::uint32_t reply = 0;
  std::uint32_t other_reply = 0;
};

/// Null: clients have no such method.
const ClientMethod* client_method(std::uint32_t method);

bool is_known_class(std::uint16_t id);

/// The start of a session has no method: it is named by its answer.
extern const ClientMethod kStart;

/// A frame with a whole header.
struct View {
  FrameType type = FrameType::Method;
  std::uint16_t channel = 0;
  std::uint64_t size = 0;              ///< of the payload
  std::span<const std::byte> payload;  ///< as far as it is read
  std::uint32_t method = 0;            ///< of a method frame whose method is known
};

View view_of(std::span<const std::byte> bytes);

/// Both sides send the same frames.
extern const FrameSpec kFrames;

/// Of a client's method: it says that it wants no answer.
bool is_no_wait(const View& frame);

/// Word of a reply code of connection.close and channel.close; "_OTHER": not a known one.
std::string_view reply_word(std::uint16_t code);

/// What of a frame's first bytes a recording must not hold (FrameHandler::find_secrets).
void find_secrets(Side side, std::span<const std::byte> known, std::vector<SecretSpan>& secrets);

/// ParserSpec::detect.
Confidence detect(Side side, std::span<const std::byte> bytes);

}  // namespace tailwhy::amqp
