// Untrusted bytes for terminals and for JSON; nlohmann's parser is the oracle for JSON.
#include "base/text.h"
#include "base/utf8.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <random>
#include <string>
#include <string_view>

using namespace tailwhy;

namespace {

std::string json_quoted(std::string_view text) {
  fmt::memory_buffer out;
  json_quote_to(out, text);
  return fmt::to_string(out);
}

std::string json_escaped(std::string_view text) {
  fmt::memory_buffer out;
  json_escape_to(out, text);
  return fmt::to_string(out);
}

// Bytes as they come from the wire, with much of what is special.
std::string random_bytes(std::mt19937& random, std::size_t max_size) {
  static constexpr std::string_view kPieces[] = {"\"",
                                                 "\\",
                                                 "\x1b[31m",
                                                 "é",
                                                 "漢",
                                                 "😀",
                                                 "\xF0\x9F",
                                                 "\xED\xA0\x80",
                                                 "\xC0\xAF",
                                                 "\xE2\x80\xAE",
                                                 "plain text of some length",
                                                 "\n",
                                                 "\x7f",
                                                 "\xC2\x9B",
                                                 "\xF4\x90\x80\x80"};
  std::string text;
  const std::size_t size = random() % (max_size + 1);
  while (text.size() < size) {
    if (random() % 2 == 0) {
      text += kPieces[random() % std::size(kPieces)];
    } else {
      text += static_cast<char>(random());
    }
  }
  return text;
}

// What a JSON string holds after escaping: the text with ill-formed parts replaced.
std::string with_replacements(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const DecodedChar c = decode_utf8(text);
    result += c.valid ? text.substr(0, c.size) : "\xEF\xBF\xBD";
    text.remove_prefix(c.size);
  }
  return result;
}

}  // namespace

TEST_CASE("json escape: plain text is left alone", "[base][text][json]") {
  CHECK(json_escaped("").empty());
  CHECK(json_escaped("GET /a?b=c HTTP/1.1 {}[]:,'~") == "GET /a?b=c HTTP/1.1 {}[]:,'~");
  CHECK(json_escaped("héllo 漢字 😀") == "héllo 漢字 😀");
  CHECK(json_quoted("a") == "\"a\"");
}

TEST_CASE("json escape: what JSON or a terminal minds is escaped without loss",
          "[base][text][json]") {
  CHECK(json_escaped("a\"b\\c") == R"(a\"b\\c)");
  CHECK(json_escaped(std::string_view("\0\n\t\x1b\x1f", 5)) == R"(\u0000\u000a\u0009\u001b\u001f)");
  CHECK(json_escaped("\x7f") == R"(\u007f)");
  CHECK(json_escaped("\xC2\x9B") == R"(\u009b)");  // C1: CSI for some terminals
  CHECK(json_escaped("\xE2\x80\xAE"
                     "abc") == R"(\u202eabc)");                  // right-to-left override
  CHECK(json_escaped("\xF3\xA0\x80\x81") == R"(\udb40\udc01)");  // a tag, beyond the BMP
}

TEST_CASE("json escape: ill-formed UTF-8 becomes U+FFFD, one for each maximal part",
          "[base][text][json]") {
  const std::string r = "\xEF\xBF\xBD";
  CHECK(json_escaped("\xff") == r);
  CHECK(json_escaped("\xC0\xAF") == r + r);
  CHECK(json_escaped("\xED\xA0\x80") == r + r + r);          // surrogate
  CHECK(json_escaped("\xF4\x90\x80\x80") == r + r + r + r);  // above U+10FFFF
  CHECK(json_escaped("a\xF0\x9F\x98z") == "a" + r + "z");    // cut short: one part
  CHECK(json_escaped("\xF0\x9F\x98") == r);
  CHECK(json_escaped("\xE2\x82") == r);
  // the example of the Unicode standard, table 3-8
  CHECK(json_escaped("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64") ==
        "a" + r + r + r + "b" + r + "c" + r + r + "d");
}

TEST_CASE("json escape: each special byte is found at each position of a word",
          "[base][text][json]") {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t at = 0; at < 19; ++at) {
      std::string text(19, 'x');
      text[at] = static_cast<char>(byte);
      CHECK(nlohmann::json::parse(json_quoted(text)).get<std::string>() == with_replacements(text));
      const bool plain = byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
      CHECK((json_escaped(text) == text) == plain);
    }
  }
}

TEST_CASE("json escape: any bytes give a JSON string that parses back to the text",
          "[base][text][json]") {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_bytes(random, 80);
    const std::string quoted = json_quoted(text);
    CHECK(nlohmann::json::parse(quoted).get<std::string>() == with_replacements(text));
    for (const char c : quoted) {
      CHECK_FALSE(static_cast<unsigned char>(c) < 0x20);
      CHECK(c != 0x7F);
    }
  }
}

TEST_CASE("utf8: a text is well-formed exactly when nlohmann can dump it", "[base][text]") {
  std::mt19937 random(4);
  int well_formed = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_bytes(random, 8);
    bool valid = true;
    for (std::string_view rest = text; !rest.empty();) {
      const DecodedChar c = decode_utf8(rest);
      valid = valid && c.valid;
      rest.remove_prefix(c.size);
    }
    bool dumps = true;
    try {
      (void)nlohmann::json(text).dump();
    } catch (const nlohmann::json::type_error&) {
      dumps = false;
    }
    CHECK(valid == dumps);
    well_formed += valid ? 1 : 0;
  }
  CHECK(well_formed > 1000);  // the test saw both kinds
  CHECK(well_formed < 19000);
}

TEST_CASE("utf8: every scalar value decodes to itself", "[base][text]") {
  std::size_t wrong = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    char bytes[4];
    std::size_t size = 0;
    const auto put = [&](char32_t byte) { bytes[size++] = static_cast<char>(byte); };
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xC0 | c >> 6);
      put(0x80 | (c & 63));
    } else if (c < 0x10000) {
      put(0xE0 | c >> 12);
      put(0x80 | (c >> 6 & 63));
      put(0x80 | (c & 63));
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 63));
      put(0x80 | (c >> 6 & 63));
      put(0x80 | (c & 63));
    }
    const DecodedChar decoded = decode_utf8({bytes, size});
    if (!decoded.valid || decoded.code_point != c || decoded.size != size) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("terminal: nothing that steers it gets through", "[base][text]") {
  CHECK(escape_terminal("GET /\x1b[31mred\x1b[0m") == "GET /[31mred[0m");
  CHECK(escape_terminal("a\x07"
                        "b\x7f"
                        "c\xC2\x9B"
                        "d") == "abcd");
  CHECK(escape_terminal("a\tb\r\nc") == "a b  c");
  CHECK(escape_terminal("file\xE2\x80\xAEtxt.exe") == "filetxt.exe");
  CHECK(escape_terminal("a\xE2\x80\x8B\xEF\xBB\xBF"
                        "b") == "ab");
  CHECK(escape_terminal("a\xff\xC0\xAF") == "a???");
  CHECK(escape_terminal("héllo 漢字") == "héllo 漢字");
  CHECK(escape_terminal(std::string_view("\0", 1)).empty());
}

TEST_CASE("terminal: in ASCII everything else is a question mark", "[base][text]") {
  CHECK(escape_terminal("héllo 漢", kNoWidthLimit, Charset::Ascii) == "h?llo ?");
  CHECK(escape_terminal("abcdef", 4, Charset::Ascii) == "abc~");
  CHECK(escape_terminal("漢漢漢", 3, Charset::Ascii) == "???");
}

TEST_CASE("terminal: text is cut to a width in columns, not bytes", "[base][text]") {
  CHECK(escape_terminal("abcdef", 6) == "abcdef");
  CHECK(escape_terminal("abcdef", 5) == "abcd…");
  CHECK(escape_terminal("abcdef", 1) == "…");
  CHECK(escape_terminal("abcdef", 0).empty());
  CHECK(escape_terminal("漢漢漢", 6) == "漢漢漢");
  CHECK(escape_terminal("漢漢漢", 5) == "漢漢…");
  CHECK(escape_terminal("漢漢漢", 4) == "漢…");
  CHECK(escape_terminal("e\xCC\x81"
                        "e\xCC\x81",
                        2) ==
        "e\xCC\x81"
        "e\xCC\x81");
}

TEST_CASE("terminal: marks do not pile up without end", "[base][text]") {
  std::string pile = "e";
  for (int i = 0; i < 1000; ++i) {
    pile += "\xCC\x81";
  }
  CHECK(escape_terminal(pile).size() == 1 + 4 * 2);
}

TEST_CASE("terminal: any bytes come out well-formed, harmless and within the width",
          "[base][text]") {
  std::mt19937 random(5);
  for (int i = 0; i < 10000; ++i) {
    const std::string text = random_bytes(random, 60);
    const std::size_t max_width = random() % 40;
    const std::string safe = escape_terminal(text, max_width);
    CHECK(display_width(safe) <= max_width);
    for (std::string_view rest = safe; !rest.empty();) {
      const DecodedChar c = decode_utf8(rest);
      CHECK(c.valid);
      CHECK_FALSE(is_unsafe_to_show(c.code_point));
      rest.remove_prefix(c.size);
    }
  }
}

TEST_CASE("utf8: widths of common characters", "[base][text]") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("µ…é") == 3);
  CHECK(display_width("漢字") == 4);
  CHECK(display_width("한") == 2);
  CHECK(display_width("😀") == 2);
  CHECK(display_width("e\xCC\x81") == 1);
  CHECK(display_width("\x1b[0m") == 3);
  CHECK(display_width("\xff") == 1);
}
