// memcached's text protocol, meta commands included: lines of words, some of which are followed by
// data. Of the words only the first, sizes, "noreply" and the flag "q" are looked at.
#include "proto/memcached_detect.h"
#include "proto/memcached_parser.h"

#include <algorithm>

namespace tailwhy::memcached {
namespace {

using State = Lines::State;
using Kind = Message::Kind;

constexpr std::string_view kNoReply = "noreply";
constexpr Word kNumber{};  // what incr and decr answer
constexpr Word kOther{.verdict = ResponseHead::Verdict::Unknown};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
// A number is a value, so a recording has it masked.
bool begins_number(std::string_view text) {
  return is_digit(text.front()) || text.front() == 'x';
}

std::size_t common(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

// The word of the line that is the size of its data; 0: there is none.
std::uint32_t size_word(Side side, const Lines& h) {
  if (side == Side::Request) return h.command == nullptr ? 0 : h.command->size;
  if (h.first == nullptr) return 0;
  return h.first->what == Word::What::Value ? 3 : h.first->what == Word::What::Only ? 1 : 0;
}

}  // namespace

void MemcachedParser::read_text(ByteCursor& in) {
  Lines& h = lines(in.side());
  while (!in.empty() && !over_ && !lost_[in.side() == Side::Response]) {
    switch (h.state) {
      case State::Begin:
        begin_line(in);
        break;
      case State::Line:
        read_line(in);
        break;
      case State::Lf:
        if (in.peek() != '\n') {
          fail(in);
          break;
        }
        in.keep(1);
        in.side() == Side::Request ? end_request_line(in) : end_answer_line(in);
        break;
      case State::Data:
        read_data(in);
        break;
      case State::Gap:
        read_gap(in);
        break;
    }
  }
  in.hide(in.rest().size());
}

void MemcachedParser::begin_line(ByteCursor& in) {
  Lines& h = lines(in.side());
  h.begin = in.position();
  h.word = 0;
  h.in_word = h.quiet = h.noreply = false;
  h.size.reset();
  h.command = nullptr;
  h.first = nullptr;
  if (in.side() == Side::Request) {
    if (expected_.full()) return lose(in.side(), in.position(), in.out);
    in.emit(Kind::RequestBegin, in.position());
    h.begun = true;
    h.answered = false;
  }
  h.state = State::Line;
}

void MemcachedParser::read_line(ByteCursor& in) {
  Lines& h = lines(in.side());
  const char c = in.peek();
  if (c == ' ' || c == '\r' || c == '\n') {
    if (h.in_word) end_word(in);
    if (over_) return;
    in.keep(1);
    if (c == '\r') h.state = State::Lf;
    if (c == '\n') in.side() == Side::Request ? end_request_line(in) : end_answer_line(in);
    return;
  }
  if (static_cast<unsigned char>(c) < ' ') return fail(in);
  if (!h.in_word) {
    h.in_word = true;
    h.text.clear();
  }
  std::string_view piece = in.rest();
  const auto end = std::find_if(piece.begin(), piece.end(),
                                [](char each) { return static_cast<unsigned char>(each) <= ' '; });
  read_word(in, piece.substr(0, static_cast<std::size_t>(end - piece.begin())));
}

// A recording keeps as much of a word as is looked at.
void MemcachedParser::read_word(ByteCursor& in, std::string_view piece) {
  Lines& h = lines(in.side());
  const bool request = in.side() == Side::Request;
  const std::size_t before = h.text.size();
  h.text.append(piece);
  const std::string_view text = h.text.view();
  std::size_t kept = 0;
  if (h.word == 0) {
    kept = request ? known_command_prefix(text) : known_word_prefix(text);
    if (!request && !begins_number(text)) kept = std::max<std::size_t>(kept, 1);
  } else if (h.word == size_word(in.side(), h)) {
    kept = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) -
                                    text.begin());
  } else if (request && h.command != nullptr) {
    const Command& command = *h.command;
    if (command.noreply != 0 && h.word >= command.noreply) kept = common(kNoReply, text);
    if (command.flags != 0 && h.word >= command.flags) kept = common("q", text);
  }
  kept = std::min(kept > before ? kept - before : 0, piece.size());
  in.keep(kept);
  in.hide(piece.size() - kept);
}

void MemcachedParser::end_word(ByteCursor& in) {
  Lines& h = lines(in.side());
  const std::string_view text = h.text.truncated() ? std::string_view{} : h.text.view();
  const std::uint32_t index = h.word++;
  h.in_word = false;
  if (index == 0) {
    if (in.side() == Side::Request) {
      h.command = find_command(text);
      if (h.command == nullptr && !sure_) fail(in);
      return;
    }
    h.first = h.text.view().starts_with("key=") ? find_word("key=") : find_word(text);
    if (h.first == nullptr) h.first = begins_number(h.text.view()) ? &kNumber : &kOther;
    if (h.first == &kOther && !sure_) fail(in);
    return;
  }
  if (index == size_word(in.side(), h)) {
    const bool number = !text.empty() && text.size() <= Lines::kMostDigits &&
                        std::all_of(text.begin(), text.end(), is_digit);
    if (!number) return;
    std::uint64_t size = 0;
    for (const char c : text)
      size = size * 10 + static_cast<unsigned>(c - '0');
    h.size = size;
    return;
  }
  if (h.command == nullptr) return;
  const Command& command = *h.command;
  h.noreply = command.noreply != 0 && index >= command.noreply && text == kNoReply;
  if (command.flags != 0 && index >= command.flags && text == "q") h.quiet = true;
}

void MemcachedParser::end_request_line(ByteCursor& in) {
  Lines& h = lines(Side::Request);
  RequestHead& head = in.emit(Kind::RequestHead, in.position()).request;
  head.method.assign(h.command == nullptr ? "_OTHER" : h.command->name);
  head.one_way = h.noreply || (h.command != nullptr && h.command->answer == Answer::None);
  one_way_ = head.one_way;
  if (h.size) {
    h.left = *h.size + 2;
    h.state = State::Data;
  } else {
    end_text_request(in);
  }
}

void MemcachedParser::end_text_request(ByteCursor& in) {
  Lines& h = lines(Side::Request);
  in.emit(Kind::RequestEnd, in.position()).end_rule = EndRule::Framing;
  h.begun = false;
  h.state = State::Begin;
  if (one_way_ || h.answered) return;
  expect({.answer = h.command == nullptr ? Answer::Line : h.command->answer, .quiet = h.quiet},
         in.position(), in.out);
}

// The answer may be to a later request than the oldest: those before it got none.
void MemcachedParser::tell_answer(ByteCursor& in) {
  const Lines& h = lines(Side::Response);
  if (begun_) return;
  const Word& word = *h.first;
  while (!expected_.empty() && expected_.front().quiet &&
         !answers_quiet(expected_.front().answer, word)) {
    no_answer(h.begin, in.out);
  }
  // Nothing else says this: an end to any doubt about who was answered before.
  if (word.text == "MN" && expected_.has(Answer::MetaNoop)) {
    while (expected_.front().answer != Answer::MetaNoop)
      no_answer(h.begin, in.out);
  }
  ResponseHead head;
  head.verdict = word.verdict;
  head.status_text.assign(word.status);
  const bool values = !expected_.empty() && expected_.front().answer == Answer::Values;
  if (values && word.text == "END") head.status_text.assign("NOT_FOUND");
  begin_answer(h.begin, head, in.out);
}

void MemcachedParser::end_answer_line(ByteCursor& in) {
  Lines& h = lines(Side::Response);
  h.state = State::Begin;
  if (h.word == 0) return fail(in);
  tell_answer(in);
  const Word::What what = h.first->what;
  if (what == Word::What::More) return;
  if (what == Word::What::Value || what == Word::What::Only) {
    if (!h.size) return fail(in);
    h.last = what == Word::What::Only;
    h.left = *h.size + 2;
    h.state = State::Data;
    return;
  }
  const bool watch = !expected_.empty() && expected_.front().answer == Answer::Watch;
  const bool fails = h.first->verdict != ResponseHead::Verdict::Ok;
  end_answer(in.position(), EndRule::Framing, in.out);
  if (!watch || fails) return;
  in.emit(Kind::Tunnel, in.position());
  over_ = true;
}

void MemcachedParser::read_data(ByteCursor& in) {
  Lines& h = lines(in.side());
  if (h.left > 2) {
    const std::string_view piece = in.upto(h.left - 2);
    in.hide(piece.size());
    h.left -= piece.size();
    return;
  }
  if (in.peek() != (h.left == 2 ? '\r' : '\n')) return fail(in);
  in.keep(1);
  if (--h.left == 0) end_data(in);
}

void MemcachedParser::end_data(ByteCursor& in) {
  Lines& h = lines(in.side());
  h.state = State::Begin;
  if (in.side() == Side::Request) {
    end_text_request(in);
  } else if (h.last) {
    end_answer(in.position(), EndRule::Framing, in.out);
  }
}

// Bytes of data may be missing, and its CRLF.
void MemcachedParser::skip_text(ByteCursor& in, std::uint64_t size) {
  Lines& h = lines(in.side());
  if (h.state == State::Data) {
    const std::uint64_t inside = std::min(h.left, size);
    h.left -= inside;
    size -= inside;
    in.advance(inside);
    if (h.left == 0) end_data(in);
  }
  if (size == 0) return;
  if (in.side() == Side::Response) {
    if (begun_ && only_answer()) {
      h.state = State::Gap;
      return;
    }
  } else if (h.begun && !h.answered && !(h.state == State::Data && one_way_)) {
    expected_.push({});
  }
  lose(in.side(), in.position(), in.out);
}

// The byte that comes is impossible. It stays in a recording, for that to fail in the same place.
void MemcachedParser::fail(ByteCursor& in) {
  Lines& h = lines(in.side());
  if (!sure_) {
    admit_mistake(in.side(), in.position(), in.out);
  } else {
    if (in.side() == Side::Request && h.begun) {
      if (h.state != State::Data) {
        in.emit(Kind::RequestHead, in.position()).request.method.assign("_OTHER");
      }
      if (!h.answered) expected_.push({});
    }
    lose(in.side(), in.position(), in.out);
  }
  if (!in.empty()) in.keep(1);
}

}  // namespace tailwhy::memcached
