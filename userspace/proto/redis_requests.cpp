// Redis: what clients ask. Of the arguments only the command, its subcommand and the few options
// that say whether an answer comes are looked at.
#include "proto/redis_detect.h"
#include "proto/redis_parser.h"

#include <algorithm>

namespace tailwhy::redis {
namespace {

using State = Asking::State;
using Part = Asking::Part;
using Kind = RedisCommand::Kind;

constexpr std::string_view kOther = "_OTHER";
constexpr std::uint64_t kMostArguments = 1U << 31U;

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool is(std::string_view word, std::string_view text) {
  return std::equal(word.begin(), word.end(), text.begin(), text.end(),
                    [](char a, char b) { return a == upper(b); });
}

std::size_t common(std::string_view word, std::string_view text) {
  std::size_t size = 0;
  while (size < word.size() && size < text.size() && word[size] == upper(text[size]))
    ++size;
  return size;
}

// Words that may stay in a recording, in arguments that are neither keys nor values.
std::size_t known_prefix(Part part, std::string_view text) {
  if (part == Part::ReplyMode) {
    return std::max({common("ON", text), common("OFF", text), common("SKIP", text)});
  }
  return std::max(common("BLOCK", text), common("STREAMS", text));
}

bool sets_replies(const Asking& ask) {
  return ask.subcommand != nullptr && ask.subcommand->name == "CLIENT REPLY";
}

}  // namespace

void RedisParser::read_requests(ByteCursor& in) {
  if (ask_.probe) probe_requests(in);
  while (!in.empty() && !over_) {
    switch (ask_.state) {
      case State::Idle:
        if (in.peek() == '\r' || in.peek() == '\n') {
          in.keep(1);  // an empty line asks nothing
        } else {
          begin_request(in);
        }
        break;
      case State::Count:
        read_count(in);
        break;
      case State::Dollar:
        if (in.peek() != '$') {
          lose_requests(in, true);
          break;
        }
        in.keep(1);
        ask_.length.reset();
        ask_.state = State::Length;
        break;
      case State::Length:
        read_length(in);
        break;
      case State::Argument:
        read_argument(in);
        break;
      case State::Cr:
        if (in.peek() != '\r') {
          lose_requests(in, true);
          break;
        }
        in.keep(1);
        ask_.state = State::Lf;
        break;
      case State::Lf:
        if (in.peek() != '\n') {
          lose_requests(in, true);
          break;
        }
        in.keep(1);
        ask_.state = State::Dollar;
        if (--ask_.arguments == 0) end_request(in);
        break;
      case State::Inline:
        read_inline(in);
        break;
      case State::Lost:
      case State::Done:
        in.hide(in.rest().size());
        break;
    }
  }
  if (over_) in.hide(in.rest().size());
}

// Is this turn the beginning of a request?
void RedisParser::probe_requests(ByteCursor& in) {
  if (in.empty()) return;
  ask_.probe = false;
  if (detect_redis(Side::Request, std::as_bytes(std::span(in.rest()))) != Confidence::Yes) return;
  ask_.state = State::Idle;
  if (!ask_.lost_requests) return;
  ask_.lost_requests = false;
  // Answers to requests that nobody saw come before those of this one.
  const bool reads =
      answer_.state != Answering::State::Lost && answer_.state != Answering::State::Done;
  if (!expected_.empty() && reads) {
    in.emit(Message::Kind::Lost, answer_.end).side = Side::Response;
    answer_.lose();
  }
}

void RedisParser::begin_request(ByteCursor& in) {
  if (expected_.full()) return lose_requests(in, false);
  in.emit(Message::Kind::RequestBegin, in.position());
  ask_.begun = true;
  ask_.headed = ask_.answered = ask_.blocks = ask_.one_way = false;
  ask_.command = ask_.subcommand = nullptr;
  ask_.asked_for.reset();
  ask_.total = ask_.arguments = 0;
  if (in.peek() == '*') {
    in.keep(1);
    ask_.length.reset();
    ask_.state = State::Count;
  } else {
    ask_.in_word = ask_.line_cr = false;
    ask_.state = State::Inline;
  }
}

void RedisParser::read_count(ByteCursor& in) {
  const Length::Step step = ask_.length.step(in.peek());
  if (step == Length::Step::Bad) return lose_requests(in, true);
  in.keep(1);
  if (step == Length::Step::More) return;
  const std::uint64_t count = ask_.length.value();
  if (ask_.length.negative() || count == 0) {  // servers go over it
    ask_.one_way = true;
    return end_request(in);
  }
  if (count > kMostArguments) return lose_requests(in, true);
  ask_.total = ask_.arguments = count;
  ask_.state = State::Dollar;
}

void RedisParser::read_length(ByteCursor& in) {
  const Length::Step step = ask_.length.step(in.peek());
  if (step == Length::Step::Bad) return lose_requests(in, true);
  in.keep(1);
  if (step == Length::Step::More) return;
  if (ask_.length.negative()) return lose_requests(in, true);
  ask_.left = ask_.length.value();
  ask_.part = part_of_next();
  ask_.word.clear();
  ask_.other = false;
  ask_.state = State::Argument;
  if (ask_.left == 0) end_argument(in);
}

// What the argument that begins is to us.
Part RedisParser::part_of_next() const {
  const std::uint64_t index = ask_.total - ask_.arguments;
  if (index == 0) return Part::Name;
  if (ask_.command == nullptr) return Part::Value;
  if (index == 1 && ask_.command->kind == Kind::Container) return Part::Subcommand;
  if (index == 2 && sets_replies(ask_)) return Part::ReplyMode;
  if (ask_.command->kind == Kind::Streams && !ask_.headed) return Part::Option;
  return Part::Value;
}

void RedisParser::read_argument(ByteCursor& in) {
  const std::string_view piece = in.upto(ask_.left);
  ask_.left -= piece.size();
  if (ask_.part == Part::Value || ask_.other) {
    in.hide(piece.size());
  } else {
    read_word(in, piece, ask_.left == 0);
  }
  if (ask_.left == 0) end_argument(in);
}

// Of a word that is none of ours a recording keeps as much as shows that.
void RedisParser::read_word(ByteCursor& in, std::string_view piece, bool whole) {
  const std::size_t before = ask_.word.size();
  const bool too_long = before + piece.size() + (whole ? 0 : 1) > kLongestRedisName;
  if (before == 0 && whole && ask_.part == Part::Name && find_redis_command(piece) != nullptr) {
    ask_.word.assign(piece);
    return in.keep(piece.size());
  }
  ask_.word.append(piece);
  const std::string_view word = ask_.word.view();
  std::size_t kept = 0;
  if (ask_.part == Part::Name || ask_.part == Part::Subcommand) {
    const bool name = ask_.part == Part::Name;
    kept = known_redis_prefix(name ? std::string_view{} : ask_.command->name, word) + 1;
  } else {
    kept = known_prefix(ask_.part, word);
  }
  kept = std::min(kept > before ? kept - before : 0, piece.size());
  in.keep(kept);
  in.hide(piece.size() - kept);
  if (too_long && before + piece.size() > kLongestRedisName) ask_.other = true;
}

void RedisParser::end_argument(ByteCursor& in) {
  ask_.state = State::Cr;
  const std::string_view word = ask_.other ? std::string_view{} : ask_.word.view();
  switch (ask_.part) {
    case Part::Value:
      return;
    case Part::Name: {
      ask_.command = find_redis_command(word);
      const bool later = ask_.command != nullptr && (ask_.command->kind == Kind::Container ||
                                                     ask_.command->kind == Kind::Streams);
      if (!later) emit_head(in);
      return;
    }
    case Part::Subcommand:
      ask_.subcommand = find_redis_subcommand(ask_.command->name, word);
      if (!sets_replies(ask_)) emit_head(in);
      return;
    case Part::Option:
      ask_.blocks = ask_.blocks || is("BLOCK", word);
      if (ask_.blocks || is("STREAMS", word)) emit_head(in);
      return;
    case Part::ReplyMode:
      if (is("ON", word)) ask_.asked_for = Asking::Answers::On;
      if (is("OFF", word)) ask_.asked_for = Asking::Answers::Off;
      if (is("SKIP", word)) ask_.asked_for = Asking::Answers::SkipNext;
      emit_head(in);
      return;
  }
}

// A line of words, as people type them. Options are not looked for in it.
void RedisParser::read_inline(ByteCursor& in) {
  const char c = in.peek();
  if (c == '\n') {
    if (ask_.in_word) end_inline_word(in);
    if (over_) return;
    in.keep(1);
    return end_request(in);
  }
  const bool blank = c == ' ' || c == '\t' || c == '\r';
  if (ask_.line_cr || (!blank && static_cast<unsigned char>(c) < ' ')) {
    return lose_requests(in, true);
  }
  if (blank) {
    if (ask_.in_word) end_inline_word(in);
    if (over_) return;
    ask_.line_cr = c == '\r';
    return in.keep(1);
  }
  if (!ask_.in_word) {
    ask_.in_word = true;
    const bool sub =
        ask_.arguments == 1 && ask_.command != nullptr && ask_.command->kind == Kind::Container;
    ask_.part = ask_.arguments == 0 ? Part::Name : sub ? Part::Subcommand : Part::Value;
    ask_.word.clear();
    ask_.other = false;
  }
  if (ask_.part == Part::Value || ask_.other) {
    in.hide(1);
  } else {
    read_word(in, in.upto(1), false);
  }
}

void RedisParser::end_inline_word(ByteCursor& in) {
  ask_.in_word = false;
  ++ask_.arguments;
  if (ask_.part == Part::Value) return;
  end_argument(in);
  ask_.state = State::Inline;
  if (ask_.part == Part::Name && ask_.command == nullptr && !sure_) admit_mistake(in);
}

void RedisParser::emit_head(ByteCursor& in) {
  using Answers = Asking::Answers;
  ask_.headed = true;
  if (ask_.asked_for.value_or(ask_.answers) != Answers::On) ask_.one_way = true;
  RequestHead& head = in.emit(Message::Kind::RequestHead, in.position()).request;
  head.method.assign(ask_.subcommand != nullptr ? ask_.subcommand->name
                     : ask_.command != nullptr  ? ask_.command->name
                                                : kOther);
  head.one_way = ask_.one_way;
  head.open_ended =
      ask_.blocks || (ask_.command != nullptr && ask_.command->kind == Kind::Blocking);
}

void RedisParser::end_request(ByteCursor& in) {
  if (!ask_.headed) emit_head(in);
  in.emit(Message::Kind::RequestEnd, in.position()).end_rule = EndRule::Framing;
  using Answers = Asking::Answers;
  const Answers now = ask_.answers;
  if (now == Answers::SkipNext && ask_.total + ask_.arguments > 0) ask_.answers = Answers::On;
  if (ask_.asked_for && (now != Answers::Off || ask_.asked_for == Answers::On)) {
    ask_.answers = *ask_.asked_for;
  }
  ask_.begun = false;
  ask_.state = State::Idle;
  if (!ask_.answered && !ask_.one_way) expect_answer();
}

void RedisParser::expect_answer() {
  using How = Expected::How;
  How how = How::OneReply;
  std::uint64_t confirmations = 0;
  const std::uint64_t words = std::max(ask_.total, ask_.arguments);  // an inline one has no total
  switch (ask_.command == nullptr ? Kind::Plain : ask_.command->kind) {
    case Kind::Subscribe:
    case Kind::Unsubscribe:
      how = How::Confirmations;
      confirmations = words > 1 ? words - 1 : 1;
      break;
    case Kind::Monitor:
      how = How::Stream;
      break;
    case Kind::Sync:
      how = How::Replication;
      break;
    case Kind::Reset:
      how = How::Reset;
      break;
    default:
      break;
  }
  expected_.push(how, confirmations);
}

// Bytes of an argument that does not matter may be missing, and its CRLF.
bool RedisParser::skip_in_argument(ByteCursor& in, std::uint64_t size) {
  if (ask_.state == State::Lost || ask_.state == State::Done) return true;
  if (ask_.state == State::Argument) {
    const bool matters = ask_.part != Part::Value && ask_.part != Part::Option;
    if (matters || size > ask_.left + 2) return false;
    ask_.other = true;
    const std::uint64_t inside = std::min(ask_.left, size);
    ask_.left -= inside;
    size -= inside;
    in.advance(inside);
    if (ask_.left == 0) end_argument(in);
  }
  if (size > 0 && ask_.state == State::Cr) {
    in.advance(1);
    --size;
    ask_.state = State::Lf;
  }
  if (size > 0 && ask_.state == State::Lf) {
    in.advance(1);
    --size;
    ask_.state = State::Dollar;
    if (--ask_.arguments == 0) end_request(in);
  }
  return size == 0;
}

// Says what is known of the request being read, and that its end is not. A malformed one is still
// one (servers answer it); of a command that was not captured nothing is guessed.
void RedisParser::lose_requests(ByteCursor& in, bool malformed) {
  if (malformed && !sure_) return admit_mistake(in);
  if (ask_.begun) {
    if (!ask_.headed && (malformed || ask_.command != nullptr)) emit_head(in);
    if (!ask_.answered && !ask_.one_way) expected_.push(Expected::How::OneReply, 0);
  }
  in.emit(Message::Kind::Lost, in.position());
  ask_.begun = false;
  ask_.lost_requests = true;
  ask_.state = State::Lost;
  if (malformed && !in.empty()) in.keep(1);  // a recording is to fail in the same place
}

}  // namespace tailwhy::redis
