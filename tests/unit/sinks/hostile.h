// Names as an attacker would choose them, and how to see that none of it got through.
#pragma once

#include "base/utf8.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace tailwhy::test {

inline const std::string kHostileNames[] = {
    "\x1b[2J\x1b[31mred",               // clears the screen
    "\x1b]0;title\x07",                 // sets the window's title
    "one\ntwo\r\nthree\tfour",          // makes lines
    "\xe2\x80\xaegnp.exe\xe2\x80\xac",  // right-to-left override
    std::string("nul\0byte", 8),        //
    "\xff\xfe\x80 ill-formed \xc3",     //
    "\xc2\x9b"
    "31m",                                      // the one-character CSI of C1
    "\"quoted\\\" , {}",                        //
    std::string(8192, 'A'),                     // long
    std::string(300, '\x1b'),                   //
    "wide \xe4\xbd\xa0\xe5\xa5\xbd e\xcc\x81",  // columns are not bytes
    "\xe2\x80\xa8line separator",               //
};

inline bool is_safe(std::string_view text) {
  while (!text.empty()) {
    const DecodedChar c = decode_utf8(text);
    if (!c.valid || (c.code_point != U'\n' && is_unsafe_to_show(c.code_point))) return false;
    text.remove_prefix(c.size);
  }
  return true;
}

/// Nothing but printable text and line breaks, well-formed.
inline void check_safe(std::string_view text) {
  CHECK(is_safe(text));
}

/// No line is wider than that.
inline void check_width(std::string_view text, std::size_t width) {
  std::size_t widest = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    REQUIRE(end != std::string_view::npos);
    widest = std::max(widest, display_width(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  CHECK(widest <= width);
}

}  // namespace tailwhy::test
