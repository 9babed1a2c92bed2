// Untrusted text made safe: for a terminal by dropping, for JSON by escaping without loss.
// Both are fuzzed; both take any bytes.
#include "base/text.h"
#include "base/utf8.h"

#include <array>
#include <cstring>

namespace tailwhy {
namespace {

// A base character with more marks than this is vandalism, not writing.
constexpr int kMaxMarksPerChar = 4;

constexpr bool is_blank_control(char32_t c) noexcept {
  return c == '\t' || c == '\n' || c == '\r';
}

// Bytes that a JSON string (and a terminal) takes as they are.
constexpr std::array<bool, 256> kPlainJson = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7F; ++c) {
    plain[c] = c != '"' && c != '\\';
  }
  return plain;
}();

std::size_t plain_prefix_bytewise(std::string_view text, std::size_t from) noexcept {
  while (from < text.size() && kPlainJson[static_cast<std::uint8_t>(text[from])]) {
    ++from;
  }
  return from;
}

// The length of the longest start of `text` that needs no escape, eight bytes a step.
std::size_t plain_prefix(std::string_view text) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  // the high bit of each byte that is zero; may also mark bytes above a true one, which is enough
  // here
  const auto zero_bytes = [](std::uint64_t x) { return (x - kOnes) & ~x & kHighs; };
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t below_space = (word - kOnes * 0x20) & ~word & kHighs;
    const std::uint64_t special = zero_bytes(word ^ kOnes * '"') | zero_bytes(word ^ kOnes * '\\') |
                                  zero_bytes(word ^ kOnes * 0x7F);
    if (((word & kHighs) | below_space | special) != 0) break;
  }
  return plain_prefix_bytewise(text, at);
}

void append_utf16_escape(fmt::memory_buffer& out, std::uint32_t unit) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const char escape[] = {
      '\\',           'u', kHex[unit >> 12 & 15], kHex[unit >> 8 & 15], kHex[unit >> 4 & 15],
      kHex[unit & 15]};
  out.append(escape, escape + sizeof(escape));
}

void append_escaped(fmt::memory_buffer& out, char32_t c) {
  if (c < 0x10000) return append_utf16_escape(out, c);
  const char32_t above = c - 0x10000;
  append_utf16_escape(out, 0xD800 + (above >> 10));
  append_utf16_escape(out, 0xDC00 + (above & 0x3FF));
}

}  // namespace

void json_escape_to(fmt::memory_buffer& out, std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  while (true) {
    const std::size_t plain = plain_prefix(text);
    out.append(text.data(), text.data() + plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const DecodedChar c = decode_utf8(text);
    if (!c.valid) {
      out.append(kReplacement);
    } else if (c.code_point == '"' || c.code_point == '\\') {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (is_unsafe_to_show(c.code_point)) {
      append_escaped(out, c.code_point);
    } else {
      out.append(text.data(), text.data() + c.size);
    }
    text.remove_prefix(c.size);
  }
}

void json_quote_to(fmt::memory_buffer& out, std::string_view text) {
  out.push_back('"');
  json_escape_to(out, text);
  out.push_back('"');
}

std::string escape_terminal(std::string_view text, std::size_t max_width, Charset charset) {
  std::string safe;
  if (max_width == 0) return safe;
  std::size_t width = 0;
  std::size_t cut_at = 0;  // where `safe` ends if the cut mark must still fit
  int marks = 0;
  while (!text.empty()) {
    const DecodedChar c = decode_utf8(text);
    std::string_view shown = text.substr(0, c.size);
    text.remove_prefix(c.size);
    const bool blank = is_blank_control(c.code_point);
    if (!blank && is_unsafe_to_show(c.code_point)) continue;
    const int columns = char_width(c.code_point);
    marks = columns == 0 ? marks + 1 : 0;
    if (marks > kMaxMarksPerChar) continue;
    if (blank) shown = " ";
    if (!c.valid || (charset == Charset::Ascii && c.code_point > 0x7E)) shown = "?";
    const std::size_t shown_width = shown == "?" ? 1 : static_cast<std::size_t>(columns);
    if (width + shown_width > max_width) {
      safe.resize(cut_at);
      safe += charset == Charset::Utf8 ? "…" : "~";
      return safe;
    }
    safe += shown;
    width += shown_width;
    if (width < max_width) cut_at = safe.size();
  }
  return safe;
}

}  // namespace tailwhy
