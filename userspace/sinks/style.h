// How text looks: tones, lines made of toned pieces, tables of them with aligned columns. Widths
// are terminal columns. Whether colour and UTF-8 may be used is decided by the caller; what the
// text says is decided by others.
#pragma once

#include "base/text.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

/// What a piece of text is, not which colour it has.
enum class Tone : std::uint8_t { Plain, Heading, Strong, Dim, Good, Warn, Bad, Accent };

/// What the output may use.
struct Style {
  bool colour = false;
  Charset charset = Charset::Utf8;

  std::string_view dot() const { return charset == Charset::Utf8 ? " · " : " | "; }
  std::string_view ellipsis() const { return charset == Charset::Utf8 ? "…" : "~"; }
  std::string_view times() const { return charset == Charset::Utf8 ? "×" : "x"; }
  std::string_view arrow() const { return charset == Charset::Utf8 ? "→" : "->"; }
};

/// Text of one tone. The text is safe to print: whoever makes it from wire bytes escapes it.
struct Piece {
  std::string text;
  Tone tone = Tone::Plain;
};

/// One line of output.
class Line {
 public:
  Line() = default;
  explicit Line(std::string text, Tone tone = Tone::Plain) { add(std::move(text), tone); }

  Line& add(std::string text, Tone tone = Tone::Plain);
  /// Blanks up to column `column`; at least `gap` of them when the line is not empty.
  Line& pad_to(std::size_t column, std::size_t gap = 0);

  /// Puts a label into the blanks that the line begins with.
  void set_label(std::string text, Tone tone);

  std::size_t width() const { return width_; }
  bool empty() const { return pieces_.empty(); }

  /// Appends the line without a line break: cut to `max_width` columns, no blanks at its end.
  void render(std::string& out, const Style& style, std::size_t max_width) const;

 private:
  std::vector<Piece> pieces_;
  std::size_t width_ = 0;
};

using Lines = std::vector<Line>;

/// All lines, each with a line break.
std::string render(const Lines& lines, const Style& style, std::size_t max_width);

/// Text of one tone on as many lines as it takes, broken between words.
Lines paragraph(std::string_view text, Tone tone, std::size_t indent, std::size_t width);

/// A label column, then facts that are joined by dots and wrapped under each other.
Lines facts(std::string_view label,
            std::vector<Piece> pieces,
            const Style& style,
            std::size_t width,
            Tone label_tone = Tone::Heading);

/// Column where the facts of a labelled line begin.
inline constexpr std::size_t kLabelWidth = 13;

enum class Align : std::uint8_t { Left, Right };

struct Column {
  std::string heading;
  Align align = Align::Right;
  /// When the table is too wide, columns with the largest number go first; 0 stays always.
  int dispensable = 0;
  /// Takes less than it needs rather than being dropped, down to this many columns; 0: never.
  std::size_t shrink_to = 0;
};

/// Rows of cells, aligned. Cells that are missing at the end of a row are empty.
class Table {
 public:
  Table(std::vector<Column> columns, std::size_t indent)
      : columns_(std::move(columns)), indent_(indent) {}

  void add_row(std::vector<Piece> cells);
  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }

  /// Heading and rows, none wider than `width` where shrinking and dropping columns can do it.
  Lines lines(const Style& style, std::size_t width) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Piece>> rows_;
  std::size_t indent_ = 0;
};

/// A bar of `full` columns filled to `share` (0..1), in eighths where the charset has them.
std::string bar(double share, std::size_t full, const Style& style);

}  // namespace tailwhy
