// Lines, labelled facts, bars. Tables are in table.cpp.
#include "sinks/style.h"

#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace tailwhy {
namespace {

// Only the 16 base colours and attributes: they follow the user's own theme.
std::string_view sgr(Tone tone) {
  switch (tone) {
    case Tone::Plain:
      return {};
    case Tone::Heading:
    case Tone::Strong:
      return "\x1b[1m";
    case Tone::Dim:
      return "\x1b[2m";
    case Tone::Good:
      return "\x1b[32m";
    case Tone::Warn:
      return "\x1b[33m";
    case Tone::Bad:
      return "\x1b[1;31m";
    case Tone::Accent:
      return "\x1b[36m";
  }
  return {};
}

void append_toned(std::string& out, std::string_view text, Tone tone, const Style& style) {
  const std::string_view start = style.colour ? sgr(tone) : std::string_view{};
  out += start;
  out += text;
  if (!start.empty()) out += "\x1b[0m";
}

}  // namespace

Line& Line::add(std::string text, Tone tone) {
  width_ += display_width(text);
  pieces_.push_back({std::move(text), tone});
  return *this;
}

Line& Line::pad_to(std::size_t column, std::size_t gap) {
  const std::size_t blanks = std::max(column > width_ ? column - width_ : 0, empty() ? 0 : gap);
  if (blanks > 0) add(std::string(blanks, ' '));
  return *this;
}

void Line::set_label(std::string text, Tone tone) {
  assert(!pieces_.empty() && pieces_.front().text.find_first_not_of(' ') == std::string::npos);
  const std::size_t room = pieces_.front().text.size();
  const std::size_t wanted = display_width(text);
  assert(wanted < room);
  pieces_.front().text.resize(room - wanted);
  pieces_.insert(pieces_.begin(), {std::move(text), tone});
}

void Line::render(std::string& out, const Style& style, std::size_t max_width) const {
  const bool cut = width_ > max_width;
  std::size_t room = max_width;
  std::size_t blanks = 0;  // written only when something follows
  for (const Piece& piece : pieces_) {
    if (room == 0) break;
    const std::size_t wanted = display_width(piece.text);
    // The piece that does not fit, or that would leave no room to say that something was cut.
    const bool last = cut && wanted >= room;
    const std::string text =
        last ? escape_terminal(piece.text + "  ", room, style.charset) : piece.text;
    const std::size_t first = text.find_first_not_of(' ');
    if (first == std::string::npos) {
      blanks += text.size();
    } else {
      out.append(blanks, ' ');
      const std::size_t end = text.find_last_not_of(' ') + 1;
      append_toned(out, std::string_view(text).substr(0, end), piece.tone, style);
      blanks = text.size() - end;
    }
    room = last ? 0 : room - wanted;
  }
}

std::string render(const Lines& lines, const Style& style, std::size_t max_width) {
  std::string out;
  for (const Line& line : lines) {
    line.render(out, style, max_width);
    out += '\n';
  }
  return out;
}

Lines paragraph(std::string_view text, Tone tone, std::size_t indent, std::size_t width) {
  Lines lines;
  std::string line;
  std::size_t used = indent;
  const auto flush = [&] {
    if (!line.empty()) lines.emplace_back().pad_to(indent).add(std::exchange(line, {}), tone);
    used = indent;
  };
  for (const std::string_view word : split_words(text)) {
    const std::size_t wanted = display_width(word) + (line.empty() ? 0 : 1);
    if (used + wanted > width) flush();
    used += display_width(word) + (line.empty() ? 0 : 1);
    line += line.empty() ? "" : " ";
    line += word;
  }
  flush();
  return lines;
}

Lines facts(std::string_view label,
            std::vector<Piece> pieces,
            const Style& style,
            std::size_t width,
            Tone label_tone) {
  Lines lines;
  const std::size_t dot = display_width(style.dot());
  for (const Piece& piece : pieces) {
    const bool fits =
        !lines.empty() && lines.back().width() + dot + display_width(piece.text) <= width;
    if (fits) {
      lines.back().add(std::string(style.dot()), Tone::Dim).add(piece.text, piece.tone);
    } else {
      for (Line& line : paragraph(piece.text, piece.tone, kLabelWidth, width)) {
        lines.push_back(std::move(line));
      }
    }
  }
  if (!lines.empty()) lines.front().set_label(std::string(label), label_tone);
  return lines;
}

std::string bar(double share, std::size_t full, const Style& style) {
  const double cells = std::clamp(share, 0.0, 1.0) * static_cast<double>(full);
  if (style.charset == Charset::Ascii) {
    // Something is never shown as nothing.
    const auto stars = static_cast<std::size_t>(std::lround(cells));
    return std::string(share > 0 ? std::max<std::size_t>(stars, 1) : 0, '*');
  }
  static constexpr std::array<std::string_view, 8> kEighths = {"",  "▏", "▎", "▍",
                                                               "▌", "▋", "▊", "▉"};
  auto eighths = static_cast<std::size_t>(std::lround(cells * 8));
  if (share > 0) eighths = std::max<std::size_t>(eighths, 1);
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i)
    text += "█";
  text += kEighths[eighths % 8];
  return text;
}

}  // namespace tailwhy
