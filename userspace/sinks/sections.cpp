// The sections about requests. Those about the process, the kernel and ourselves are in
// sections_process.cpp.
#include "sinks/sections.h"

#include "base/text.h"
#include "base/utf8.h"
#include "sinks/numbers.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <vector>

namespace tailwhy {
namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kWideForCpu = 96;
constexpr std::array<double, 4> kPercents = {50, 90, 99, 99.9};

std::vector<Column> percentile_columns(std::string title) {
  return {{std::move(title), Align::Left}, {"p50"}, {"p90", Align::Right, 2}, {"p99"},
          {"p99.9", Align::Right, 1},      {"max"}, {"", Align::Left, 3}};
}

std::vector<Piece> percentile_row(
    std::string label, const Histogram& histogram, std::string note, const Page& page, Tone tone) {
  std::vector<Piece> cells{{std::move(label), tone}};
  const auto add = [&](Ns ns) {
    cells.push_back(histogram.empty() ? Piece{"-", Tone::Dim}
                                      : Piece{format_duration_ns(ns, page.style.charset), tone});
  };
  for (const double percent : kPercents)
    add(histogram.percentile(percent));
  add(histogram.max_ns());
  cells.push_back({std::move(note), Tone::Dim});
  return cells;
}

// What a part says, for those who see the table for the first time.
std::string_view meaning_of(std::string_view part) {
  if (part == "duration") return "request arrived to last byte written";
  if (part == "queue") return "arrived, waiting to be read";
  if (part == "service") return "read, to first byte of the answer";
  if (part == "send") return "first to last byte of the answer";
  if (part == "drain") return "last byte written, to its acknowledgement";
  if (part == "ttfb") return "arrived, to first byte of the answer";
  return {};
}

// Every part of every request is the normal case; else the note says how many there are.
std::string note_of(std::string_view part, const Histogram& histogram, std::uint64_t all) {
  if (histogram.count() == all) return std::string(meaning_of(part));
  if (histogram.empty()) return "not observed";
  return fmt::format("known for {}", format_share(static_cast<double>(histogram.count()) /
                                                  static_cast<double>(all)));
}

std::string statuses_text(const std::vector<StatusCount>& counts, const Style& style) {
  constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(counts.size(), kShown); ++i) {
    text += fmt::format("{}{} {}{}", i > 0 ? ", " : "", counts[i].status, style.times(),
                        counts[i].count);
  }
  if (counts.size() > kShown) text += fmt::format(" {}", style.ellipsis());
  return text;
}

// What a request costs: the mean time on a CPU; empty where that is not known.
std::string cpu_text(const BudgetSums& budget, const Style& style) {
  if (budget.requests() == 0) return {};
  return format_duration_ns(budget.all().of(Part::OnCpu) / budget.requests(), style.charset);
}

struct DistributionRow {
  Ns lower_ns;  // 0: everything up to upper_ns
  Ns upper_ns;  // 0: everything above lower_ns
  std::uint64_t count;
};

// Doubling bounds. Where those are too many, the emptier end joins its neighbour until they fit.
std::vector<DistributionRow> doubling_rows(const Histogram& histogram, std::size_t max_rows) {
  const ExponentialBuckets octaves = histogram.downscale(0);
  std::vector<DistributionRow> rows;
  for (std::size_t i = 0; i < octaves.counts.size(); ++i) {
    const int fine = (octaves.offset + static_cast<int>(i)) * kBucketsPerOctave;
    rows.push_back({fine <= kFirstBucket ? 0 : bucket_lower_ns(fine),
                    bucket_lower_ns(fine + kBucketsPerOctave), octaves.counts[i]});
  }
  if (!rows.empty() && octaves.zero_count > 0) {
    rows.front().lower_ns = 0;
    rows.front().count += octaves.zero_count;
  }
  while (rows.size() > std::max<std::size_t>(max_rows, 2)) {
    if (rows.front().count <= rows.back().count) {
      rows[1].count += rows[0].count;
      rows[1].lower_ns = 0;
      rows.erase(rows.begin());
    } else {
      rows[rows.size() - 2].count += rows.back().count;
      rows[rows.size() - 2].upper_ns = 0;
      rows.pop_back();
    }
  }
  if (!rows.empty() && histogram.max_ns() > kMaxBucketNs) rows.back().upper_ns = 0;
  return rows;
}

}  // namespace

std::string route_label(const RouteStats& row, const Style& style) {
  constexpr std::size_t kWidest = 200;
  std::string label = row.role == Role::Client ? fmt::format("{} ", style.arrow()) : "";
  if (row.route == "_OTHER" && row.method.empty()) return label + "(all other routes)";
  const std::string method = escape_terminal(row.method, kWidest, style.charset);
  const std::string route = escape_terminal(row.route, kWidest, style.charset);
  if (method.empty() && route.empty()) {
    return label + (row.protocol == "unknown" ? "(unknown protocol)"
                                              : fmt::format("({} request not read)", row.protocol));
  }
  return label + method + (method.empty() || route.empty() ? "" : " ") + route;
}

Lines requests_section(const Report& report, const Page& page) {
  const double seconds = report.seconds();
  const ExchangeCounts& server = report.server;
  const double errors = error_rate(server);
  std::vector<Piece> pieces{
      {format_rate(throughput(server, seconds)), Tone::Strong},
      {report.total ? fmt::format("{} answered", server.matched)
                    : fmt::format("{} in flight", server.in_flight)},
      {fmt::format("{} errors", format_share(errors)), errors > 0 ? Tone::Bad : Tone::Plain},
      {fmt::format("in {}", format_bytes_rate(report.resources.network_in_bytes, seconds))},
      {fmt::format("out {}", format_bytes_rate(report.resources.network_out_bytes, seconds))},
  };
  if (report.client.seen > 0) {
    pieces.push_back({fmt::format("{} outgoing calls", report.client.matched)});
  }
  return facts("Requests", std::move(pieces), page.style, page.width);
}

Lines errors_section(const Report& report, const Page& page) {
  const ExchangeCounts& server = report.server;
  std::vector<Piece> pieces;
  const auto add = [&](std::string text, Tone tone) { pieces.push_back({std::move(text), tone}); };
  if (server.server_errors > 0) {
    const auto statuses = count_statuses(report, Role::Server, WhoseError::Server);
    add(statuses.empty() ? counted(server.server_errors, "server error")
                         : statuses_text(statuses, page.style),
        Tone::Bad);
  }
  for (std::size_t i = 0; i < server.failures.size(); ++i) {
    if (server.failures[i] == 0) continue;
    add(fmt::format("{} {}{}", to_string(static_cast<Failure>(i)), page.style.times(),
                    server.failures[i]),
        Tone::Bad);
  }
  if (pieces.empty()) add("none", Tone::Good);
  if (server.client_errors > 0) {
    const auto statuses = count_statuses(report, Role::Server, WhoseError::Client);
    add(fmt::format("by clients: {}", statuses.empty() ? fmt::format("{}", server.client_errors)
                                                       : statuses_text(statuses, page.style)),
        Tone::Dim);
  }
  if (const std::uint64_t outgoing = errors_of(report.client); outgoing > 0) {
    add(fmt::format("{} of outgoing calls", outgoing), Tone::Warn);
  }
  return facts("Errors", std::move(pieces), page.style, page.width);
}

Lines latency_section(const Report& report, LatencyRows rows, const Page& page) {
  Table table(percentile_columns("Latency"), kIndent);
  if (report.server.matched > 0 || report.client.matched == 0) {
    const std::uint64_t all = report.latency.duration.count();
    for (const LatencyPartRow& part : kLatencyParts) {
      const Histogram& histogram = report.latency.*part.histogram;
      const bool whole = part.histogram == &LatencyParts::duration;
      if (!whole && rows == LatencyRows::DurationOnly) continue;
      table.add_row(percentile_row(std::string(part.name), histogram,
                                   note_of(part.name, histogram, all), page,
                                   whole ? Tone::Strong : Tone::Plain));
    }
    if (!report.drain.empty() && rows == LatencyRows::All) {
      table.add_row(percentile_row("drain", report.drain, note_of("drain", report.drain, all), page,
                                   Tone::Plain));
    }
  }
  if (report.client.matched > 0) {
    table.add_row(percentile_row("outgoing", report.client_latency.duration,
                                 "call sent, to last byte of the answer read", page, Tone::Plain));
  }
  return table.lines(page.style, page.width);
}

Lines distribution_section(const Histogram& histogram,
                           std::string_view title,
                           std::size_t max_rows,
                           const Page& page) {
  const std::vector<DistributionRow> rows = doubling_rows(histogram, max_rows);
  if (rows.size() < 2 || max_rows < 2) return {};
  std::uint64_t most = 0;
  for (const DistributionRow& row : rows)
    most = std::max(most, row.count);

  constexpr std::size_t kLowEnd = 11, kCountEnd = 36, kBarBegin = 39, kWidestBar = 42;
  const std::size_t full =
      std::min(kWidestBar, std::max(page.width, kBarBegin + 11) - kBarBegin - 1);
  const auto time = [&](Ns ns) { return format_duration_ns(ns, page.style.charset); };
  const auto pad_left = [](std::size_t end, std::string_view text) {
    return end - std::min(end, display_width(text));
  };
  Line heading(std::string(title), Tone::Heading);
  heading.pad_to(pad_left(kCountEnd, "count"), 1).add("count", Tone::Dim);
  Lines lines{std::move(heading)};
  for (const DistributionRow& row : rows) {
    const bool open = row.lower_ns == 0 || row.upper_ns == 0;
    const std::string low = open ? (row.lower_ns == 0 ? "up to" : "above") : time(row.lower_ns);
    const std::string high = time(row.upper_ns == 0 ? row.lower_ns : row.upper_ns);
    const std::string count = format_count(row.count);
    Line line;
    line.pad_to(pad_left(kLowEnd, low)).add(low, open ? Tone::Dim : Tone::Plain);
    line.add(open ? "   " : fmt::format(" {} ", page.style.arrow()), Tone::Dim);
    line.pad_to(kLowEnd + 3 + pad_left(9, high)).add(high);
    line.pad_to(pad_left(kCountEnd, count), 1).add(count).add("  |", Tone::Dim);
    const double share = static_cast<double>(row.count) / static_cast<double>(most);
    line.add(bar(share, full, page.style), Tone::Accent)
        .pad_to(kBarBegin + full)
        .add("|", Tone::Dim);
    lines.push_back(std::move(line));
  }
  return lines;
}

Lines routes_section(const Report& report, std::size_t max_rows, const Page& page) {
  if (report.routes.empty() || max_rows == 0) return {};
  const double seconds = report.seconds();
  Table table({{"Routes", Align::Left, 0, 16},
               {"status", Align::Right, 2},
               {"requests"},
               {"rate", Align::Right, 3},
               {"errors", Align::Right, 1},
               {"p50"},
               {"p99"},
               {"CPU", Align::Right, 4}},
              kIndent);
  const bool with_cpu = page.width >= kWideForCpu;  // where it takes nothing from the names
  std::uint64_t all = 0, shown = 0;
  for (const RouteStats& row : report.routes) {
    all += row.count;
    if (table.size() >= max_rows) continue;
    shown += row.count;
    const Histogram& duration = row.latency.duration;
    const auto time = [&](double percent) {
      return duration.empty()
                 ? Piece{"-", Tone::Dim}
                 : Piece{format_duration_ns(duration.percentile(percent), page.style.charset)};
    };
    const std::string status = status_text(row);
    const Tone status_tone =
        row.client_errors > 0 ? Tone::Warn : (row.errors > 0 ? Tone::Bad : Tone::Plain);
    table.add_row({{route_label(row, page.style)},
                   status.empty() ? Piece{"-", Tone::Dim} : Piece{status, status_tone},
                   {format_count(row.count)},
                   {format_rate(per_second(row.count, seconds))},
                   {format_count(row.errors), row.errors > 0 ? Tone::Bad : Tone::Dim},
                   time(50),
                   time(99),
                   {with_cpu ? cpu_text(row.budget, page.style) : ""}});
  }
  Lines lines = table.lines(page.style, page.width);
  if (table.size() < report.routes.size()) {
    const double share = static_cast<double>(all - shown) / static_cast<double>(all);
    lines.emplace_back().pad_to(kIndent).add(
        fmt::format("{} more with {} of the requests", report.routes.size() - table.size(),
                    format_share(share)),
        Tone::Dim);
  }
  return lines;
}

}  // namespace tailwhy
