// See the header.
#include "sinks/live_view.h"

#include "base/utf8.h"
#include "sinks/numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kMostRouteRows = 10;
constexpr std::size_t kMostSyscallRows = 4;

// Sections compete for the rows of the screen: the lowest rank first.
struct Block {
  int rank;
  Lines lines;
  bool apart;  // a blank line before it
};

std::string elapsed(const Report& total) {
  const std::uint64_t seconds = (total.end_ns - total.begin_ns) / kNsPerSec;
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

Lines title(const LiveState& state, const Page& page) {
  std::string clock;
  if (!state.points.empty()) {
    clock = fmt::format("{}  {}", format_clock(state.interval.end_wall_ns), elapsed(state.total));
  }
  if (clock.size() + 12 > page.width) clock.clear();  // the name matters more
  const std::size_t room = clock.empty() ? page.width : page.width - clock.size() - 2;
  Line line(escape_terminal(state.run.target_text, room, page.style.charset), Tone::Strong);
  if (!clock.empty()) line.pad_to(page.width - clock.size()).add(std::move(clock), Tone::Dim);
  return {std::move(line)};
}

Line curve(std::string label,
           const std::vector<double>& values,
           std::string peak,
           const Page& page) {
  Line line(std::move(label), Tone::Heading);
  line.pad_to(kLabelWidth);
  const std::size_t taken = kLabelWidth + 2 + display_width(peak);
  const std::size_t room = page.width > taken ? page.width - taken : 0;
  line.add(sparkline(values, room, page.style), Tone::Accent);
  return std::move(line.add("  ").add(std::move(peak), Tone::Dim));
}

Lines curves(const LiveState& state, const Page& page) {
  std::vector<double> rates, p99s;
  const std::size_t skip = state.points.size() - std::min(state.points.size(), page.width);
  for (std::size_t i = skip; i < state.points.size(); ++i) {
    rates.push_back(state.points[i].requests_per_second);
    p99s.push_back(static_cast<double>(state.points[i].p99_ns));
  }
  if (rates.empty()) return {};
  const double rate = *std::max_element(rates.begin(), rates.end());
  const double p99 = *std::max_element(p99s.begin(), p99s.end());
  return {curve("Throughput", rates, "peak " + format_rate(rate), page),
          curve("p99", p99s, "peak " + format_duration_ns(static_cast<Ns>(p99), page.style.charset),
                page)};
}

std::vector<Piece> percentiles(std::string label,
                               const Histogram& histogram,
                               const Page& page,
                               Tone tone) {
  std::vector<Piece> cells{{std::move(label), tone}};
  for (const double percent : {50.0, 90.0, 99.0, 99.9, 100.0}) {
    cells.push_back(
        histogram.empty()
            ? Piece{"-", Tone::Dim}
            : Piece{format_duration_ns(histogram.percentile(percent), page.style.charset), tone});
  }
  return cells;
}

// The interval and the whole run under each other; the parts are those of the interval.
Lines latency(const LiveState& state, const Page& page, bool with_parts) {
  Table table({{"Latency", Align::Left},
               {"p50"},
               {"p90", Align::Right, 2},
               {"p99"},
               {"p99.9", Align::Right, 1},
               {"max"}},
              2);
  const bool server = state.total.server.seen > 0 || state.total.client.seen == 0;
  const LatencyParts& now = server ? state.interval.latency : state.interval.client_latency;
  const LatencyParts& all = server ? state.total.latency : state.total.client_latency;
  const std::string label = fmt::format(
      "last {}",
      format_duration_ns(state.interval.end_ns - state.interval.begin_ns, page.style.charset));
  table.add_row(percentiles(label, now.duration, page, Tone::Strong));
  table.add_row(percentiles("whole run", all.duration, page, Tone::Plain));
  for (const LatencyPartRow& part : kLatencyParts) {
    if (!with_parts || part.histogram == &LatencyParts::duration) continue;
    table.add_row(percentiles(std::string(part.name), now.*part.histogram, page, Tone::Plain));
  }
  return table.lines(page.style, page.width);
}

std::size_t rows_of(const Block& block) {
  return block.lines.size() + (block.apart ? 1 : 0);
}

Lines layout(std::vector<Block> blocks, std::size_t rows) {
  std::vector<Block*> by_rank;
  for (Block& block : blocks)
    by_rank.push_back(&block);
  std::stable_sort(by_rank.begin(), by_rank.end(),
                   [](const Block* a, const Block* b) { return a->rank < b->rank; });
  for (Block* block : by_rank) {
    if (!block->lines.empty() && rows_of(*block) > rows && block->apart) block->apart = false;
    if (rows_of(*block) > rows) block->lines.clear();
    rows -= block->lines.empty() ? 0 : rows_of(*block);
  }
  Lines lines;
  for (Block& block : blocks) {
    if (block.lines.empty()) continue;
    if (block.apart) lines.emplace_back();
    std::move(block.lines.begin(), block.lines.end(), std::back_inserter(lines));
  }
  return lines;
}

}  // namespace

std::string sparkline(const std::vector<double>& values, std::size_t width, const Style& style) {
  static constexpr std::array<std::string_view, 8> kUtf8 = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<std::string_view, 8> kAscii = {"_", ".", ":", "-",
                                                             "=", "+", "*", "#"};
  const auto& steps = style.charset == Charset::Utf8 ? kUtf8 : kAscii;
  const std::size_t shown = std::min(values.size(), width);
  const auto begin = values.end() - static_cast<std::ptrdiff_t>(shown);
  const double most = shown > 0 ? *std::max_element(begin, values.end()) : 0;
  std::string text(width - shown, ' ');
  for (auto value = begin; value != values.end(); ++value) {
    const double step = most > 0 ? std::ceil(*value / most * 8) - 1 : 0;
    text += steps[static_cast<std::size_t>(std::clamp(step, 0.0, 7.0))];
  }
  return text;
}

Lines live_view(const LiveState& state, const Style& style, TerminalSize size) {
  const Page page{style, size.columns};
  if (state.points.empty()) {
    Lines lines = title(state, page);
    lines.emplace_back("waiting for the first interval", Tone::Dim);
    return layout({{0, std::move(lines), false}}, size.rows);
  }
  const Report& now = state.interval;
  std::vector<Block> blocks;
  const auto add = [&](int rank, Lines lines, bool apart = false) {
    blocks.push_back({rank, std::move(lines), apart});
  };
  // On a small screen each fact gets one line, and the routes what they need to say anything.
  const bool roomy = size.rows >= 32;
  const auto brief = [&](Lines lines) {
    if (!roomy && lines.size() > 1) lines.resize(1);
    return lines;
  };
  // Of the whole run: the slowest 1 % of one interval are too few to say anything.
  Lines why = why_section(explain_slow(state.total, {.slow_ns = state.slow_ns}), state.total, page);
  const bool with_parts = size.rows >= 18 && (roomy || why.empty());
  const std::size_t route_rows = std::clamp<std::size_t>(size.rows / 5, 3, kMostRouteRows);
  const int honesty_rank = state.total.lost() > 0 ? 0 : 4;
  add(0, title(state, page));
  add(1, brief(requests_section(now, page)));
  add(5, curves(state, page));
  add(2, latency(state, page, with_parts), true);
  add(3, std::move(why), true);
  add(6, routes_section(now, route_rows, page), true);
  add(9, syscalls_section(now, kMostSyscallRows, page), true);
  add(7, brief(errors_section(now, page)), true);
  add(10, brief(connections_section(now, page)));
  add(8, brief(resources_section(now, page)));
  add(honesty_rank, brief(honesty_section(state.total, page)));
  add(11, brief(own_cost_section(now, page)));
  add(12, {Line("q or Ctrl-C ends the run and prints the report", Tone::Dim)}, true);
  return layout(std::move(blocks), size.rows);
}

}  // namespace tailwhy
