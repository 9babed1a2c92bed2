#include "cli/doctor_output.h"

#include "base/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace tailwhy {

namespace {

Tone tone_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ok:
      return Tone::Good;
    case Verdict::Degraded:
      return Tone::Warn;
    case Verdict::Fail:
      return Tone::Bad;
  }
  return Tone::Plain;
}

Lines one_section(const std::vector<DoctorRow>& rows,
                  std::string_view section,
                  const Style& style,
                  std::size_t width) {
  Table table({{std::string(section), Align::Left},
               {"need", Align::Left, 1},
               {"found", Align::Left, 0, 16},
               {"", Align::Left}},
              2);
  for (const DoctorRow& row : rows) {
    if (row.section != section) continue;
    table.add_row({{escape_terminal(row.check)},
                   {escape_terminal(row.need), Tone::Dim},
                   {escape_terminal(row.found)},
                   {std::string(to_string(row.verdict)), tone_of(row.verdict)}});
  }
  return table.lines(style, width);
}

}  // namespace

std::string format_doctor(const std::vector<DoctorRow>& rows,
                          const Style& style,
                          std::size_t width) {
  Lines lines;
  std::string_view section;
  for (const DoctorRow& row : rows) {
    if (row.section == section) continue;
    section = row.section;
    for (Line& line : one_section(rows, section, style, width))
      lines.push_back(std::move(line));
    lines.emplace_back();
  }
  for (const DoctorRow& row : rows) {
    if (row.fix.empty()) continue;
    Line line;
    line.add(escape_terminal(row.check) + ": ", tone_of(row.verdict));
    line.add(escape_terminal(row.fix));
    lines.push_back(std::move(line));
  }
  const Verdict verdict = worst(rows);
  Line last;
  last.add(verdict == Verdict::Ok         ? "tailwhy works here"
           : verdict == Verdict::Degraded ? "tailwhy works here, with less than it could"
                                          : "tailwhy does not work here",
           tone_of(verdict));
  lines.push_back(std::move(last));
  return render(lines, style, std::max<std::size_t>(width, 200));
}

std::string format_doctor_json(const std::vector<DoctorRow>& rows) {
  using Json = nlohmann::ordered_json;
  Json out;
  out["verdict"] = to_string(worst(rows));
  Json& checks = out["checks"] = Json::array();
  for (const DoctorRow& row : rows) {
    Json check = {{"section", row.section},
                  {"check", row.check},
                  {"need", row.need},
                  {"found", row.found},
                  {"verdict", to_string(row.verdict)}};
    if (!row.fix.empty()) check["fix"] = row.fix;
    checks.push_back(std::move(check));
  }
  return out.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace tailwhy
