// The Huffman code of HPACK (RFC 7541, 5.2), one byte at a time, so that a reader may stop in the
// middle of a string of which a recording keeps only the beginning. That is also why this is not
// a library: nghttp2 decodes whole header blocks or nothing.
#pragma once

#include <cstdint>

namespace tailwhy::http2 {

class Huffman {
 public:
  static constexpr unsigned kShortestBits = 5;
  static constexpr unsigned kLongestBits = 30;

  // Gives the next byte's symbols to `take(char) -> bool`, until that says false. False: no text,
  // or taken enough.
  template <class Take>
  bool step(std::uint8_t byte, Take&& take) {
    for (unsigned bit = 8; bit-- > 0;) {
      code_ = code_ << 1 | (byte >> bit & 1U);
      ++bits_;
      const int found = symbol();
      if (found == kNone) continue;
      if (found < 0) return false;
      code_ = 0;
      bits_ = 0;
      if (!take(static_cast<char>(found))) return false;
    }
    return true;
  }
  // The string is over: what is left must be less than a byte of ones.
  [[nodiscard]] bool ends_well() const { return bits_ < 8 && code_ == (1U << bits_) - 1; }

 private:
  static constexpr int kNone = -1;   // more bits are needed
  static constexpr int kError = -2;  // the code that must not appear
  [[nodiscard]] int symbol() const;

  std::uint32_t code_ = 0;
  unsigned bits_ = 0;
};

}  // namespace tailwhy::http2
