// The bytes of NATS: lines of words, some of which are followed by a payload. Of the words only the
// first, the sizes of payloads, what CONNECT says of "verbose" and the texts of errors are looked
// at.
#include "proto/nats_parser.h"

#include <algorithm>

namespace tailwhy::nats {
namespace {

using Kind = Message::Kind;
using State = Lines::State;
using What = Operation::What;

constexpr std::string_view kVerbose = "\"verbose\":";
constexpr std::string_view kServer = "{\"server_id\"";  // by which an INFO is told from others
constexpr std::uint64_t kMostPayload = 1U << 30U;
constexpr std::uint64_t kMostLine = 1U << 20U;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool ends_line(char c) {
  return c == '\r' || c == '\n';
}

// How much of `text` comes before a blank or the end of its line.
std::size_t word_size(std::string_view text) {
  return std::min(text.find_first_of(" \t\r\n"), text.size());
}

// As much of its line as may be read.
std::string_view rest_of(const Lines& h, const ByteCursor& in) {
  return in.upto(h.begin + kMostLine - in.position());
}

// Nothing says that another word follows.
bool may_be_last(std::string_view rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  return rest.empty() || ends_line(rest.front());
}

}  // namespace

void NatsParser::read(ByteCursor& in) {
  Lines& h = lines(in.side());
  while (!in.empty() && !over_ && !lost_[index(in.side())]) {
    if (h.state != State::Begin && h.state != State::Payload &&
        in.position() - h.begin >= kMostLine) {
      return fail(in);
    }
    switch (h.state) {
      case State::Begin:
        begin_line(in);
        break;
      case State::Name:
        read_name(in);
        break;
      case State::Words:
        read_words(in);
        break;
      case State::Connect:
        read_connect(in);
        break;
      case State::Error:
        read_error(in);
        break;
      case State::Rest:
        read_rest(in);
        break;
      case State::Lf:
        if (in.peek() != '\n') {
          fail(in);
          break;
        }
        in.keep(1);
        end_line(in);
        break;
      case State::Payload:
        read_payload(in);
        break;
    }
  }
}

void NatsParser::begin_line(ByteCursor& in) {
  Lines& h = lines(in.side());
  h = {};
  h.begin = in.position();
  h.state = State::Name;
}

// A recording keeps as much of a word as is looked at.
void NatsParser::read_name(ByteCursor& in) {
  Lines& h = lines(in.side());
  const std::string_view rest = rest_of(h, in);
  const std::string_view piece = rest.substr(0, word_size(rest));
  const std::size_t before = h.name.size();
  h.name.append(piece);
  const std::size_t known = known_operation_prefix(h.name.view());
  const std::size_t kept = std::min(known > before ? known - before : 0, piece.size());
  in.keep(kept);
  if (kept < piece.size() && !takes_any_name(in.side())) return fail(in);
  in.hide(piece.size() - kept);
  if (piece.size() < rest.size()) end_name(in);
}

// Where it is certain that this is NATS, a client may say what it wants.
bool NatsParser::takes_any_name(Side side) const {
  return side == Side::Request && read_[0] && read_[1];
}

void NatsParser::end_name(ByteCursor& in) {
  Lines& h = lines(in.side());
  h.operation = h.name.truncated() ? nullptr : find_operation(h.name.view());
  if (h.operation == nullptr && !takes_any_name(in.side())) return fail(in);
  const bool asks = h.operation == nullptr || h.operation->who != Operation::Who::Server;
  if (in.side() == Side::Request && asks) {
    in.emit(Kind::RequestBegin, h.begin);
    h.begun = true;
  }
  const What what = h.operation == nullptr ? What::Info : h.operation->what;
  h.state = what == What::Connect                         ? State::Connect
            : what == What::Error                         ? State::Error
            : what == What::Line || what == What::Payload ? State::Words
                                                          : State::Rest;
}

// True: the line ends here.
bool NatsParser::take_line_end(ByteCursor& in) {
  const char c = in.peek();
  if (!ends_line(c)) return false;
  in.keep(1);
  if (c == '\r') {
    lines(in.side()).state = State::Lf;
  } else {
    end_line(in);
  }
  return true;
}

void NatsParser::read_words(ByteCursor& in) {
  Lines& h = lines(in.side());
  if (take_line_end(in)) return;
  if (is_blank(in.peek())) {
    h.in_word = false;
    return in.keep(1);
  }
  if (!h.in_word) {
    h.in_word = true;
    h.number = true;
    h.value = 0;
    ++h.words;
  }
  const std::string_view rest = rest_of(h, in);
  const std::string_view piece = rest.substr(0, word_size(rest));
  // The first is a subject, which may be a number, and so may others be that are not the last.
  const bool size = h.operation->what == What::Payload && h.words >= h.operation->least &&
                    may_be_last(rest.substr(piece.size()));
  std::size_t digits = 0;
  while (size && h.number && digits < piece.size() && is_digit(piece[digits])) {
    h.value = h.value * 10 + static_cast<unsigned>(piece[digits++] - '0');
    h.number = h.value <= kMostPayload;
  }
  if (digits < piece.size()) h.number = false;
  in.keep(digits);
  in.hide(piece.size() - digits);
}

// In JSON no text can hold this key with its quotes.
void NatsParser::read_connect(ByteCursor& in) {
  Lines& h = lines(in.side());
  if (take_line_end(in)) return;
  const char c = in.peek();
  if (h.words == 0) {
    if (!is_blank(c)) ++h.words;
    if (is_blank(c) || c == '{') return in.keep(1);
  }
  if (h.matched == kVerbose.size()) {
    if (c == 't' || c == 'f') {
      h.settled = true;
      h.verbose = c == 't';
    }
    if (c != ' ') h.matched = 0;
    const bool read = c == 't' || c == 'f' || c == ' ';
    return read ? in.keep(1) : in.hide(1);
  }
  if (c == kVerbose[h.matched]) {
    ++h.matched;
    return in.keep(1);
  }
  if (c == ' ' && h.matched + 1 == kVerbose.size()) return in.keep(1);
  h.matched = c == '"' ? 1 : 0;
  return h.matched == 1 ? in.keep(1) : in.hide(1);
}

void NatsParser::read_error(ByteCursor& in) {
  Lines& h = lines(in.side());
  if (take_line_end(in)) return;
  if (h.error.empty() && (is_blank(in.peek()) || in.peek() == '\'')) return in.keep(1);
  const std::string_view rest = rest_of(h, in);
  const std::string_view piece = rest.substr(0, rest.find_first_of("\r\n"));
  const std::size_t before = h.error.size();
  h.error.append(piece);
  const std::size_t known = known_error_prefix(h.error.view());
  const std::size_t kept = std::min(known > before ? known - before : 0, piece.size());
  in.keep(kept);
  in.hide(piece.size() - kept);
}

void NatsParser::read_rest(ByteCursor& in) {
  Lines& h = lines(in.side());
  if (take_line_end(in)) return;
  const char c = in.peek();
  if (h.matched == 0 && is_blank(c)) return in.keep(1);
  if (h.operation != nullptr && h.matched < kServer.size() && c == kServer[h.matched]) {
    ++h.matched;
    return in.keep(1);
  }
  h.matched = kServer.size();
  const std::string_view rest = rest_of(h, in);
  in.hide(std::min(rest.find_first_of("\r\n"), rest.size()));
}

void NatsParser::end_line(ByteCursor& in) {
  Lines& h = lines(in.side());
  h.state = State::Begin;
  const What what = h.operation == nullptr ? What::Info : h.operation->what;
  if (what == What::Payload) {
    const bool fits = h.words >= h.operation->least && h.words <= h.operation->most;
    if (!fits || !h.number) return fail(in);
    h.left = h.value + 2;
    h.state = State::Payload;
  }
  if (in.side() == Side::Request) return end_request_line(in);
  read_[1] = true;
  if (what == What::Ok) on_ok(in);
  if (what == What::Pong) on_pong(in);
  if (what == What::Error) on_error(in);
  if (what == What::Payload) forget_errors(h.begin, in.out);
}

void NatsParser::end_request_line(ByteCursor& in) {
  Lines& h = lines(Side::Request);
  read_[0] = true;
  if (!h.begun) return;
  const bool connects = h.operation != nullptr && h.operation->what == What::Connect;
  if (connects && h.settled) verbose_ = h.verbose ? Verbose::Yes : Verbose::No;
  RequestHead& head = in.emit(Kind::RequestHead, in.position()).request;
  head.method.assign(h.operation == nullptr ? "_OTHER" : h.operation->name);
  const bool pings = h.operation != nullptr && h.operation->what == What::Ping;
  wait_ = pings                      ? Wait::Pong
          : h.operation == nullptr   ? Wait::Error
          : verbose_ == Verbose::Yes ? Wait::Ok
                                     : Wait::Error;
  head.one_way = wait_ == Wait::Error && h.operation != nullptr && !connects;
  one_way_ = head.one_way;
  if (h.state == State::Begin) end_request(in);
}

void NatsParser::end_request(ByteCursor& in) {
  in.emit(Kind::RequestEnd, in.position()).end_rule = EndRule::Framing;
  lines(Side::Request).begun = false;
  if (!one_way_) expect(wait_, in.out);
}

void NatsParser::read_payload(ByteCursor& in) {
  Lines& h = lines(in.side());
  if (h.left > 2) {
    const std::string_view piece = in.upto(h.left - 2);
    in.hide(piece.size());
    h.left -= piece.size();
    return;
  }
  if (in.peek() != (h.left == 2 ? '\r' : '\n')) return fail(in);
  in.keep(1);
  if (--h.left > 0) return;
  h.state = State::Begin;
  if (h.begun) end_request(in);
}

// Bytes of a payload may be missing, and its CRLF.
void NatsParser::skip_bytes(ByteCursor& in, std::uint64_t size) {
  Lines& h = lines(in.side());
  if (h.state == State::Payload) {
    const std::uint64_t inside = std::min(h.left, size);
    h.left -= inside;
    size -= inside;
    in.advance(inside);
    if (h.left == 0) {
      h.state = State::Begin;
      if (h.begun) end_request(in);
    }
  }
  if (size == 0) return;
  // Nobody knows whether it is answered.
  if (h.begun && !(h.state == State::Payload && one_way_)) expect(Wait::Error, in.out);
  lose(in.side(), in.position(), in.out);
}

// The byte that comes is impossible, and so it is in a recording, where it is an 'x'.
void NatsParser::fail(ByteCursor& in) {
  Lines& h = lines(in.side());
  if (!read_[0] || !read_[1]) {
    in.emit(Kind::Mistaken, in.position());
    over_ = true;
  } else {
    if (h.begun) {
      const bool told = h.state == State::Payload;
      if (!told) {
        in.emit(Kind::RequestHead, in.position())
            .request.method.assign(h.operation == nullptr ? "_OTHER" : h.operation->name);
      }
      if (!told || !one_way_) expect(Wait::Error, in.out);
    }
    lose(in.side(), in.position(), in.out);
  }
}

}  // namespace tailwhy::nats
