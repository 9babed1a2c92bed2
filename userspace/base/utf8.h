// UTF-8 from untrusted bytes: decode, classify, measure. The base of everything that shows or logs
// text that came off the wire. No locale, no tables of names, no output format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy {

/// One step through a byte string.
struct DecodedChar {
  char32_t code_point = 0;
  std::uint8_t size = 0;  ///< bytes taken, at least 1
  bool valid = false;     ///< false: a maximal part of an ill-formed sequence (one U+FFFD each)
};

/// Decodes the first character of `text`, which must not be empty. Strict: no overlong forms, no
/// surrogates, nothing above U+10FFFF.
DecodedChar decode_utf8(std::string_view text) noexcept;

/// True for characters that can steer a terminal or hide or reorder what is shown: C0 and C1
/// controls, DEL, bidi controls, line separators, invisible format characters, tags.
bool is_unsafe_to_show(char32_t code_point) noexcept;

/// Terminal columns: 0 for combining marks and variation selectors, 2 for wide, else 1.
int char_width(char32_t code_point) noexcept;

/// Terminal columns of a text; ill-formed parts count 1, unsafe characters 0.
std::size_t display_width(std::string_view text) noexcept;

}  // namespace tailwhy
