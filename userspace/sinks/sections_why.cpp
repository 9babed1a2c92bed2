// The sections about why slow requests are slow. Which requests those are is decided in
// model/why_slow.h, the words are in why_sentence.cpp.
#include "base/text.h"
#include "sinks/sections.h"
#include "sinks/why_sentence.h"

#include <cmath>
#include <fmt/format.h>
#include <vector>

namespace tailwhy {
namespace {

constexpr std::size_t kIndent = 2;
constexpr double kNothing = 0.5;  // ns

std::string time(double ns, const Style& style) {
  const bool negative = ns <= -kNothing;
  return (negative ? "-" : "") +
         format_duration_ns(static_cast<Ns>(std::llround(std::fabs(ns))), style.charset);
}

std::string percent(double share) {
  const std::string text = fmt::format("{:.1f} %", share * 100);
  return text == "-0.0 %" ? "0.0 %" : text;
}

// Largest extra first, zeros left out; the last one is what could not be attributed, whatever it
// is.
std::vector<const CauseRow*> rows_of(const TailAnalysis& tail) {
  std::vector<const CauseRow*> rows;
  const CauseRow* unattributed = nullptr;
  for (const CauseRow& row : tail.causes) {
    if (row.cause == Cause::Unattributed) {
      unattributed = &row;
    } else if (row.typical >= kNothing || row.slow >= kNothing) {
      rows.push_back(&row);
    }
  }
  rows.push_back(unattributed);
  return rows;
}

std::string slow_heading(const WhySlow& why, const Style& style) {
  if (why.scope == WhySlow::Scope::WholeRoute) return "this route";
  if (why.spec.slow_ns > 0) {
    return fmt::format("from {}", format_duration_ns(why.spec.slow_ns, style.charset));
  }
  return why.tail.slow.requests < 1.5 ? "slowest" : "slowest 1 %";
}

}  // namespace

Lines why_section(const WhySlow& why, const Report& report, const Page& page) {
  const std::string sentence = why_sentence(why, report, page.style);
  if (sentence.empty()) return {};
  const Tone tone = why.verdict == WhySlow::Verdict::Tail ? Tone::Strong : Tone::Plain;
  return facts("Why slow", {{sentence, tone}}, page.style, page.width);
}

Lines causes_section(const WhySlow& why, std::size_t max_rows, const Page& page) {
  using Verdict = WhySlow::Verdict;
  if (why.verdict != Verdict::Tail && why.verdict != Verdict::NoTail) return {};
  if (max_rows == 0) return {};
  const TailAnalysis& tail = why.tail;
  auto rows = rows_of(tail);
  const bool all = rows.size() <= max_rows;
  if (!all) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(max_rows) - 1, rows.end() - 1);
  const bool whole_route = why.scope == WhySlow::Scope::WholeRoute;
  Table table({{"Part", Align::Left},
               {whole_route ? "all requests" : "typical", Align::Right, 1},
               {slow_heading(why, page.style), Align::Right, 2},
               {"extra"},
               {"share"},
               {"", Align::Left, 3}},
              kIndent);
  for (const CauseRow* row : rows) {
    const CauseSpec& spec = spec_of(row->cause);
    table.add_row({{std::string(spec.name)},
                   {time(row->typical, page.style)},
                   {time(row->slow, page.style)},
                   {time(row->extra, page.style)},
                   {percent(row->share)},
                   {std::string(spec.waiting), Tone::Dim}});
  }
  if (all) {  // so that it can be seen that they add up
    table.add_row({{"duration"},
                   {time(tail.typical.duration, page.style)},
                   {time(tail.slow.duration, page.style)},
                   {time(tail.extra(), page.style)},
                   {percent(1)},
                   {"the mean: sum of all parts", Tone::Dim}});
  }
  return table.lines(page.style, page.width);
}

}  // namespace tailwhy
