// memcached: the calls to its parser, and what its two protocols have in common: who is answered,
// and where the place is lost and found. Knows nothing of times or sockets.
#include "proto/memcached.h"

#include "proto/memcached_detect.h"
#include "proto/memcached_parser.h"

#include <memory>
#include <string_view>

namespace tailwhy {
namespace memcached {
namespace {

constexpr std::byte kBinaryRequest{0x80};
constexpr std::byte kBinaryResponse{0x81};

// What ends a list: a line, or a frame without a name that begins like this.
constexpr std::string_view kLastLine = "\r\nEND\r\n";
constexpr std::string_view kLastFrame("\x81\x10\0\0\0\0\0\0\0\0\0\0", 12);
constexpr std::size_t kFrame = 24;

// Bytes of the line (the frame) that ends a list; 0: that is not the end of `text`.
std::size_t last_line(std::string_view text) {
  if (text == kLastLine.substr(2)) return text.size();
  return text.ends_with(kLastLine) ? kLastLine.size() : 0;
}
std::size_t last_frame(std::string_view text) {
  if (text.size() < kFrame) return 0;
  return text.substr(text.size() - kFrame).starts_with(kLastFrame) ? kFrame : 0;
}

}  // namespace

void MemcachedParser::feed(Side side,
                           std::uint64_t offset,
                           std::span<const std::byte> bytes,
                           ParseOutput& out) {
  const bool response = side == Side::Response;
  if (!bytes.empty()) {
    if (over_ || done_[response] || (lost_[response] && !find_place(side, offset, bytes, out))) {
      ByteCursor in(side, offset, bytes, out);
      in.hide(bytes.size());
    } else {
      if (mode_ == Mode::Unknown) {
        const bool binary = bytes[0] == (response ? kBinaryResponse : kBinaryRequest);
        mode_ = binary ? Mode::Binary : Mode::Text;
      }
      ByteCursor in(side, offset, bytes, out);
      if (mode_ == Mode::Text) {
        read_text(in);
      } else if (lines(side).state == Lines::State::Gap) {
        read_gap(in);
      } else {
        frames(side).feed(offset, bytes, out);
      }
    }
  }
  if (response) seen_ = offset + bytes.size();
}

void MemcachedParser::skip(Side side,
                           std::uint64_t offset,
                           std::uint64_t size,
                           std::span<const std::byte> tail,
                           ParseOutput& out) {
  const bool response = side == Side::Response;
  if (tail.size() > size) tail = tail.last(static_cast<std::size_t>(size));
  const std::uint64_t unseen = size - tail.size();
  if (unseen > 0 && !over_ && !done_[response] && !lost_[response]) {
    const bool gap = response && lines(side).state == Lines::State::Gap;
    if (mode_ == Mode::Binary && !gap) {
      if (response && begun_ && only_answer() && frames(side).would_lose(offset, unseen)) {
        lines(side).state = Lines::State::Gap;
      } else {
        frames(side).skip(offset, unseen, out);
      }
    } else if (!gap) {
      ByteCursor in(side, offset, {}, out);
      skip_text(in, unseen);
    }
  }
  feed(side, offset + unseen, tail, out);
}

void MemcachedParser::finish(Side side, std::uint64_t offset, ParseOutput& out) {
  const bool response = side == Side::Response;
  if (over_ || done_[response]) return;
  if (response && !lost_[response] && lines(side).state == Lines::State::Gap) {
    end_answer(offset, EndRule::Close, out);
  }
  while (response && !lost_[1] && !begun_ && !expected_.empty() && expected_.front().quiet)
    no_answer(offset, out);
  frames(side).finish();
  done_[response] = true;
}

void MemcachedParser::turn(Side side, std::uint64_t /*offset*/, ParseOutput& out) {
  if (over_) return;
  const bool response = side == Side::Response;
  probe_[response] = lost_[response] && (!response || may_probe_);
  if (response) return;
  Lines& answers = lines(Side::Response);
  if (lost_[1]) {
    expected_.clear();  // all of it has been answered
    may_probe_ = true;
  } else if (answers.state == Lines::State::Gap && !done_[1]) {
    end_answer(seen_, EndRule::DirectionReversal, out);
    answers.state = Lines::State::Begin;
    responses_.jump(seen_);
  }
}

void MemcachedParser::start_unsynchronised(Side side) {
  lost_[side == Side::Response] = true;
}

// Is this turn the beginning of a message?
bool MemcachedParser::find_place(Side side,
                                 std::uint64_t offset,
                                 std::span<const std::byte> bytes,
                                 ParseOutput& out) {
  const bool response = side == Side::Response;
  if (!probe_[response]) return false;
  probe_[response] = false;
  const bool binary = bytes[0] == (response ? kBinaryResponse : kBinaryRequest);
  if (mode_ != Mode::Unknown && binary != (mode_ == Mode::Binary)) return false;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const bool begins = response ? binary || memcached_answer_begins(text)
                               : detect_memcached(side, bytes) == Confidence::Yes;
  if (!begins) return false;
  lost_[response] = false;
  lines(side) = {};
  frames(side).jump(offset);
  if (!response && lost_requests_) {
    lost_requests_ = false;
    // Answers to requests that nobody saw come before those of this one.
    if (!expected_.empty() && !lost_[1] && !done_[1]) lose(Side::Response, seen_, out);
  }
  return true;
}

// No other answer can follow the one being read before its side's turn is over.
bool MemcachedParser::only_answer() const {
  const Answer answer = expected_.empty() ? Answer::Line : expected_.front().answer;
  return expected_.size() == 1 && (answer == Answer::Values || answer == Answer::List) &&
         !lost_[0] && !lines_[0].begun && !requests_.inside();
}

// In an answer of which a part was not seen: what ends it must be the end of a call.
void MemcachedParser::read_gap(ByteCursor& in) {
  const std::string_view rest = in.rest();
  const std::size_t last = mode_ == Mode::Binary ? last_frame(rest) : last_line(rest);
  in.hide(rest.size() - last);
  if (last == 0) return;
  in.keep(last);
  lines(Side::Response).state = Lines::State::Begin;
  responses_.jump(in.position());
  end_answer(in.position(), EndRule::LastChunk, in.out);
}

void MemcachedParser::expect(const Expected::Entry& entry,
                             std::uint64_t /*offset*/,
                             ParseOutput& out) {
  expected_.push(entry);
  const bool between =
      !begun_ && lines(Side::Response).state == Lines::State::Begin && !responses_.inside();
  if (expected_.size() > kMostQuiet && expected_.front().quiet && between && !done_[1]) {
    no_answer(seen_, out);
  }
}

void MemcachedParser::no_answer(std::uint64_t offset, ParseOutput& out) {
  emit(Message::Kind::NoAnswer, Side::Response, offset, out);
  expected_.pop();
}

void MemcachedParser::begin_answer(std::uint64_t offset,
                                   const ResponseHead& head,
                                   ParseOutput& out) {
  if (begun_) return;
  begun_ = true;
  emit(Message::Kind::ResponseBegin, Side::Response, offset, out);
  emit(Message::Kind::ResponseHead, Side::Response, offset, out).response = head;
}

void MemcachedParser::end_answer(std::uint64_t offset, EndRule rule, ParseOutput& out) {
  emit(Message::Kind::ResponseEnd, Side::Response, offset, out).end_rule = rule;
  begun_ = false;
  sure_ = true;
  if (!expected_.empty()) {
    expected_.pop();
  } else {
    lines(Side::Request).answered = lines(Side::Request).begun;
  }
}

void MemcachedParser::lose(Side side, std::uint64_t offset, ParseOutput& out) {
  emit(Message::Kind::Lost, side, offset, out);
  const bool response = side == Side::Response;
  lost_[response] = true;
  probe_[response] = false;
  lines(side).state = Lines::State::Begin;
  lines(side).begun = false;
  if (response) {
    begun_ = false;
    may_probe_ = false;
  } else {
    lost_requests_ = true;
  }
}

void MemcachedParser::admit_mistake(Side side, std::uint64_t offset, ParseOutput& out) {
  emit(Message::Kind::Mistaken, side, offset, out);
  over_ = true;
}

Message& MemcachedParser::emit(Message::Kind kind,
                               Side side,
                               std::uint64_t offset,
                               ParseOutput& out) {
  Message& message = out.messages.emplace_back();
  message.kind = kind;
  message.side = side;
  message.offset = offset;
  return message;
}

}  // namespace memcached

namespace {

std::unique_ptr<Parser> make_memcached() {
  return std::make_unique<memcached::MemcachedParser>();
}

}  // namespace

const ParserSpec kMemcached{.name = "memcached",
                            .family = ProtocolFamily::Database,
                            .detect = detect_memcached,
                            .make = make_memcached};

}  // namespace tailwhy
