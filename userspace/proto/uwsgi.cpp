#include "proto/uwsgi.h"

#include "base/inline_text.h"
#include "proto/byte_cursor.h"
#include "proto/cgi.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

namespace tailwhy {
namespace {

using Kind = Message::Kind;

constexpr std::size_t kHeader = 4;
constexpr std::uint8_t kRequest =
    0;  // modifier1 of WSGI; other languages have others, see detect()

// The variables of a packet: sizes of two bytes, the lower first, before each name and value. Cut
// anywhere.
class Vars {
 public:
  explicit Vars(const RoutePatterns* routes = nullptr) : variables_(routes) {}

  // False: a recording must not hold this byte.
  bool step(char c) {
    switch (part_) {
      case Part::NameSize:
      case Part::ValueSize:
        return step_size(static_cast<std::uint8_t>(c));
      case Part::Name: {
        const bool kept = (c >= 'A' && c <= 'Z') || c == '_';
        name_.append({&c, 1});
        if (!kept) name_.append("?");  // what is no name in capitals is none of ours
        if (--left_ == 0) part_ = Part::ValueSize;
        return kept;
      }
      case Part::Value: {
        const bool kept = variables_.step(c);
        if (--left_ == 0) end_pair();
        return kept;
      }
    }
    return false;
  }
  [[nodiscard]] cgi::Variables& variables() { return variables_; }

 private:
  enum class Part : std::uint8_t { NameSize, Name, ValueSize, Value };

  bool step_size(std::uint8_t byte) {
    left_ = second_ ? left_ | static_cast<unsigned>(byte) << 8 : byte;
    second_ = !second_;
    if (second_) return true;
    if (part_ == Part::NameSize) {
      name_.clear();
      part_ = left_ == 0 ? Part::ValueSize : Part::Name;
    } else {
      variables_.begin(name_.truncated() ? cgi::Name::Other : cgi::name_of(name_.view()));
      part_ = Part::Value;
      if (left_ == 0) end_pair();
    }
    return true;
  }
  void end_pair() {
    variables_.end();
    part_ = Part::NameSize;
  }

  cgi::Variables variables_;
  InlineText<20> name_;
  Part part_ = Part::NameSize;
  bool second_ = false;
  unsigned left_ = 0;
};

class UwsgiParser final : public Parser {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override {
    ByteCursor in(side, offset, bytes, out);
    if (side == Side::Request) requests_end_ = offset + bytes.size();
    side == Side::Request ? read_request(in) : read_answer(in);
    in.hide(in.rest().size());
  }
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> /*tail*/,
            ParseOutput& out) override {
    if (size == 0 || finished_[side == Side::Response]) return;
    if (side == Side::Request) {
      requests_end_ = offset + size;
      if (state_ == State::Header || state_ == State::Vars) {
        if (state_ == State::Header) return lose(offset, out);
        tell_head(offset, out);  // what was said before the hole
        state_ = State::BodyUntilAnswer;
      } else if (state_ == State::Body) {
        pass_body(offset, size, out);
      }
      return;
    }
    begin_answer(offset, out);
    tell_status(offset, out);
  }
  void finish(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (std::exchange(finished_[side == Side::Response], true)) return;
    if (side == Side::Request) return end_request(offset, EndRule::Close, out);
    if (!answered_) return;
    tell_status(offset, out);
    out.tell(Kind::ResponseEnd, Side::Response, offset).end_rule = EndRule::Close;
  }
  void turn(Side /*side*/, std::uint64_t /*offset*/, ParseOutput& /*out*/) override {}
  void start_unsynchronised(Side /*side*/) override {}

 private:
  enum class State : std::uint8_t { Header, Vars, Body, BodyUntilAnswer, Ended };

  void read_request(ByteCursor& in) {
    if (finished_[0]) return;
    while (state_ == State::Header && !in.empty()) {
      if (header_size_ == 0) begin_ = in.position();
      header_[header_size_++] = static_cast<std::byte>(in.peek());
      in.keep(1);
      if (header_size_ < kHeader) continue;
      left_ = wire::le16(header_, 1);
      vars_ = Vars(in.out.routes);
      asked_ = true;
      in.emit(Kind::RequestBegin, begin_);
      state_ = State::Vars;
      if (left_ == 0) end_vars(in);
    }
    while (state_ == State::Vars && !in.empty()) {
      const bool kept = vars_.step(in.peek());
      kept ? in.keep(1) : in.hide(1);
      if (--left_ == 0) end_vars(in);
    }
    if (state_ == State::Body) {
      const std::size_t size = in.upto(left_).size();
      const std::uint64_t at = in.position();
      in.hide(size);
      pass_body(at, size, in.out);
    }
  }

  void end_vars(ByteCursor& in) {
    tell_head(in.position(), in.out);
    const auto length = vars_.variables().content_length();
    left_ = length.value_or(0);
    state_ = State::Body;
    pass_body(in.position(), 0, in.out);
  }

  void pass_body(std::uint64_t offset, std::uint64_t size, ParseOutput& out) {
    const std::uint64_t passed = std::min(left_, size);
    left_ -= passed;
    if (left_ == 0) end_request(offset + passed, EndRule::Framing, out);
  }

  void tell_head(std::uint64_t offset, ParseOutput& out) {
    out.tell(Kind::RequestHead, Side::Request, offset).request = vars_.variables().head();
    head_told_ = true;
  }

  void end_request(std::uint64_t offset, EndRule rule, ParseOutput& out) {
    if (state_ == State::Header || std::exchange(state_, State::Ended) == State::Ended) return;
    if (!head_told_) tell_head(offset, out);
    out.tell(Kind::RequestEnd, Side::Request, offset).end_rule = rule;
  }

  void lose(std::uint64_t offset, ParseOutput& out) {
    state_ = State::Ended;
    out.tell(Kind::Lost, Side::Request, offset);
  }

  void read_answer(ByteCursor& in) {
    if (in.empty() || finished_[1]) return;
    begin_answer(in.position(), in.out);
    while (answered_ && !status_told_ && !in.empty()) {
      const bool kept = head_.step(in.peek());
      kept ? in.keep(1) : in.hide(1);
      if (head_.over()) tell_status(in.position(), in.out);
    }
  }

  void begin_answer(std::uint64_t offset, ParseOutput& out) {
    if (!asked_ || finished_[1] || std::exchange(answered_, true)) return;
    end_request(requests_end_, EndRule::Framing, out);
    out.tell(Kind::ResponseBegin, Side::Response, offset);
  }

  void tell_status(std::uint64_t offset, ParseOutput& out) {
    if (!answered_ || std::exchange(status_told_, true)) return;
    out.tell(Kind::ResponseHead, Side::Response, offset).response = head_.response();
  }

  State state_ = State::Header;
  std::array<std::byte, kHeader> header_{};
  std::size_t header_size_ = 0;
  std::uint64_t begin_ = 0;
  std::uint64_t left_ = 0;  // of the variables, or the body
  Vars vars_;
  cgi::AnswerHead head_;
  std::uint64_t requests_end_ = 0;  // after their last byte
  std::array<bool, 2> finished_{};
  bool asked_ = false;
  bool head_told_ = false;
  bool answered_ = false;
  bool status_told_ = false;
};

// A packet whose first variable has a name in capitals that fits into it.
Confidence detect(Side side, std::span<const std::byte> bytes) {
  constexpr std::size_t kSizeField = 2;
  constexpr std::size_t kLeastName = 3, kMostName = 40;
  constexpr std::size_t kEnough = 30;  // bytes that are waited for
  if (side == Side::Response) return Confidence::No;
  if (!bytes.empty() && wire::u8(bytes, 0) != kRequest) return Confidence::No;
  if (bytes.size() < kHeader + kSizeField) return Confidence::NeedMore;
  const std::size_t size = wire::le16(bytes, 1);
  const std::size_t name_size = wire::le16(bytes, kHeader);
  if (wire::u8(bytes, 3) != 0 || name_size < kLeastName || name_size > kMostName ||
      name_size + 2 * kSizeField > size) {
    return Confidence::No;
  }
  const auto rest = bytes.subspan(kHeader + kSizeField);
  const auto name = rest.first(std::min(name_size, rest.size()));
  const auto in_name = [](std::byte byte) {
    return (byte >= std::byte{'A'} && byte <= std::byte{'Z'}) || byte == std::byte{'_'};
  };
  if (!std::all_of(name.begin(), name.end(), in_name)) return Confidence::No;
  if (rest.size() < name_size + kSizeField) {
    return bytes.size() < kEnough ? Confidence::NeedMore : Confidence::Yes;
  }
  const std::size_t value_size = wire::le16(rest, name_size);
  return name_size + value_size + 2 * kSizeField <= size ? Confidence::Yes : Confidence::No;
}

std::unique_ptr<Parser> make() {
  return std::make_unique<UwsgiParser>();
}

}  // namespace

const ParserSpec kUwsgi{
    .name = "uwsgi", .family = ProtocolFamily::Http, .detect = detect, .make = make};

}  // namespace tailwhy
