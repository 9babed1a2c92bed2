#include "proto/amqp.h"

#include "proto/amqp_channel.h"
#include "proto/amqp_methods.h"
#include "proto/frames.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace tailwhy {
namespace {

using amqp::Channel;
using amqp::Content;
using amqp::Ending;
using amqp::FrameType;
using amqp::Status;
using amqp::View;
using Kind = Message::Kind;
using Verdict = ResponseHead::Verdict;

class AmqpParser final : public Parser, private FrameHandler {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override {
    if (mistaken_) return out.hide_all(bytes.size());
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
    if (side == Side::Request && responses_.lost()) {  // all of it was answered
      for (auto& [number, channel] : channels_) {
        channel.waiting.clear();
        channel.unconfirmed.clear();
      }
      outstanding_ = 0;
    }
    reader(side).turn(offset);
  }
  void start_unsynchronised(Side /*side*/) override {}

 private:
  static constexpr std::size_t kMostChannels = 2048;
  static constexpr std::size_t kMostOutstanding = 4096;

  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : responses_; }
  std::vector<Ending>& ending(Side side) { return ending_[side == Side::Response]; }

  // Null: there are too many.
  Channel* channel(std::uint16_t number) {
    const auto found = channels_.find(number);
    if (found != channels_.end()) return &found->second;
    return channels_.size() < kMostChannels ? &channels_[number] : nullptr;
  }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    begin_[side == Side::Response] = frame.begin;
    ending(side).clear();
    const View view = amqp::view_of(frame.bytes);
    const bool whole = frame.bytes.size() == frame.end - frame.begin;
    if (view.type == FrameType::ProtocolHeader) return on_protocol_header(side, frame, out);
    if (whole && frame.bytes.back() != amqp::kFrameEnd) return false;
    if (view.type == FrameType::Heartbeat) return true;
    if (view.type != FrameType::Method) return on_content(side, view, frame, out);
    if (view.method == 0) return frame.cut;
    const auto class_id = static_cast<std::uint16_t>(view.method >> 16);
    if (!amqp::is_known_class(class_id) || (class_id == 10) != (view.channel == 0)) return false;
    if (closed_) return true;
    Channel* found = channel(view.channel);
    if (found == nullptr) return true;
    return side == Side::Request ? on_request(view, *found, frame, out)
                                 : on_answer(view, *found, frame, out);
  }

  bool on_protocol_header(Side side, const Frame& frame, ParseOutput& out) {
    if (side == Side::Response) return true;  // the version that the server has instead
    const std::string_view text(reinterpret_cast<const char*>(frame.bytes.data()),
                                frame.bytes.size());
    if (text != amqp::kProtocolHeader) return false;
    proven_ = true;
    ask(amqp::kStart, channels_[0], frame, out);
    return true;
  }

  // Headers and bodies; of contents whose method was not seen there is nothing to say.
  bool on_content(Side side, const View& view, const Frame& frame, ParseOutput& out) {
    const auto found = channels_.find(view.channel);
    if (found == channels_.end()) return true;
    Content& content = side == Side::Request ? found->second.asked : found->second.answered;
    if (content.next == Content::Next::Nothing) return true;
    if (view.type == FrameType::ContentHeader) {
      if (content.next != Content::Next::Header) return false;
      constexpr std::size_t kBodySize = 4;
      if (view.payload.size() < kBodySize + 8) {
        if (frame.cut) abandon(found->second, content, out);
        return frame.cut;
      }
      content.left = std::uint64_t{wire::be32(view.payload, kBodySize)} << 32 |
                     wire::be32(view.payload, kBodySize + 4);
      content.next = Content::Next::Body;
    } else {
      if (content.next != Content::Next::Body || view.size > content.left) return false;
      content.left -= view.size;
    }
    if (content.left == 0) {
      if (content.stream != 0) ending(side).push_back({content.stream, content.size});
      content = {};
    } else {
      content.size += frame.end - frame.begin;
    }
    return true;
  }

  // --- requests

  bool on_request(const View& view, Channel& found, const Frame& frame, ParseOutput& out) {
    const amqp::ClientMethod* method = amqp::client_method(view.method);
    if (method == nullptr || found.asked.next != Content::Next::Nothing) return false;
    if (found.closing) {
      if (view.method == amqp::kChannelCloseOk) channels_.erase(view.channel);
      return true;
    }
    if (view.method == amqp::kChannelOpen) {
      outstanding_ -= found.waiting.size() + found.unconfirmed.size();
      found = {};
    }
    switch (method->use) {
      case amqp::Use::Silent:
        break;
      case amqp::Use::OneWay:
        tell_request(*method, true, frame, out);
        ending(Side::Request).push_back({last_stream_, 0});
        break;
      case amqp::Use::Ask:
        if (amqp::is_no_wait(view)) {
          tell_request(*method, true, frame, out);
          ending(Side::Request).push_back({last_stream_, 0});
        } else {
          ask(*method, found, frame, out);
        }
        if (view.method == amqp::kConfirmSelect) found.confirms = true;
        break;
      case amqp::Use::Publish:
        publish(*method, found, frame, out);
        break;
    }
    return true;
  }

  void tell_request(const amqp::ClientMethod& method,
                    bool one_way,
                    const Frame& frame,
                    ParseOutput& out) {
    ++last_stream_;
    out.tell(Kind::RequestBegin, Side::Request, frame.begin, last_stream_);
    RequestHead& request =
        out.tell(Kind::RequestHead, Side::Request, frame.begin, last_stream_).request;
    request.method.assign(method.name);
    request.protocol_version = "0-9-1";
    request.one_way = one_way;
  }

  void ask(const amqp::ClientMethod& method, Channel& found, const Frame& frame, ParseOutput& out) {
    tell_request(method, false, frame, out);
    ending(Side::Request).push_back({last_stream_, 0});
    if (outstanding_ >= kMostOutstanding) return;
    ++outstanding_;
    found.waiting.push_back({last_stream_, &method});
  }

  void publish(const amqp::ClientMethod& method,
               Channel& found,
               const Frame& frame,
               ParseOutput& out) {
    tell_request(method, !found.confirms, frame, out);
    found.asked = {
        .next = Content::Next::Header, .stream = last_stream_, .size = frame.end - frame.begin};
    if (!found.confirms) return;
    ++found.published;
    if (outstanding_ >= kMostOutstanding) return;
    ++outstanding_;
    found.unconfirmed.push_back({found.published, last_stream_});
  }

  // --- answers

  bool on_answer(const View& view, Channel& found, const Frame& frame, ParseOutput& out) {
    if (found.answered.next != Content::Next::Nothing) return false;
    switch (view.method) {
      case amqp::kConnectionClose:
      case amqp::kChannelClose:
        return on_server_close(view, found, frame, out);
      case amqp::kAck:
      case amqp::kNack:
        return on_confirm(view, found, frame, out);
      case amqp::kDeliver:
      case amqp::kReturn:
        found.answered.next = Content::Next::Header;
        return true;
      default:
        break;
    }
    const auto answers = [&](const Channel::Waiting& waiting) {
      return waiting.method->reply == view.method || waiting.method->other_reply == view.method;
    };
    const auto at = std::find_if(found.waiting.begin(), found.waiting.end(), answers);
    if (at == found.waiting.end()) return true;  // asked before the attach, or not at all
    // Answers come in order: those before it were not seen.
    while (!answers(found.waiting.front())) {
      tell_abandoned(found.waiting.front().stream, out);
      pop(found.waiting);
    }
    const std::uint64_t stream = found.waiting.front().stream;
    pop(found.waiting);
    tell_answer(stream, view.method == amqp::kGetEmpty ? Status{.word = "get-empty"} : Status{},
                frame, out);
    if (view.method == amqp::kGetOk) {
      found.answered = {
          .next = Content::Next::Header, .stream = stream, .size = frame.end - frame.begin};
      return true;
    }
    ending(Side::Response).push_back({stream, 0});
    if (view.method == amqp::kChannelCloseOk) {
      give_up(found, frame, out);
      channels_.erase(view.channel);
    } else if (view.method == amqp::kConnectionCloseOk) {
      for (auto& [number, other] : channels_)
        give_up(other, frame, out);
      closed_ = true;
    }
    return true;
  }

  template <class Queue>
  void pop(Queue& queue) {
    queue.pop_front();
    --outstanding_;
  }

  void tell_answer(std::uint64_t stream, Status status, const Frame& frame, ParseOutput& out) {
    proven_ = true;
    out.tell(Kind::ResponseBegin, Side::Response, frame.begin, stream);
    ResponseHead& head = out.tell(Kind::ResponseHead, Side::Response, frame.begin, stream).response;
    head.status_text.assign(status.word);
    head.verdict = status.verdict;
  }

  void answer(std::uint64_t stream, Status status, const Frame& frame, ParseOutput& out) {
    tell_answer(stream, status, frame, out);
    ending(Side::Response).push_back({stream, 0});
  }

  // Publisher confirms: one delivery tag, or all up to it.
  bool on_confirm(const View& view, Channel& found, const Frame& frame, ParseOutput& out) {
    constexpr std::size_t kTag = 4, kBits = 12;
    if (view.payload.size() <= kBits || view.size <= kBits) return frame.cut;
    const std::uint64_t tag =
        std::uint64_t{wire::be32(view.payload, kTag)} << 32 | wire::be32(view.payload, kTag + 4);
    const bool multiple = (wire::u8(view.payload, kBits) & 1) != 0;
    const Status status = view.method == amqp::kAck
                              ? Status{}
                              : Status{.word = "nack", .verdict = Verdict::ServerError};
    auto& queue = found.unconfirmed;
    if (multiple) {  // of tag 0: all
      while (!queue.empty() && (queue.front().tag <= tag || tag == 0)) {
        if (queue.front().stream != 0) answer(queue.front().stream, status, frame, out);
        pop(queue);
      }
      return true;
    }
    const auto at = std::lower_bound(
        queue.begin(), queue.end(), tag,
        [](const Channel::Unconfirmed& entry, std::uint64_t value) { return entry.tag < value; });
    if (at == queue.end() || at->tag != tag || at->stream == 0) return true;
    answer(std::exchange(at->stream, 0), status, frame, out);
    while (!queue.empty() && queue.front().stream == 0)
      pop(queue);
    return true;
  }

  bool on_server_close(const View& view, Channel& found, const Frame& frame, ParseOutput& out) {
    constexpr std::size_t kCode = 4;
    if (view.payload.size() < kCode + 2 || view.size < kCode + 2) return frame.cut;
    const Status status{.word = amqp::reply_word(wire::be16(view.payload, kCode)),
                        .verdict = Verdict::ServerError};
    if (view.method == amqp::kChannelClose) {
      fail(found, status, frame, out);
      found.closing = true;
      return true;
    }
    for (auto& [number, other] : channels_)
      fail(other, status, frame, out);
    closed_ = true;
    return true;
  }

  void fail(Channel& found, Status status, const Frame& frame, ParseOutput& out) {
    for (; !found.waiting.empty(); pop(found.waiting))
      answer(found.waiting.front().stream, status, frame, out);
    for (; !found.unconfirmed.empty(); pop(found.unconfirmed)) {
      if (found.unconfirmed.front().stream == 0) continue;
      answer(found.unconfirmed.front().stream, status, frame, out);
    }
  }

  // The client closed without waiting for these.
  void give_up(Channel& found, const Frame& frame, ParseOutput& out) {
    const auto tell = [&](std::uint64_t stream) {
      if (stream == 0) return;
      Message& end = out.tell(Kind::ResponseEnd, Side::Response, frame.begin, stream);
      end.end_rule = EndRule::Framing;
      end.failure = Failure::ClientAbort;
    };
    for (; !found.waiting.empty(); pop(found.waiting))
      tell(found.waiting.front().stream);
    for (; !found.unconfirmed.empty(); pop(found.unconfirmed))
      tell(found.unconfirmed.front().stream);
  }

  // --- both

  // Where its content ends will not be seen.
  void abandon(Channel& found, Content& content, ParseOutput& out) {
    const std::uint64_t stream = std::exchange(content, {}).stream;
    if (stream == 0) return;
    tell_abandoned(stream, out);
    auto& queue = found.unconfirmed;
    if (!queue.empty() && queue.back().stream == stream) queue.back().stream = 0;
  }

  void tell_abandoned(std::uint64_t stream, ParseOutput& out) {
    out.tell(Kind::Abandoned, Side::Response, begin_[1], stream);
  }

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    const std::uint64_t size = offset - begin_[side == Side::Response];
    const Kind kind = side == Side::Request ? Kind::RequestEnd : Kind::ResponseEnd;
    for (const Ending& ended : ending(side)) {
      Message& message = out.tell(kind, side, offset, ended.stream);
      message.end_rule = EndRule::Framing;
      message.size = ended.size + size;
    }
    begin_[side == Side::Response] = offset;
    ending(side).clear();
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    ending(side).clear();
    if (side == Side::Response) begin_[1] = offset;
    for (auto& [number, found] : channels_) {
      abandon(found, side == Side::Request ? found.asked : found.answered, out);
      if (side == Side::Request) found.confirms = false;  // who knows how many were published
    }
    // Of bytes that were not captured nobody can say that they are no AMQP.
    mistaken_ = !proven_ && !skipping_;
    out.tell(mistaken_ ? Kind::Mistaken : Kind::Lost, side, offset);
  }

  void find_secrets(Side side,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override {
    amqp::find_secrets(side, known, secrets);
  }

  FrameReader requests_{Side::Request, amqp::kFrames, *this};
  FrameReader responses_{Side::Response, amqp::kFrames, *this};
  std::map<std::uint16_t, Channel> channels_;
  std::array<std::vector<Ending>, 2> ending_;
  std::array<std::uint64_t, 2> begin_{};  // of each side's frame, or where the last one ended
  std::uint64_t last_stream_ = 0;
  std::size_t outstanding_ = 0;
  bool closed_ = false;  // the connection is over for both
  bool proven_ = false;  // that this is AMQP is more than a guess
  bool skipping_ = false;
  bool mistaken_ = false;
};

std::unique_ptr<Parser> make() {
  return std::make_unique<AmqpParser>();
}

}  // namespace

const ParserSpec kAmqp{.name = "amqp",
                       .family = ProtocolFamily::Messaging,
                       .detect = amqp::detect,
                       .make = make,
                       .framed_signature = amqp::kProtocolHeader};

}  // namespace tailwhy
