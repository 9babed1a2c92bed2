#include "proto/fastcgi.h"

#include "proto/fastcgi_params.h"
#include "proto/fastcgi_record.h"
#include "proto/frames.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <span>
#include <utility>

namespace tailwhy {
namespace {

using fastcgi::content_size;
using fastcgi::id_of;
using fastcgi::kBody;
using fastcgi::kEndRecord;
using fastcgi::kHeader;
using fastcgi::Type;
using fastcgi::type_of;
using Kind = Message::Kind;
using Verdict = ResponseHead::Verdict;

// Requests of one connection: servers answer one at a time, as a rule.
constexpr std::size_t kMostRequests = 64;
constexpr std::uint8_t kMostProtocolStatus = 3;

// 0 is the id of management records.
std::uint64_t stream_of(std::uint16_t id) {
  return std::uint64_t{1} << 16 | id;
}

struct Exchange {
  explicit Exchange(const RoutePatterns* routes) : params(routes) {}

  fastcgi::Params params;
  cgi::AnswerHead answer;
  std::uint64_t request_size = 0;
  std::uint64_t response_size = 0;
  bool head_told = false;
  bool request_ended = false;
  bool answered = false;     // its response has begun
  bool status_told = false;  // and its head was read
  bool aborted = false;
};

class FastCgiParser final : public Parser, private FrameHandler {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override {
    moved(side, offset + bytes.size());
    reader(side).feed(offset, bytes, out);
  }
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> tail,
            ParseOutput& out) override {
    const std::uint64_t end_offset = offset + size;
    moved(side, end_offset);
    if (side == Side::Response && answering_ == 0 && size > kEndRecord) {
      responses_.skip(offset, 1, out);  // of what it is in the middle of, it says what that is
      ++offset;
      --size;
    }
    if (side == Side::Response && !answered_all_ && ends_unseen(end_offset, tail)) {
      const std::uint64_t record = frame_end_;
      const std::uint16_t id = std::exchange(answering_, std::uint16_t{0});
      responses_.skip(offset, record - offset, out);
      on_end_request(id, wire::u8(tail.last(kBody), 4), end_offset - record, record, out);
      end(id, EndRule::Framing, end_offset, out);
      return responses_.jump(end_offset);
    }
    reader(side).skip(offset, size, out);
  }
  void finish(Side side, std::uint64_t offset, ParseOutput& out) override {
    reader(side).finish();
    answered_all_ = answered_all_ || side == Side::Response;
    if (side == Side::Response) return;
    for (auto& [id, exchange] : exchanges_)
      end_request(id, exchange, EndRule::Close, offset, out);
  }
  void turn(Side side, std::uint64_t offset, ParseOutput& /*out*/) override {
    moved(side, offset);
    reader(side).turn(offset);
  }
  void start_unsynchronised(Side /*side*/) override {}

 private:
  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : responses_; }
  std::uint64_t& position(Side side) { return position_[side == Side::Response]; }
  void moved(Side side, std::uint64_t to) { position(side) = std::max(position(side), to); }

  // An end may be told before it was seen: then what is in its place comes after it.
  Message& tell(Kind kind, Side side, std::uint64_t offset, std::uint16_t id, ParseOutput& out) {
    std::uint64_t& told = told_[side == Side::Response];
    told = std::max(told, offset);
    return out.tell(kind, side, told, id == 0 ? 0 : stream_of(id));
  }

  Exchange* find(std::uint16_t id) {
    const auto found = exchanges_.find(id);
    return found == exchanges_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const Exchange* find(std::uint16_t id) const {
    const auto found = exchanges_.find(id);
    return found == exchanges_.end() ? nullptr : &found->second;
  }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    type_[side == Side::Response] = type_of(frame.bytes);
    id_[side == Side::Response] = id_of(frame.bytes);
    return side == Side::Request ? on_request(frame, out) : on_response(frame, out);
  }

  // --- requests

  bool on_request(const Frame& frame, ParseOutput& out) {
    const std::uint16_t id = id_of(frame.bytes);
    const Type type = type_of(frame.bytes);
    empty_ = content_size(frame.bytes) == 0;
    if (type == Type::BeginRequest) return begin_request(id, frame, out);
    Exchange* exchange = find(id);
    if (exchange == nullptr) return type != Type::EndRequest && type != Type::Stdout;
    exchange->request_size += frame.end - frame.begin;
    if (type == Type::Params && !exchange->head_told) {
      if (empty_) {
        tell_head(id, *exchange, frame.begin, out);
      } else {
        read_params(*exchange, frame);
      }
    } else if (type == Type::AbortRequest) {
      exchange->aborted = true;
    }
    return true;
  }

  bool begin_request(std::uint16_t id, const Frame& frame, ParseOutput& out) {
    if (id == 0) return false;
    if (ending_ == id) ending_ = 0;  // it has not, but the next one has begun
    if (Exchange* before = find(id)) {
      // Its id is free again, so it has ended.
      if (before->answered && !answered_all_) {
        end(id, EndRule::DirectionReversal, position(Side::Response), out);
      } else {
        abandon(id, out);
      }
    }
    if (exchanges_.size() >= kMostRequests) {
      abandon(exchanges_.begin()->first, out);
    }
    Exchange& exchange = exchanges_.emplace(id, Exchange(out.routes)).first->second;
    exchange.request_size = frame.end - frame.begin;
    tell(Kind::RequestBegin, Side::Request, frame.begin, id, out);
    return true;
  }

  void abandon(std::uint16_t id, ParseOutput& out) {
    tell(Kind::Abandoned, Side::Response, position(Side::Response), id, out);
    exchanges_.erase(id);
  }

  static void read_params(Exchange& exchange, const Frame& frame) {
    const std::size_t size = content_size(frame.bytes);
    const auto content = frame.bytes.subspan(kHeader);
    for (const std::byte byte : content.first(std::min(size, content.size())))
      exchange.params.step(static_cast<char>(byte));
    if (content.size() < size) exchange.params.lose();
  }

  void tell_head(std::uint16_t id, Exchange& exchange, std::uint64_t offset, ParseOutput& out) {
    exchange.head_told = true;
    tell(Kind::RequestHead, Side::Request, offset, id, out).request =
        exchange.params.variables().head();
  }

  void end_request(
      std::uint16_t id, Exchange& exchange, EndRule rule, std::uint64_t offset, ParseOutput& out) {
    if (std::exchange(exchange.request_ended, true)) return;
    if (!exchange.head_told) tell_head(id, exchange, offset, out);
    Message& message = tell(Kind::RequestEnd, Side::Request, offset, id, out);
    message.end_rule = rule;
    message.size = exchange.request_size;
  }

  // --- answers

  bool on_response(const Frame& frame, ParseOutput& out) {
    const Type type = type_of(frame.bytes);
    if (type < Type::EndRequest || type == Type::Params || type == Type::Stdin ||
        type == Type::Data || type == Type::GetValues) {
      return false;
    }
    const std::uint16_t id = id_of(frame.bytes);
    frame_end_ = frame.end;
    answering_ = type == Type::Stdout || type == Type::Stderr ? id : 0;
    Exchange* exchange = find(id);
    if (exchange == nullptr) return true;
    if (type == Type::EndRequest) {
      const bool known = frame.bytes.size() >= kHeader + 5;
      on_end_request(id, known ? wire::u8(frame.bytes, kHeader + 4) : std::uint8_t{0},
                     frame.end - frame.begin, frame.begin, out);
      return true;
    }
    exchange->response_size += frame.end - frame.begin;
    if (type != Type::Stdout || content_size(frame.bytes) == 0) return true;
    if (!std::exchange(exchange->answered, true)) {
      tell(Kind::ResponseBegin, Side::Response, frame.begin, id, out);
    }
    read_answer(id, *exchange, frame, out);
    return true;
  }

  void read_answer(std::uint16_t id, Exchange& exchange, const Frame& frame, ParseOutput& out) {
    if (exchange.status_told) return;
    const std::size_t size = content_size(frame.bytes);
    const auto content = frame.bytes.subspan(kHeader);
    for (const std::byte byte : content.first(std::min(size, content.size())))
      exchange.answer.step(static_cast<char>(byte));
    // A head that does not end in what was captured has said what it has said.
    if (!exchange.answer.over() && content.size() >= size) return;
    tell_status(id, exchange, frame.begin, out);
  }

  void tell_status(std::uint16_t id, Exchange& exchange, std::uint64_t offset, ParseOutput& out) {
    exchange.status_told = true;
    tell(Kind::ResponseHead, Side::Response, offset, id, out).response = exchange.answer.response();
  }

  // END_REQUEST at `offset`.
  void on_end_request(std::uint16_t id,
                      std::uint8_t protocol_status,
                      std::uint64_t size,
                      std::uint64_t offset,
                      ParseOutput& out) {
    Exchange* exchange = find(id);
    if (exchange == nullptr) return;
    ending_ = id;
    exchange->response_size += size;
    if (!std::exchange(exchange->answered, true)) {
      tell(Kind::ResponseBegin, Side::Response, offset, id, out);
    }
    if (protocol_status != 0) {
      exchange->status_told = true;
      tell(Kind::ResponseHead, Side::Response, offset, id, out).response.verdict =
          Verdict::ServerError;
    }
  }

  // The answer has ended at `offset`; with it the request, whatever was seen of that.
  void end(std::uint16_t id, EndRule rule, std::uint64_t offset, ParseOutput& out) {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) return;
    Exchange& exchange = found->second;
    end_request(id, exchange, EndRule::Framing, position(Side::Request), out);
    if (!exchange.status_told) tell_status(id, exchange, offset, out);
    Message& message = tell(Kind::ResponseEnd, Side::Response, offset, id, out);
    message.end_rule = rule;
    message.size = exchange.response_size;
    message.failure = exchange.aborted ? Failure::ClientAbort : Failure::None;
    exchanges_.erase(found);
  }

  // The record that is being read ends within what was not captured, and what follows it up to `to`
  // has the size of END_REQUEST, perhaps after an empty STDOUT, and an end that it can have.
  [[nodiscard]] bool ends_unseen(std::uint64_t to, std::span<const std::byte> tail) const {
    if (answering_ == 0 || !responses_.inside() || frame_end_ >= to || tail.size() < kBody)
      return false;
    if (find(answering_) == nullptr) return false;
    const std::uint64_t more = to - frame_end_;
    if (more != kEndRecord && more != kEndRecord + kHeader) return false;
    const auto body = tail.last(kBody);
    return wire::u8(body, 4) <= kMostProtocolStatus &&
           std::all_of(body.begin() + 5, body.end(), [](std::byte b) { return b == std::byte{0}; });
  }

  // --- both

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    const std::uint16_t id = id_[side == Side::Response];
    const Type type = type_[side == Side::Response];
    if (side == Side::Response) {
      answering_ = 0;
      if (type == Type::EndRequest && ending_ == id) end(id, EndRule::Framing, offset, out);
      ending_ = 0;
      return;
    }
    Exchange* exchange = find(id);
    if (exchange == nullptr || type != Type::Stdin || !empty_) return;
    end_request(id, *exchange, EndRule::Framing, offset, out);
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    answering_ = 0;
    tell(Kind::Lost, side, offset, 0, out);
  }

  void find_secrets(Side side,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override {
    if (known.size() <= kHeader) return;
    const Type type = type_of(known);
    const auto content =
        known.subspan(kHeader, std::min(known.size() - kHeader, content_size(known)));
    const Exchange* exchange = find(id_of(known));
    const auto hide_unless = [&](auto&& keeps) {
      for (std::size_t at = 0; at < content.size(); ++at) {
        if (keeps(static_cast<char>(content[at]))) continue;
        const std::size_t offset = kHeader + at;
        if (!secrets.empty() && secrets.back().offset + secrets.back().size == offset) {
          ++secrets.back().size;
        } else {
          secrets.push_back({offset, 1});
        }
      }
    };
    if (type == Type::BeginRequest || type == Type::EndRequest) {
      return;
    } else if (side == Side::Request && type == Type::Params && exchange != nullptr) {
      fastcgi::Params params = exchange->params;
      if (!exchange->head_told) return hide_unless([&](char c) { return params.step(c); });
    } else if (side == Side::Response && type == Type::Stdout && exchange != nullptr) {
      cgi::AnswerHead answer = exchange->answer;
      if (!exchange->status_told) return hide_unless([&](char c) { return answer.step(c); });
    }
    secrets.push_back({kHeader, known.size() - kHeader});
  }

  FrameReader requests_{Side::Request, fastcgi::kRecords, *this};
  FrameReader responses_{Side::Response, fastcgi::kRecords, *this};
  std::map<std::uint16_t, Exchange> exchanges_;  // that are outstanding, by request id
  std::array<std::uint64_t, 2> position_{};      // of each side: after all that was told
  std::array<std::uint64_t, 2> told_{};          // the offset of each side that was told last
  std::array<Type, 2> type_{};                   // of each side's record
  std::array<std::uint16_t, 2> id_{};
  std::uint64_t frame_end_ = 0;  // of the answers' record
  std::uint16_t answering_ = 0;  // the record is STDOUT or STDERR of that request; 0: neither
  std::uint16_t ending_ = 0;     // the answers' record is its END_REQUEST
  bool answered_all_ = false;    // the side of the answers has ended
  bool empty_ = false;           // the requests' record is
};

std::unique_ptr<Parser> make() {
  return std::make_unique<FastCgiParser>();
}

}  // namespace

const ParserSpec kFastCgi{
    .name = "fastcgi", .family = ProtocolFamily::Http, .detect = fastcgi::detect, .make = make};

}  // namespace tailwhy
