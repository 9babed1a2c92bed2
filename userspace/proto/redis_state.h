// What one connection's Redis parser remembers between calls. Bounded, and small: there is one per
// connection. Knows nothing of how messages are read.
#pragma once

#include "base/inline_text.h"
#include "proto/redis_commands.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tailwhy::redis {

// What is still to be answered, and how: neighbours that are answered alike are one run.
class Expected {
 public:
  static constexpr std::size_t kCapacity = 8192;

  enum class How : std::uint8_t { OneReply, Confirmations, Stream, Replication, Reset };

  [[nodiscard]] bool full() const { return size_ == kCapacity; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // How the oldest is answered; of none: by one reply.
  [[nodiscard]] How how() const { return empty() ? How::OneReply : runs_[first_].how; }
  // Of the oldest: one confirmation less. True: it was the last.
  bool confirm() { return --runs_[first_].confirmations == 0; }

  void push(How how, std::uint64_t confirmations) {
    ++size_;
    if (how != How::Confirmations && first_ < runs_.size() && runs_.back().how == how) {
      ++runs_.back().count;
    } else {
      runs_.push_back({how, 1, confirmations});
    }
  }
  void pop() {
    --size_;
    if (--runs_[first_].count > 0) return;
    ++first_;
    if (first_ == runs_.size()) {
      clear();
    } else if (first_ >= 64 && first_ * 2 >= runs_.size()) {
      runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }
  void clear() {
    runs_.clear();
    first_ = 0;
    size_ = 0;
  }

 private:
  struct Run {
    How how;
    std::uint32_t count;
    std::uint64_t confirmations;
  };
  std::vector<Run> runs_;
  std::size_t first_ = 0;  // what lies before was answered
  std::size_t size_ = 0;
};

// The digits of a length or a count, up to its CRLF.
class Length {
 public:
  enum class Step : std::uint8_t { More, Done, Bad };

  void reset() { *this = {}; }
  Step step(char c) {
    if (cr_) return c == '\n' ? Step::Done : Step::Bad;
    if (c == '\r') {
      cr_ = true;
      return digits_ > 0 ? Step::More : Step::Bad;
    }
    if (c == '-' && digits_ == 0 && !negative_) {
      negative_ = true;
      return Step::More;
    }
    if (c < '0' || c > '9' || ++digits_ > kMostDigits) return Step::Bad;
    value_ = value_ * 10 + static_cast<unsigned>(c - '0');
    return Step::More;
  }
  [[nodiscard]] bool negative() const { return negative_; }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  static constexpr unsigned kMostDigits = 11;  // servers take 512 MB unless told otherwise
  std::uint64_t value_ = 0;
  std::uint8_t digits_ = 0;
  bool negative_ = false;
  bool cr_ = false;
};

// The side that asks.
struct Asking {
  enum class State : std::uint8_t {
    Idle,
    Count,     // of arguments
    Dollar,    // before a length
    Length,    // of an argument
    Argument,  // its bytes
    Cr,        // after it
    Lf,
    Inline,  // a line of words
    Lost,
    Done,
  };
  // What an argument is to us.
  enum class Part : std::uint8_t { Value, Name, Subcommand, Option, ReplyMode };
  enum class Answers : std::uint8_t { On, Off, SkipNext };

  State state = State::Idle;
  Part part = Part::Value;
  Answers answers = Answers::On;
  std::optional<Answers> asked_for;  // by this request
  bool probe = false;
  bool begun = false;     // a request is being read
  bool headed = false;    // and its head was told
  bool answered = false;  // and was answered already
  bool one_way = false;   // gets no answer
  bool blocks = false;
  bool in_word = false;         // of an inline command
  bool line_cr = false;         // of an inline command
  bool other = false;           // `word` is too long for any name
  bool lost_requests = false;   // nobody knows how many since the last turn that was understood
  std::uint64_t arguments = 0;  // still to come; of an inline command: that came
  std::uint64_t total = 0;
  std::uint64_t left = 0;  // bytes of the argument
  redis::Length length;
  InlineText<kLongestRedisName> word;  // the argument, if it matters
  const RedisCommand* command = nullptr;
  const RedisCommand* subcommand = nullptr;
};

// The side that answers.
struct Answering {
  static constexpr std::size_t kDeepest = 32;

  enum class State : std::uint8_t {
    Type,    // the first byte of a value
    Line,    // the rest of a simple one
    LineLf,  // after its CR
    Length,  // of a bulk
    Count,   // of an array or the like
    Bulk,    // its bytes
    Cr,      // after it
    Lf,
    Gap,  // in an array of which a part was not seen
    Lost,
    Done,
  };
  // What the value at the top is.
  enum class Role : std::uint8_t { Open, Answer, Confirmation, Pushed };

  // Until the requests that are outstanding now have ended, nobody knows what is answered.
  void lose() {
    state = State::Lost;
    begun = false;
    may_probe = false;
    depth = 0;
  }

  State state = State::Type;
  Role role = Role::Open;
  char type = 0;
  char top = 0;           // type of the value at the top
  bool may_probe = true;  // the requests before the loss have ended
  bool probe = false;
  bool begun = false;       // the oldest request's answer has begun
  bool subscribed = false;  // to channels or patterns
  bool shards = false;      // to shard channels
  bool monitors = false;
  bool confirms = false;        // the value at the top confirms a change of `subscribed`
  bool confirms_shard = false;  // of `shards`
  bool in_status = false;       // in the first word of an error
  bool status_bad = false;
  bool first_in_line = false;
  std::uint64_t begin = 0;  // of the value at the top
  std::uint64_t end = 0;    // of what was seen last; of a confirmation
  std::uint64_t left = 0;   // bytes of a bulk
  redis::Length length;
  std::size_t depth = 0;
  std::array<std::uint64_t, kDeepest> values{};  // that are still to come, at each depth
  InlineText<24> word;  // of an error its first word; of what may be pushed its first element
};

}  // namespace tailwhy::redis
