// Redis: what servers answer, and what they say without having been asked. Of a reply its type and
// the first word of an error are looked at; nesting is a stack of counters.
#include "proto/redis_detect.h"
#include "proto/redis_parser.h"

#include <algorithm>

namespace tailwhy::redis {
namespace {

using State = Answering::State;
using Role = Answering::Role;
using How = Expected::How;

constexpr std::uint64_t kMostValues = std::uint64_t{1} << 32U;
constexpr std::string_view kPublished[] = {"message", "pmessage", "smessage"};
constexpr std::string_view kConfirmed[] = {"subscribe",   "psubscribe",   "ssubscribe",
                                           "unsubscribe", "punsubscribe", "sunsubscribe"};

template <class List>
bool has(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

std::size_t known_prefix(std::string_view text) {
  std::size_t longest = 0;
  const auto compare = [&](std::string_view word) {
    const auto end = std::mismatch(word.begin(), word.end(), text.begin(), text.end()).first;
    longest = std::max(longest, static_cast<std::size_t>(end - word.begin()));
  };
  for (const std::string_view word : kPublished)
    compare(word);
  for (const std::string_view word : kConfirmed)
    compare(word);
  return longest;
}

bool in_status_word(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_error(char type) {
  return type == '-' || type == '!';
}

}  // namespace

void RedisParser::read_replies(ByteCursor& in) {
  if (answer_.probe && !in.empty()) {
    answer_.probe = false;
    if (redis_reply_begins(in.rest())) answer_.state = State::Type;
  }
  while (!in.empty() && !over_) {
    switch (answer_.state) {
      case State::Type:
        begin_value(in);
        break;
      case State::Line:
        read_line(in);
        break;
      case State::LineLf:
      case State::Lf:
        if (in.peek() != '\n') {
          lose_replies(in, true);
          break;
        }
        in.keep(1);
        end_value(in);
        break;
      case State::Length:
        read_reply_length(in);
        break;
      case State::Count:
        read_reply_count(in);
        break;
      case State::Bulk:
        read_bulk(in);
        break;
      case State::Cr:
        if (in.peek() != '\r') {
          lose_replies(in, true);
          break;
        }
        in.keep(1);
        answer_.state = State::Lf;
        break;
      case State::Gap:
      case State::Lost:
      case State::Done:
        in.hide(in.rest().size());
        break;
    }
  }
  if (over_) in.hide(in.rest().size());
  answer_.end = in.position();
}

void RedisParser::begin_value(ByteCursor& in) {
  const char type = in.peek();
  if (answer_.depth == 0) {
    if (type == '\n') return in.keep(1);  // a master shows that it lives
    answer_.begin = in.position();
    answer_.top = type;
    answer_.role = Role::Open;
    answer_.confirms = answer_.confirms_shard = false;
  }
  switch (type) {
    case '+':
    case '-':
    case ':':
    case '_':
    case '#':
    case ',':
    case '(':
      answer_.state = State::Line;
      answer_.first_in_line = true;
      break;
    case '$':
    case '=':
    case '!':
      answer_.state = State::Length;
      break;
    case '*':
    case '~':
    case '%':
    case '>':
    case '|':
      answer_.state = State::Count;
      break;
    default:
      return lose_replies(in, true);
  }
  in.keep(1);
  answer_.type = type;
  answer_.length.reset();
  answer_.word.clear();
  answer_.status_bad = false;
  answer_.in_status = answer_.depth == 0 && is_error(type);
  if (answer_.depth == 0) begin_top(in);
  if (type != '$' && at_kind()) end_kind(in);
}

// Who is meant by the value that begins: often its type tells.
void RedisParser::begin_top(ByteCursor& in) {
  const bool may_confirm = expected_.how() == How::Confirmations;
  switch (answer_.top) {
    case '|':  // attributes of the reply that follows
      answer_.role = Role::Pushed;
      return;
    case '>':
      if (!may_confirm) answer_.role = Role::Pushed;
      return;
    case '*':
      if (may_confirm || answer_.subscribed || answer_.shards || expected_.empty()) return;
      break;
    case '+':
      if (answer_.monitors) return;
      break;
    default:
      break;
  }
  begin_answer(in);
}

void RedisParser::begin_answer(ByteCursor& in) {
  if (answer_.role != Role::Confirmation) answer_.role = Role::Answer;
  if (answer_.begun && answer_.role == Role::Answer) {
    // fewer confirmations came than were asked for
    end_answer(in, answer_.begin, EndRule::Framing);
  }
  if (!answer_.begun) {
    answer_.begun = true;
    in.emit(Message::Kind::ResponseBegin, answer_.begin);
    if (!is_error(answer_.top)) emit_answer_head(in, false);
  }
}

void RedisParser::emit_answer_head(ByteCursor& in, bool error) {
  ResponseHead& head = in.emit(Message::Kind::ResponseHead, in.position()).response;
  if (!error) return;
  head.verdict = ResponseHead::Verdict::ServerError;
  const bool known = !answer_.status_bad && !answer_.word.empty() && !answer_.word.truncated();
  head.status_text.assign(known ? answer_.word.view() : "ERR");
}

// A simple value up to its CR. What it says is nobody's business but the first word of an error.
void RedisParser::read_line(ByteCursor& in) {
  const std::string_view rest = in.rest();
  std::string_view piece = rest.substr(0, rest.find('\r'));
  if (answer_.first_in_line) {
    answer_.first_in_line = false;
    const bool digit = !piece.empty() && piece.front() >= '0' && piece.front() <= '9';
    if (answer_.role == Role::Open) {  // what MONITOR shows begins with a time
      answer_.role = digit ? Role::Pushed : Role::Open;
      if (digit) in.keep(1);
      if (!digit) begin_answer(in);
      if (digit) piece.remove_prefix(1);
    } else if (answer_.confirms && answer_.type == ':' && answer_.depth == 1 &&
               answer_.values[0] == 1 && !piece.empty()) {  // how many there are now
      (answer_.confirms_shard ? answer_.shards : answer_.subscribed) = piece.front() != '0';
      in.keep(1);
      piece.remove_prefix(1);
    }
  }
  if (answer_.in_status) {
    read_status(in, piece);
  } else {
    in.hide(piece.size());
  }
  if (in.empty()) return;
  in.keep(1);
  if (answer_.in_status) end_status(in);
  answer_.state = State::LineLf;
}

// Of an error, up to the end of its first word.
void RedisParser::read_status(ByteCursor& in, std::string_view piece) {
  std::size_t size = 0;
  while (size < piece.size() && !answer_.status_bad && in_status_word(piece[size])) {
    answer_.word.append(piece.substr(size, 1));
    if (answer_.word.truncated()) break;
    ++size;
  }
  in.keep(size);
  piece.remove_prefix(size);
  if (piece.empty()) return;
  if (piece.front() == ' ' && !answer_.status_bad) {
    in.keep(1);
    piece.remove_prefix(1);
  } else {
    answer_.status_bad = true;
  }
  end_status(in);
  in.hide(piece.size());
}

void RedisParser::end_status(ByteCursor& in) {
  answer_.in_status = false;
  emit_answer_head(in, true);
}

void RedisParser::read_reply_length(ByteCursor& in) {
  const Length::Step step = answer_.length.step(in.peek());
  if (step == Length::Step::Bad) return lose_replies(in, true);
  in.keep(1);
  if (step == Length::Step::More) return;
  if (answer_.length.negative()) {
    if (answer_.in_status) end_status(in);
    if (at_kind()) end_kind(in);
    return end_value(in);
  }
  answer_.left = answer_.length.value();
  if (answer_.depth == 0 && expected_.how() == How::Replication && answer_.top == '$') {
    end_answer(in, in.position(), EndRule::Upgrade);
    return tunnel(in);
  }
  answer_.state = answer_.left > 0 ? State::Bulk : State::Cr;
  if (answer_.left == 0 && answer_.in_status) end_status(in);
  if (answer_.left == 0 && at_kind()) end_kind(in);
}

void RedisParser::read_reply_count(ByteCursor& in) {
  const Length::Step step = answer_.length.step(in.peek());
  if (step == Length::Step::Bad) return lose_replies(in, true);
  in.keep(1);
  if (step == Length::Step::More) return;
  const bool pairs = answer_.type == '%' || answer_.type == '|';
  const bool attributes = answer_.type == '|' && answer_.depth > 0;
  if (answer_.length.value() > kMostValues) return lose_replies(in, true);
  std::uint64_t values = answer_.length.negative() ? 0 : answer_.length.value();
  if (pairs) values *= 2;
  if (attributes) ++values;  // and what they are of
  if (values == 0) {
    if (answer_.role == Role::Open) end_kind(in);
    return end_value(in);
  }
  if (answer_.depth == Answering::kDeepest) return lose_replies(in, false);
  answer_.values[answer_.depth++] = values;
  answer_.state = State::Type;
}

// The value being read may tell what the array is that it is the first element of.
bool RedisParser::at_kind() const {
  return answer_.role == Role::Open && answer_.depth == 1;
}

void RedisParser::read_bulk(ByteCursor& in) {
  const std::string_view piece = in.upto(answer_.left);
  answer_.left -= piece.size();
  if (answer_.in_status) {
    read_status(in, piece);
  } else if (at_kind()) {
    read_kind(in, piece);
  } else {
    in.hide(piece.size());
  }
  if (answer_.left > 0) return;
  if (answer_.in_status) end_status(in);
  if (at_kind()) end_kind(in);
  answer_.state = State::Cr;
}

void RedisParser::read_kind(ByteCursor& in, std::string_view piece) {
  const std::size_t before = answer_.word.size();
  answer_.word.append(piece);
  const std::size_t known = known_prefix(answer_.word.view());
  const std::size_t kept = std::min(known > before ? known - before : 0, piece.size());
  in.keep(kept);
  in.hide(piece.size() - kept);
}

// What is pushed says so in its first element, and so does what confirms a subscription.
void RedisParser::end_kind(ByteCursor& in) {
  const std::string_view kind = answer_.word.truncated() ? std::string_view{} : answer_.word.view();
  answer_.confirms = has(kConfirmed, kind);
  answer_.confirms_shard = kind == "ssubscribe" || kind == "sunsubscribe";
  if (answer_.confirms && expected_.how() == How::Confirmations) {
    answer_.role = Role::Confirmation;
  } else if (answer_.top == '>' || answer_.confirms || has(kPublished, kind)) {
    answer_.role = Role::Pushed;
    return;
  }
  begin_answer(in);
}

void RedisParser::end_value(ByteCursor& in) {
  answer_.state = State::Type;
  while (answer_.depth > 0) {
    if (--answer_.values[answer_.depth - 1] > 0) return;
    --answer_.depth;
  }
  end_top(in);
}

void RedisParser::end_top(ByteCursor& in) {
  if (answer_.role == Role::Confirmation) {
    if (expected_.confirm()) end_answer(in, in.position(), EndRule::Framing);
    return;
  }
  if (answer_.role != Role::Answer) return;
  const How how = expected_.how();
  end_answer(in, in.position(), EndRule::Framing);
  sure_ = true;
  if (how == How::Reset) answer_.monitors = answer_.subscribed = answer_.shards = false;
  if (is_error(answer_.top)) return;
  if (how == How::Stream) answer_.monitors = true;
  if (how == How::Replication) tunnel(in);
}

void RedisParser::end_answer(ByteCursor& in, std::uint64_t offset, EndRule rule) {
  in.emit(Message::Kind::ResponseEnd, offset).end_rule = rule;
  answer_.begun = false;
  answer_.depth = 0;
  if (!expected_.empty()) {
    expected_.pop();
  } else {
    ask_.answered = ask_.begun;
    ask_.answers = Asking::Answers::On;  // they were switched on by what was not seen
  }
}

void RedisParser::tunnel(ByteCursor& in) {
  in.emit(Message::Kind::Tunnel, in.position());
  over_ = true;
}

// Bytes of a string may be missing, and its CRLF.
bool RedisParser::skip_in_bulk(ByteCursor& in, std::uint64_t size) {
  if (answer_.state == State::Bulk && !at_kind()) {
    const std::uint64_t inside = std::min(answer_.left, size);
    answer_.left -= inside;
    size -= inside;
    in.advance(inside);
    if (answer_.in_status) {
      answer_.status_bad = true;
      end_status(in);
    }
    if (answer_.left == 0) answer_.state = State::Cr;
  }
  if (size > 0 && answer_.state == State::Cr) {
    in.advance(1);
    --size;
    answer_.state = State::Lf;
  }
  if (size > 0 && (answer_.state == State::Lf || answer_.state == State::LineLf)) {
    in.advance(1);
    --size;
    end_value(in);
  }
  const bool nothing_to_lose = answer_.state == State::Gap || answer_.state == State::Lost ||
                               answer_.state == State::Done || over_;
  return size == 0 || nothing_to_lose;
}

// No other reply can follow the one being read before its side's turn is over.
bool RedisParser::only_reply() const {
  return expected_.size() == 1 && expected_.how() == How::OneReply && !ask_.begun &&
         ask_.state == Asking::State::Idle;
}

void RedisParser::lose_replies(ByteCursor& in, bool malformed) {
  if (malformed && !sure_) return admit_mistake(in);
  if (!malformed && answer_.depth > 0 && answer_.role == Role::Answer && only_reply()) {
    answer_.state = State::Gap;
    return;
  }
  in.emit(Message::Kind::Lost, in.position());
  answer_.lose();
  if (malformed && !in.empty()) in.keep(1);  // a recording is to fail in the same place
}

}  // namespace tailwhy::redis
