#include "proto/mqtt.h"

#include "proto/frames.h"
#include "proto/mqtt_packet.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tailwhy {
namespace {

using mqtt::Packet;
using mqtt::Type;
using mqtt::Version;
using Kind = Message::Kind;
using Verdict = ResponseHead::Verdict;

constexpr std::uint8_t kFirstError = 0x80;

// Identifiers are one number space for all that a client sends, but an answer tells which type it
// answers; `id` of those that have none is 0.
std::uint64_t stream_of(Type type, std::uint64_t id) {
  return std::uint64_t{static_cast<std::uint8_t>(type)} << 48 | id;
}

// By Type.
constexpr std::array<std::string_view, 16> kNames = {
    "",        "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
    "PUBREL",  "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
    "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};

class MqttParser final : public Parser, private FrameHandler {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override {
    if (mistaken_) return out.hide_all(bytes.size());
    if (side == Side::Response && !bytes.empty()) server_spoke_ = true;
    reader(side).feed(offset, bytes, out);
  }
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> /*tail*/,
            ParseOutput& out) override {
    if (mistaken_) return;
    skipping_ = true;
    reader(side).skip(offset, size, out);
    skipping_ = false;
  }
  void finish(Side side, std::uint64_t /*offset*/, ParseOutput& /*out*/) override {
    reader(side).finish();
  }
  void turn(Side side, std::uint64_t offset, ParseOutput& /*out*/) override {
    reader(side).turn(offset);
  }
  void start_unsynchronised(Side /*side*/) override {}

 private:
  // Those that a broker's DISCONNECT can still answer.
  static constexpr std::size_t kMostOutstanding = 256;

  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : responses_; }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    const Packet packet = mqtt::packet_of(frame.bytes);
    begin_[side == Side::Response] = frame.begin;
    return side == Side::Request ? on_request(packet, frame, out) : on_answer(packet, frame, out);
  }

  // --- requests

  bool on_request(const Packet& packet, const Frame& frame, ParseOutput& out) {
    asking_ = 0;
    switch (packet.type) {
      case Type::Connect:
        return on_connect(packet, frame, out);
      case Type::Publish:
        if (packet.qos == 0) {
          ask(packet.type, 0, true, frame, out);
        } else if (!frame.cut) {
          return ask_with_id(packet, mqtt::topic_size(packet) + 2, frame, out);
        }
        break;
      case Type::PubRel:
      case Type::Subscribe:
      case Type::Unsubscribe:
        return ask_with_id(packet, 0, frame, out);
      case Type::PingReq:
        ask(packet.type, ++pings_asked_, false, frame, out);
        break;
      case Type::Auth:
        ask(packet.type, 0, false, frame, out);
        handshake_ = asking_;
        break;
      case Type::Disconnect:
        ask(packet.type, 0, true, frame, out);
        break;
      default:  // acknowledges what the broker delivered
        break;
    }
    return true;
  }

  bool on_connect(const Packet& packet, const Frame& frame, ParseOutput& out) {
    if (frame.cut) return true;
    const Version version = mqtt::version_of(packet);
    if (version == Version::Unknown) return false;
    // Answers are read by it, and which of their bytes are kept: it cannot change.
    if (!server_spoke_) version_ = version;
    proven_ = true;
    ask(packet.type, 0, false, frame, out);
    handshake_ = asking_;
    return true;
  }

  bool ask_with_id(const Packet& packet, std::size_t at, const Frame& frame, ParseOutput& out) {
    if (packet.body.size() < at + 2) return frame.cut;
    const std::uint16_t id = wire::be16(packet.body, at);
    if (id == 0) return false;  // MQTT 5.0, 2.2.1
    ask(packet.type, id, false, frame, out);
    return true;
  }

  void ask(Type type, std::uint64_t id, bool one_way, const Frame& frame, ParseOutput& out) {
    asking_ = stream_of(type, id);
    out.tell(Kind::RequestBegin, Side::Request, frame.begin, asking_);
    RequestHead& request = out.tell(Kind::RequestHead, Side::Request, frame.begin, asking_).request;
    request.method.assign(kNames[static_cast<std::size_t>(type)]);
    request.protocol_version = mqtt::text_of(version_);
    request.one_way = one_way;
    if (one_way || outstanding_.size() >= kMostOutstanding) return;
    if (std::find(outstanding_.begin(), outstanding_.end(), asking_) == outstanding_.end()) {
      outstanding_.push_back(asking_);
    }
  }

  // --- answers

  bool on_answer(const Packet& packet, const Frame& frame, ParseOutput& out) {
    answering_.clear();
    switch (packet.type) {
      case Type::ConnAck:
        if (handshake_ != 0) answer_handshake(packet, 1, frame, out);
        break;
      case Type::Auth:
        if (handshake_ != 0) answer_handshake(packet, 0, frame, out);
        break;
      case Type::PubAck:
      case Type::PubRec:
        return answer_id(Type::Publish, packet, frame, out);
      case Type::PubComp:
        return answer_id(Type::PubRel, packet, frame, out);
      case Type::SubAck:
        return answer_id(Type::Subscribe, packet, frame, out);
      case Type::UnsubAck:
        return answer_id(Type::Unsubscribe, packet, frame, out);
      case Type::PingResp:
        if (pings_answered_ < pings_asked_) {
          answer(stream_of(Type::PingReq, ++pings_answered_), {}, frame, out);
        }
        break;
      case Type::Disconnect:
        on_server_disconnect(packet, frame, out);
        break;
      default:  // delivers something
        break;
    }
    return true;
  }

  struct Status {
    std::uint8_t code = 0;
    bool known = true;
  };

  void answer_handshake(const Packet& packet,
                        std::size_t at,
                        const Frame& frame,
                        ParseOutput& out) {
    Status status = code_at(packet, at, frame);
    if (packet.type == Type::ConnAck && version_ != Version::V5) {
      status.code = mqtt::reason_of_return_code(status.code);
    }
    answer(std::exchange(handshake_, 0), status, frame, out);
  }

  bool answer_id(Type asked, const Packet& packet, const Frame& frame, ParseOutput& out) {
    if (packet.body.size() < 2) return frame.cut;
    const std::uint16_t id = wire::be16(packet.body, 0);
    if (id == 0) return false;
    const bool many = packet.type == Type::SubAck || packet.type == Type::UnsubAck;
    const Status status = many ? codes_of(packet) : code_at(packet, 2, frame);
    answer(stream_of(asked, id), status, frame, out);
    return true;
  }

  // A code that is not sent means success.
  static Status code_at(const Packet& packet, std::size_t at, const Frame& frame) {
    if (at >= packet.size) return {};
    if (at >= packet.body.size()) return {.known = !frame.cut};
    return {.code = wire::u8(packet.body, at)};
  }

  [[nodiscard]] Status codes_of(const Packet& packet) const {
    if (packet.type == Type::UnsubAck && packet.size == 2) return {};  // before MQTT 5
    const std::size_t at = mqtt::codes_at(packet, version_);
    if (at >= packet.body.size()) return {.known = false};
    const auto codes = packet.body.subspan(at);
    for (const std::byte code : codes) {
      if (code >= std::byte{kFirstError}) return {.code = static_cast<std::uint8_t>(code)};
    }
    const bool all = packet.body.size() == packet.size;
    // Which quality of service was granted is no status of interest.
    if (packet.type == Type::SubAck) return {.known = all};
    return {.code = static_cast<std::uint8_t>(codes[0]), .known = all};
  }

  void answer(std::uint64_t stream, Status status, const Frame& frame, ParseOutput& out) {
    proven_ = true;
    std::erase(outstanding_, stream);
    answering_.push_back(stream);
    out.tell(Kind::ResponseBegin, Side::Response, frame.begin, stream);
    ResponseHead& head = out.tell(Kind::ResponseHead, Side::Response, frame.begin, stream).response;
    if (!status.known) {
      head.verdict = Verdict::Unknown;
      return;
    }
    if (status.code != 0) head.status_text.assign(mqtt::reason_word(status.code));
    head.verdict = status.code >= kFirstError ? Verdict::ServerError : Verdict::Ok;
  }

  void on_server_disconnect(const Packet& packet, const Frame& frame, ParseOutput& out) {
    const Status status = code_at(packet, 0, frame);
    if (!status.known || status.code < kFirstError) return;
    for (const std::uint64_t stream : std::exchange(outstanding_, {}))
      answer(stream, status, frame, out);
    handshake_ = 0;
    pings_answered_ = pings_asked_;
  }

  // --- both

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    const std::uint64_t size = offset - begin_[side == Side::Response];
    const auto end = [&](Kind kind, std::uint64_t stream) {
      Message& message = out.tell(kind, side, offset, stream);
      message.end_rule = EndRule::Framing;
      message.size = size;
    };
    if (side == Side::Request) {
      if (asking_ != 0) end(Kind::RequestEnd, std::exchange(asking_, 0));
      return;
    }
    for (const std::uint64_t stream : answering_)
      end(Kind::ResponseEnd, stream);
    answering_.clear();
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (side == Side::Request) {
      asking_ = 0;
    } else {
      answering_.clear();
      outstanding_.clear();
      handshake_ = 0;
      pings_answered_ = pings_asked_;
    }
    // Of bytes that were not captured nobody can say that they are no MQTT.
    mistaken_ = !proven_ && !skipping_;
    out.tell(mistaken_ ? Kind::Mistaken : Kind::Lost, side, offset);
  }

  void find_secrets(Side side,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override {
    mqtt::find_secrets(side, known, version_, secrets);
  }

  FrameReader requests_{Side::Request, mqtt::kFromClient, *this};
  FrameReader responses_{Side::Response, mqtt::kFromServer, *this};
  std::vector<std::uint64_t> outstanding_;  // the oldest first
  std::vector<std::uint64_t> answering_;    // by the frame that is being read
  std::array<std::uint64_t, 2> begin_{};    // of each side's frame
  std::uint64_t asking_ = 0;                // by the frame that is being read; 0: nothing
  std::uint64_t handshake_ = 0;             // CONNECT or AUTH that is outstanding
  std::uint64_t pings_asked_ = 0;
  std::uint64_t pings_answered_ = 0;
  Version version_ = Version::Unknown;
  bool server_spoke_ = false;
  bool proven_ = false;  // that this is MQTT is more than a guess
  bool skipping_ = false;
  bool mistaken_ = false;
};

std::unique_ptr<Parser> make() {
  return std::make_unique<MqttParser>();
}

}  // namespace

const ParserSpec kMqtt{
    .name = "mqtt", .family = ProtocolFamily::Messaging, .detect = mqtt::detect, .make = make};

}  // namespace tailwhy
