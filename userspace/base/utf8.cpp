// The decoder follows table 3-7 of the Unicode standard (well-formed byte sequences); the width
// tables hold the blocks that occur in URLs and names, not every script.
#include "base/utf8.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace tailwhy {
namespace {

struct CharRange {
  char32_t first;
  char32_t last;
};

template <std::size_t N>
bool in_ranges(const CharRange (&sorted)[N], char32_t c) noexcept {
  const auto* it = std::lower_bound(std::begin(sorted), std::end(sorted), c,
                                    [](const CharRange& r, char32_t x) { return r.last < x; });
  return it != std::end(sorted) && it->first <= c;
}

constexpr CharRange kUnsafe[] = {
    {0x0000, 0x001F},   {0x007F, 0x009F},  // C0, DEL, C1
    {0x00AD, 0x00AD},                      // soft hyphen
    {0x061C, 0x061C},                      // Arabic letter mark
    {0x180E, 0x180E},   {0x200B, 0x200F},  // zero width, direction marks
    {0x2028, 0x202E},                      // line separators, bidi embeddings and overrides
    {0x2060, 0x206F},                      // word joiner, bidi isolates, deprecated controls
    {0xFEFF, 0xFEFF},                      // byte order mark
    {0xFFF9, 0xFFFB},                      // interlinear annotation
    {0xE0000, 0xE007F},                    // tags
};

constexpr CharRange kZeroWidth[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},
    {0x064B, 0x065F}, {0x06D6, 0x06DC}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E},
    {0x1AB0, 0x1ACE}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20F0}, {0x302A, 0x302D},
    {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF},
};

constexpr CharRange kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},
    {0x2E80, 0x3029},   {0x302E, 0x303E},   {0x3041, 0x3098},   {0x309B, 0x3247},
    {0x3250, 0x4DBF},   {0x4E00, 0xA4C6},   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE10, 0xFE19},   {0xFE30, 0xFE6B},   {0xFF01, 0xFF60},
    {0xFFE0, 0xFFE6},   {0x16FE0, 0x18CFF}, {0x1B000, 0x1B2FF}, {0x1F300, 0x1F320},
    {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA},
    {0x1F3E0, 0x1F3F0}, {0x1F400, 0x1F43E}, {0x1F442, 0x1F4FC}, {0x1F5FB, 0x1F64F},
    {0x1F680, 0x1F6C5}, {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF},
    {0x1FA70, 0x1FAFF}, {0x20000, 0x2FFFD}, {0x30000, 0x3FFFD},
};

// How a multi-byte sequence goes on after its first byte: the allowed second byte differs, the rest
// are plain continuation bytes.
struct Lead {
  std::uint8_t size;  // 0: no sequence starts like this
  std::uint8_t second_min;
  std::uint8_t second_max;
};

constexpr Lead lead_of(std::uint8_t byte) noexcept {
  if (byte < 0xC2) return {0, 0, 0};  // continuation byte, or overlong C0, C1
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

constexpr std::uint8_t byte_at(std::string_view text, std::size_t i) noexcept {
  return static_cast<std::uint8_t>(text[i]);
}

}  // namespace

DecodedChar decode_utf8(std::string_view text) noexcept {
  assert(!text.empty());
  constexpr char32_t kReplacement = 0xFFFD;
  const std::uint8_t first = byte_at(text, 0);
  if (first < 0x80) return {first, 1, true};
  const Lead lead = lead_of(first);
  if (lead.size == 0) return {kReplacement, 1, false};
  char32_t code_point = first & (0x7FU >> lead.size);
  for (std::uint8_t i = 1; i < lead.size; ++i) {
    if (i >= text.size()) return {kReplacement, i, false};
    const std::uint8_t byte = byte_at(text, i);
    const std::uint8_t min = i == 1 ? lead.second_min : 0x80;
    const std::uint8_t max = i == 1 ? lead.second_max : 0xBF;
    if (byte < min || byte > max) return {kReplacement, i, false};
    code_point = code_point << 6 | (byte & 0x3FU);
  }
  return {code_point, lead.size, true};
}

bool is_unsafe_to_show(char32_t code_point) noexcept {
  return in_ranges(kUnsafe, code_point);
}

int char_width(char32_t code_point) noexcept {
  if (code_point < 0x300) return 1;
  if (in_ranges(kZeroWidth, code_point)) return 0;
  return in_ranges(kWide, code_point) ? 2 : 1;
}

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  while (!text.empty()) {
    const DecodedChar c = decode_utf8(text);
    if (!is_unsafe_to_show(c.code_point)) width += static_cast<unsigned>(char_width(c.code_point));
    text.remove_prefix(c.size);
  }
  return width;
}

}  // namespace tailwhy
