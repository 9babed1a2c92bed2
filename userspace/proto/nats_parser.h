// The parser of one connection that speaks NATS: the class behind the row in nats.h, for the files
// that implement it. nats_lines.cpp reads lines and payloads, nats.cpp knows who is answered, and
// where the place is lost and found.
#pragma once

#include "base/inline_text.h"
#include "proto/byte_cursor.h"
#include "proto/nats_words.h"
#include "proto/parser.h"

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>

namespace tailwhy::nats {

// One side of the connection.
struct Lines {
  enum class State : std::uint8_t {
    Begin,  // of a line
    Name,
    Words,
    Connect,  // its JSON
    Error,    // its text
    Rest,     // of a line that nobody reads
    Lf,       // after its CR
    Payload,  // and its CRLF
  };

  State state = State::Begin;
  bool begun = false;  // a request is being read
  bool in_word = false;
  bool number = false;       // the word is one, so far
  bool settled = false;      // CONNECT has said whether its client is verbose
  bool verbose = true;       // and what
  std::uint8_t matched = 0;  // of the key that says so
  std::uint32_t words = 0;
  std::uint64_t begin = 0;  // of the line
  std::uint64_t value = 0;  // of the last word, if it is a number
  std::uint64_t left = 0;   // of the payload and its CRLF
  InlineText<8> name;
  InlineText<64> error;
  const Operation* operation = nullptr;
};

class NatsParser final : public Parser {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override;
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> tail,
            ParseOutput& out) override;
  void finish(Side side, std::uint64_t offset, ParseOutput& out) override;
  void turn(Side side, std::uint64_t offset, ParseOutput& out) override;
  void start_unsynchronised(Side side) override;

 private:
  // What a request that has not been answered waits for.
  enum class Wait : std::uint8_t {
    Ok,
    Pong,
    Error,  // or for nothing
  };
  enum class Verbose : std::uint8_t { Unknown, No, Yes };

  // nats.cpp
  static std::size_t index(Side side) { return side == Side::Response; }
  Lines& lines(Side side) { return lines_[index(side)]; }
  bool find_place(ByteCursor& in);
  void expect(Wait wait, ParseOutput& out);
  void pop_expected();
  void clear_expected();
  [[nodiscard]] std::uint64_t answers_end() const;
  void doubt_answers(std::uint64_t offset, ParseOutput& out);
  void no_answer(std::uint64_t offset, ParseOutput& out);
  void forget_errors(std::uint64_t offset, ParseOutput& out);
  void begin_answer(std::uint64_t offset, const ResponseHead& head, ParseOutput& out);
  void end_answer(std::uint64_t offset, ParseOutput& out);
  void lose(Side side, std::uint64_t offset, ParseOutput& out);
  void on_ok(ByteCursor& in);
  void on_pong(ByteCursor& in);
  void on_error(ByteCursor& in);

  // nats_lines.cpp
  void read(ByteCursor& in);
  void begin_line(ByteCursor& in);
  void read_name(ByteCursor& in);
  [[nodiscard]] bool takes_any_name(Side side) const;
  void end_name(ByteCursor& in);
  void read_words(ByteCursor& in);
  void read_connect(ByteCursor& in);
  void read_error(ByteCursor& in);
  void read_rest(ByteCursor& in);
  bool take_line_end(ByteCursor& in);
  void end_line(ByteCursor& in);
  void end_request_line(ByteCursor& in);
  void read_payload(ByteCursor& in);
  void end_request(ByteCursor& in);
  void skip_bytes(ByteCursor& in, std::uint64_t size);
  void fail(ByteCursor& in);

  std::array<Lines, 2> lines_{};
  std::deque<Wait> expected_;  // oldest first
  std::size_t pings_ = 0;      // of them
  Wait wait_ = Wait::Error;    // of the request being read
  bool one_way_ = false;       // that request is
  Verbose verbose_ = Verbose::Yes;
  std::array<bool, 2> lost_{};
  std::array<bool, 2> read_{};  // a line was: both are, and this is NATS
  std::array<bool, 2> done_{};
  bool doubtful_ = false;   // answers may be to requests that nobody saw
  bool begun_ = false;      // an answer has, whose +OK follows
  bool over_ = false;       // it was a mistake
  std::uint64_t seen_ = 0;  // end of what came of answers
};

}  // namespace tailwhy::nats
