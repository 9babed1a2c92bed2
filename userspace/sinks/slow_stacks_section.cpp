// See the header.
#include "sinks/slow_stacks_section.h"

#include "base/text.h"
#include "sinks/numbers.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kLines = 3;
constexpr std::size_t kJsonLines = 10;
constexpr std::size_t kIndent = 2;
constexpr std::size_t kGap = 2;
constexpr std::size_t kPlace = 26;  // the column at which a line's place begins
constexpr std::size_t kLongestFunction = 48;
constexpr std::size_t kLongestFile = 30;

std::string_view name_of(Part part) {
  return kPartSpecs[static_cast<std::size_t>(part)].name;
}

double share_of(Ns part, Ns whole) {
  if (whole == 0) return 0;
  return std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

// "take_order() shop.cpp:42"
std::string frame_text(const CodeFrame& frame, const Page& page) {
  std::string text = escape_terminal(frame.function, kLongestFunction, page.style.charset);
  const bool named = !text.empty() && text.front() != '[' && text.back() != ')';
  if (named) text += "()";
  if (frame.file.empty()) return text;
  const std::string_view file = std::string_view(frame.file).substr(frame.file.rfind('/') + 1);
  text += ' ' + escape_terminal(file, kLongestFile, page.style.charset);
  if (frame.line != 0) text += fmt::format(":{}", frame.line);
  return text;
}

// The callers stand behind it where there is room, or else below.
void add_line(Lines& lines, const SlowLine& row, const SlowStacks& stacks, const Page& page) {
  Line& line = lines.emplace_back();
  line.pad_to(kIndent).add(std::string(name_of(row.part)));
  const std::string share = format_share(share_of(row.ns, stacks.total_ns));
  line.pad_to(kPlace - kGap - share.size(), 1).add(share);
  line.pad_to(kPlace, kGap).add(frame_text(row.at, page), Tone::Strong);
  std::string callers;
  for (const CodeFrame& caller : row.callers) {
    const std::string more = (callers.empty() ? "<- " : " <- ") + frame_text(caller, page);
    const bool fits = kPlace + callers.size() + more.size() <= page.width;
    if (!callers.empty() && !fits) break;
    callers += more;
  }
  if (callers.empty()) return;
  const bool fits = line.width() + kGap + callers.size() <= page.width;
  Line& behind = fits ? line.pad_to(0, kGap) : lines.emplace_back().pad_to(kPlace);
  behind.add(callers, Tone::Dim);
}

Json frame_json(const CodeFrame& frame) {
  Json json;
  json["code.function.name"] = frame.function;
  if (!frame.file.empty()) json["code.file.path"] = frame.file;
  if (frame.line != 0) json["code.line.number"] = frame.line;
  return json;
}

}  // namespace

Lines slow_stacks_section(const SlowStacks& stacks, const Page& page) {
  if (!stacks.wanted) return {};
  const std::vector<SlowLine> rows = slow_lines(stacks, kLines);
  if (rows.empty()) {
    const std::string why = stacks.requests == 0
                                ? "no request was slow (by p99, from 100 on; or --slow)"
                                : "no stack was seen in the slow requests";
    return facts("In the code", {{why, Tone::Dim}}, page.style, page.width);
  }
  Lines lines{Line("Where in the code", Tone::Heading)};
  lines.back().add(fmt::format("  of the time of {}", counted(stacks.requests, "slow request")),
                   Tone::Dim);
  for (const SlowLine& row : rows)
    add_line(lines, row, stacks, page);
  std::vector<std::string> notes;
  if (!stacks.cpu_known) notes.emplace_back("what runs was not looked at");
  if (stacks.not_kept > 0) notes.push_back(fmt::format("{} samples not kept", stacks.not_kept));
  if (stacks.too_old > 0) {
    notes.push_back(
        fmt::format("{} of {} slow requests not whole", stacks.too_old, stacks.requests));
  }
  for (const std::string& note : notes)
    lines.emplace_back().pad_to(kIndent).add(note, Tone::Warn);
  return lines;
}

void add_slow_stacks(Json& summary, const SlowStacks& stacks, std::size_t most) {
  if (!stacks.wanted) return;
  Json rows = Json::array();
  for (const SlowLine& line : slow_lines(stacks, std::min(most, kJsonLines))) {
    Json row;
    row["part"] = name_of(line.part);
    row["ns"] = line.ns;
    row["share"] = share_of(line.ns, stacks.total_ns);
    row["samples"] = line.samples;
    row["at"] = frame_json(line.at);
    row["callers"] = Json::array();
    for (const CodeFrame& caller : line.callers)
      row["callers"].push_back(frame_json(caller));
    rows.push_back(std::move(row));
  }
  summary["slow_stacks"] = std::move(rows);
  summary["slow_stacks_of"] = {
      {"requests", stacks.requests},         {"duration_ns", stacks.total_ns},
      {"slow_from_ns", stacks.slow_from_ns}, {"cpu_known", stacks.cpu_known},
      {"samples_not_kept", stacks.not_kept}, {"requests_not_whole", stacks.too_old}};
}

}  // namespace tailwhy
