// The parser of one connection that speaks memcached's protocols: the class behind the row in
// memcached.h, for the files that implement it. memcached_text.cpp reads lines and their data,
// memcached_binary.cpp frames, memcached.cpp does what they have in common.
#pragma once

#include "base/inline_text.h"
#include "proto/byte_cursor.h"
#include "proto/frames.h"
#include "proto/memcached_words.h"
#include "proto/parser.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy::memcached {

// After so many requests that answer only sometimes, the oldest of them is not waited for.
inline constexpr std::size_t kMostQuiet = 1024;

// What is still to be answered, oldest first.
class Expected {
 public:
  struct Entry {
    Answer answer = Answer::Line;
    bool quiet = false;
    std::uint8_t opcode = 0;  // binary
    std::uint32_t opaque = 0;
  };
  static constexpr std::size_t kCapacity = 8192;

  [[nodiscard]] std::size_t size() const { return entries_.size() - first_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] bool full() const { return size() == kCapacity; }
  [[nodiscard]] const Entry& front() const { return entries_[first_]; }
  [[nodiscard]] bool has(Answer answer) const {
    return std::any_of(entries_.begin() + static_cast<std::ptrdiff_t>(first_), entries_.end(),
                       [answer](const Entry& each) { return each.answer == answer; });
  }
  void push(const Entry& entry) { entries_.push_back(entry); }
  void pop() {
    ++first_;
    if (first_ == entries_.size()) {
      clear();
    } else if (first_ >= 64 && first_ * 2 >= entries_.size()) {
      entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }
  void clear() {
    entries_.clear();
    first_ = 0;
  }

 private:
  std::vector<Entry> entries_;
  std::size_t first_ = 0;  // what lies before was answered
};

// One side of the text protocol.
struct Lines {
  enum class State : std::uint8_t {
    Begin,  // of a line
    Line,
    Lf,    // after its CR
    Data,  // and its CRLF
    Gap,   // in an answer of which a part was not seen
  };
  static constexpr std::size_t kMostDigits = 10;

  State state = State::Begin;
  bool in_word = false;
  bool too_long = false;  // for any word of ours
  bool begun = false;     // a message is being read
  bool quiet = false;
  bool noreply = false;     // is the last word
  bool last = false;        // the data that follows ends the answer
  bool answered = false;    // the request being read was answered already
  std::uint32_t word = 0;   // index in the line
  std::uint64_t begin = 0;  // of the line
  std::uint64_t left = 0;   // of the data
  std::optional<std::uint64_t> size;
  InlineText<16> text;  // of the word, if it matters
  const Command* command = nullptr;
  const Word* first = nullptr;
};

class MemcachedParser final : public Parser, private FrameHandler {
 public:
  MemcachedParser();
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
  enum class Mode : std::uint8_t { Unknown, Text, Binary };

  // memcached.cpp
  Lines& lines(Side side) { return lines_[side == Side::Response]; }
  FrameReader& frames(Side side) { return side == Side::Request ? requests_ : responses_; }
  bool find_place(Side side,
                  std::uint64_t offset,
                  std::span<const std::byte> bytes,
                  ParseOutput& out);
  [[nodiscard]] bool only_answer() const;
  void read_gap(ByteCursor& in);
  void expect(const Expected::Entry& entry, std::uint64_t offset, ParseOutput& out);
  void no_answer(std::uint64_t offset, ParseOutput& out);
  void begin_answer(std::uint64_t offset, const ResponseHead& head, ParseOutput& out);
  void end_answer(std::uint64_t offset, EndRule rule, ParseOutput& out);
  void lose(Side side, std::uint64_t offset, ParseOutput& out);
  void admit_mistake(Side side, std::uint64_t offset, ParseOutput& out);
  static Message& emit(Message::Kind kind, Side side, std::uint64_t offset, ParseOutput& out);

  // memcached_text.cpp
  void read_text(ByteCursor& in);
  void begin_line(ByteCursor& in);
  void read_line(ByteCursor& in);
  void read_word(ByteCursor& in, std::string_view piece);
  void end_word(ByteCursor& in);
  void end_request_line(ByteCursor& in);
  void end_answer_line(ByteCursor& in);
  void read_data(ByteCursor& in);
  void end_data(ByteCursor& in);
  void end_text_request(ByteCursor& in);
  void tell_answer(ByteCursor& in);
  void skip_text(ByteCursor& in, std::uint64_t size);
  void fail(ByteCursor& in);

  // memcached_binary.cpp
  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override;
  bool on_request_frame(const Frame& frame, ParseOutput& out);
  bool on_response_frame(const Frame& frame, ParseOutput& out);
  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override;
  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override;
  void find_secrets(Side side,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override;

  Mode mode_ = Mode::Unknown;
  std::array<Lines, 2> lines_{};
  FrameReader requests_;
  FrameReader responses_;
  Expected expected_;
  std::array<bool, 2> lost_{};
  std::array<bool, 2> probe_{};
  std::array<bool, 2> done_{};
  bool may_probe_ = true;       // the requests before the answers were lost have ended
  bool lost_requests_ = false;  // nobody knows how many
  bool begun_ = false;          // the oldest request's answer
  bool ends_ = false;           // the frame being read ends its answer
  Expected::Entry entry_;       // of the request frame being read
  bool one_way_ = false;        // that request is
  bool sure_ = false;           // a whole answer was read: this is memcached
  bool over_ = false;           // other bytes follow than ours
  std::uint64_t seen_ = 0;      // end of what came of answers
};

}  // namespace tailwhy::memcached
