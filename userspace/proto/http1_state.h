// What one connection's HTTP/1 parser remembers between calls. Bounded, and small: there is one per
// connection. Knows nothing of how messages are read.
#pragma once

#include "proto/http1_read.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <llhttp.h>
#include <string_view>

namespace tailwhy::http1 {

// Requests whose response has not come: all that matters for reading it is whether it is to HEAD.
class Outstanding {
 public:
  static constexpr unsigned kCapacity = 2048;

  [[nodiscard]] bool full() const { return size_ == kCapacity; }
  [[nodiscard]] unsigned size() const { return size_; }
  void push() {
    ++size_;
    set_last(false);
  }
  void set_last(bool head) {
    const unsigned at = (first_ + size_ - 1U) % kCapacity;
    const std::uint64_t bit = std::uint64_t{1} << (at % 64);
    bits_[at / 64] = head ? bits_[at / 64] | bit : bits_[at / 64] & ~bit;
  }
  void drop_last() { --size_; }
  // True if the oldest request is to HEAD.
  bool pop() {
    const bool head = (bits_[first_ / 64] >> (first_ % 64) & 1) != 0;
    first_ = static_cast<std::uint16_t>((first_ + 1U) % kCapacity);
    --size_;
    return head;
  }

 private:
  std::array<std::uint64_t, kCapacity / 64> bits_{};
  std::uint16_t first_ = 0;
  std::uint16_t size_ = 0;
};

// How a chunked body without trailers ends, found in bytes of which the beginning was not seen.
class LastChunk {
 public:
  // What was not seen may well have ended in CRLF.
  void after_unseen() { matched_ = 2; }

  // Bytes at the end of `text` that belong to the pattern, or to its beginning.
  std::size_t match(std::string_view text) {
    // what is further back cannot be part of it
    if (text.size() > kPattern.size()) text.remove_prefix(text.size() - kPattern.size());
    for (const char c : text)
      step(c);
    return matched_ < text.size() ? matched_ : text.size();
  }

  // The last bytes matched are a last chunk.
  [[nodiscard]] bool complete() const { return matched_ == kPattern.size(); }

 private:
  static constexpr std::string_view kPattern = "\r\n0\r\n\r\n";
  // Knuth, Morris, Pratt: how many bytes at the end of each prefix are a shorter prefix, too.
  static constexpr std::array<std::uint8_t, 8> kShorter{0, 0, 0, 0, 1, 2, 1, 2};

  void step(char c) {
    if (complete()) matched_ = kShorter[matched_];
    while (matched_ > 0 && kPattern[matched_] != c)
      matched_ = kShorter[matched_];
    if (kPattern[matched_] == c) ++matched_;
  }

  std::uint8_t matched_ = 0;
};

enum class State : std::uint8_t {
  Idle,        // between messages
  Method,      // in a method that llhttp does not know
  Head,        // in a first line or a header
  Body,        // `left` bytes to come
  Chunked,     // llhttp is in the body
  ChunkGap,    // somewhere in a chunked body, place lost
  UntilClose,  // the body ends with the connection
  Held,        // after CONNECT: the response decides what the bytes are
  Lost,        // until a turn begins like a message
  Done,        // finished, or a tunnel
};

// Enough for "UNSUBSCRIBE /", after an empty line or two.
inline constexpr std::size_t kProbeBytes = 32;

// One side of the connection.
struct Half {
  llhttp_t http{};
  Cursor cursor;
  std::uint64_t begin = 0;  // offset of the message's first byte
  std::uint64_t left = 0;   // bytes of the body, in State::Body
  State state = State::Idle;
  LastChunk last_chunk;          // in State::ChunkGap
  InlineText<kProbeBytes> held;  // first bytes of a turn, too few to tell what they are
  bool begun = false;            // Begin was emitted, and neither End nor Lost since
  bool probe = false;            // the next bytes are the first of a turn
  bool other_method = false;     // of a request: none that we know
  bool unknown_request = false;  // of a response: its request was not seen
  bool untouched = false;        // of a response: nothing has come since its head
};

}  // namespace tailwhy::http1
