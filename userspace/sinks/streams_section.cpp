#include "sinks/streams_section.h"

#include "sinks/numbers.h"

#include <fmt/format.h>
#include <string>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kWidestName = 120;

Piece time(const Histogram& histogram, double percent, const Page& page) {
  if (histogram.empty()) return {"-", Tone::Dim};
  return {format_duration_ns(histogram.percentile(percent), page.style.charset)};
}

// A line for the rows that are not shown.
void add_rest(Lines& lines, std::size_t shown, std::size_t all) {
  if (shown < all) {
    lines.emplace_back().pad_to(kIndent).add(fmt::format("{} more", all - shown), Tone::Dim);
  }
}

Lines by_route(const Report& report, std::size_t max_rows, const Page& page) {
  Table table({{"Streams", Align::Left, 0, 16},
               {"answers"},
               {"events"},
               {"first p50"},
               {"first p99"},
               {"gap p50"},
               {"gap p99"},
               {"longest", Align::Right, 2}},
              kIndent);
  for (const StreamStats& row : report.streams) {
    if (table.size() >= max_rows) break;
    RouteStats names;
    names.protocol = row.protocol;
    names.method = row.method;
    names.route = row.route;
    names.role = row.role;
    table.add_row({{route_label(names, page.style)},
                   {format_count(row.count)},
                   {fmt::format("{}{}", row.incomplete > 0 ? ">" : "", format_count(row.events)),
                    row.incomplete > 0 ? Tone::Warn : Tone::Plain},
                   time(row.time_to_first_event, 50, page),
                   time(row.time_to_first_event, 99, page),
                   time(row.gaps, 50, page),
                   time(row.gaps, 99, page),
                   time(row.gaps, 100, page)});
  }
  Lines lines = table.lines(page.style, page.width);
  add_rest(lines, table.size(), report.streams.size());
  return lines;
}

std::string model_label(const GenAiStats& row, const Page& page) {
  const std::string& model = row.response_model.empty() ? row.request_model : row.response_model;
  const std::string name = model == "_OTHER" ? "(all other models)"
                           : model.empty()   ? "(unknown model)"
                                             : model;
  return escape_terminal(
      fmt::format("{}{} {}", row.role == Role::Client ? "to " : "", row.operation, name),
      kWidestName, page.style.charset);
}

Lines by_model(const Report& report, std::size_t max_rows, const Page& page) {
  Table table({{"Language models", Align::Left, 0, 16},
               {"answers"},
               {"tokens in", Align::Right, 2},
               {"tokens out"},
               {"first p50"},
               {"first p99"},
               {"each p50"},
               {"each p99"}},
              kIndent);
  for (const GenAiStats& row : report.gen_ai) {
    if (table.size() >= max_rows) break;
    const bool counted = row.counted > 0;
    table.add_row({{model_label(row, page)},
                   {format_count(row.count)},
                   counted ? Piece{format_count(row.input_tokens)} : Piece{"-", Tone::Dim},
                   counted ? Piece{format_count(row.output_tokens)} : Piece{"-", Tone::Dim},
                   time(row.time_to_first_token, 50, page),
                   time(row.time_to_first_token, 99, page),
                   time(row.time_per_output_token, 50, page),
                   time(row.time_per_output_token, 99, page)});
  }
  Lines lines = table.lines(page.style, page.width);
  add_rest(lines, table.size(), report.gen_ai.size());
  return lines;
}

}  // namespace

Lines streams_section(const Report& report, std::size_t max_rows, const Page& page) {
  Lines lines;
  if (max_rows == 0) return lines;
  if (!report.streams.empty()) lines = by_route(report, max_rows, page);
  if (report.gen_ai.empty()) return lines;
  if (!lines.empty()) lines.emplace_back();
  Lines models = by_model(report, max_rows, page);
  lines.insert(lines.end(), std::make_move_iterator(models.begin()),
               std::make_move_iterator(models.end()));
  return lines;
}

}  // namespace tailwhy
