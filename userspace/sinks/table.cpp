// Tables that fit: how wide each column is, what shrinks and what goes when the screen is narrow.
#include "base/utf8.h"
#include "sinks/style.h"

#include <algorithm>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kGap = 2;

struct Layout {
  std::vector<std::size_t> widths;
  std::vector<bool> shown;

  std::size_t total(std::size_t indent) const {
    std::size_t sum = indent;
    bool first = true;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (!shown[i]) continue;
      sum += widths[i] + (first ? 0 : kGap);
      first = false;
    }
    return sum;
  }
};

void shrink(Layout& layout,
            const std::vector<Column>& columns,
            std::size_t indent,
            std::size_t width) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::size_t total = layout.total(indent);
    if (total <= width || columns[i].shrink_to == 0 || !layout.shown[i]) continue;
    const std::size_t least = std::min(layout.widths[i], columns[i].shrink_to);
    layout.widths[i] =
        std::max(least, layout.widths[i] - std::min(layout.widths[i], total - width));
  }
}

// Drops the most dispensable column that is still shown; false when none is left.
bool drop_one(Layout& layout, const std::vector<Column>& columns) {
  std::size_t victim = columns.size();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!layout.shown[i] || columns[i].dispensable == 0) continue;
    if (victim == columns.size() || columns[i].dispensable > columns[victim].dispensable)
      victim = i;
  }
  if (victim == columns.size()) return false;
  layout.shown[victim] = false;
  return true;
}

// `start` is where the first column begins: its heading hangs out to the margin, as the title of
// the table.
Line row_line(const std::vector<Piece>& cells,
              const Layout& layout,
              const std::vector<Column>& columns,
              std::size_t indent,
              std::size_t start,
              const Style& style) {
  Line line;
  std::size_t at = start;
  std::size_t hanging = indent - start;
  for (std::size_t i = 0; i < columns.size() && i < cells.size(); ++i) {
    if (!layout.shown[i]) continue;
    const std::size_t width = layout.widths[i] + std::exchange(hanging, 0);
    const bool cut = display_width(cells[i].text) > width;
    std::string text = cut ? escape_terminal(cells[i].text, width, style.charset) : cells[i].text;
    const std::size_t blanks = width - std::min(width, display_width(text));
    line.pad_to(at + (columns[i].align == Align::Right ? blanks : 0));
    if (!text.empty()) line.add(std::move(text), cells[i].tone);
    at += width + kGap;
  }
  return line;
}

}  // namespace

void Table::add_row(std::vector<Piece> cells) {
  rows_.push_back(std::move(cells));
}

Lines Table::lines(const Style& style, std::size_t width) const {
  Layout needed;
  std::vector<Piece> headings;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::size_t heading = display_width(columns_[i].heading);
    std::size_t widest = i == 0 ? heading - std::min(heading, indent_) : heading;
    bool used = i == 0;
    for (const auto& row : rows_) {
      if (i >= row.size() || row[i].text.empty()) continue;
      widest = std::max(widest, display_width(row[i].text));
      used = true;
    }
    needed.widths.push_back(widest);
    needed.shown.push_back(used);
    headings.push_back({columns_[i].heading, i == 0 ? Tone::Heading : Tone::Dim});
  }
  Layout layout;
  do {  // what shrank for a column that was then dropped grows back
    layout = needed;
    shrink(layout, columns_, indent_, width);
  } while (layout.total(indent_) > width && drop_one(needed, columns_));

  Lines lines;
  lines.push_back(row_line(headings, layout, columns_, indent_, 0, style));
  for (const auto& row : rows_) {
    lines.push_back(row_line(row, layout, columns_, indent_, indent_, style));
  }
  return lines;
}

}  // namespace tailwhy
