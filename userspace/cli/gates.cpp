#include "cli/gates.h"

#include "base/text.h"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace tailwhy {

namespace {

constexpr std::array<std::pair<std::string_view, double>, 4> kPercentiles{
    {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}}};

bool is_duration(std::string_view metric) {
  return metric.starts_with('p') || metric == "max";
}

double measure(std::string_view metric, const Report& total) {
  const ExchangeCounts& counts = total.server;
  if (metric == "max") return static_cast<double>(total.latency.duration.max_ns());
  for (const auto& [name, percent] : kPercentiles) {
    if (metric == name) return static_cast<double>(total.latency.duration.percentile(percent));
  }
  if (metric == "errors") {
    const std::uint64_t ended = counts.matched + counts.unmatched;
    const std::uint64_t errors = counts.server_errors + counts.failed;
    return ended == 0 ? 0 : static_cast<double>(errors) / static_cast<double>(ended);
  }
  if (metric == "rps") {
    return total.seconds() > 0 ? static_cast<double>(counts.matched) / total.seconds() : 0;
  }
  return static_cast<double>(total.lost());
}

std::string show(std::string_view metric, double value) {
  if (is_duration(metric)) return format_duration_ns(static_cast<Ns>(value));
  if (metric == "errors") return fmt::format("{:.3g} %", value * 100);
  return fmt::format("{:.6g}", value);
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Error bad_gate(const std::string& text) {
  return Error(ErrorCode::Usage, fmt::format("--fail-if '{}': not a condition", text),
               "for example 'p99>50ms', 'max>=1s', 'errors>1%', 'rps<1000', 'lost>0'");
}

}  // namespace

Result<Gate> parse_gate(const std::string& text) {
  const std::size_t op = text.find_first_of("<>");
  if (op == std::string::npos) return bad_gate(text);
  Gate gate{.text = text, .metric = std::string(trim(std::string_view(text).substr(0, op)))};
  gate.greater = text[op] == '>';
  gate.or_equal = op + 1 < text.size() && text[op + 1] == '=';
  std::string_view value = trim(std::string_view(text).substr(op + (gate.or_equal ? 2 : 1)));
  bool known = gate.metric == "max" || gate.metric == "errors" || gate.metric == "rps" ||
               gate.metric == "lost";
  for (const auto& [name, percent] : kPercentiles)
    known = known || gate.metric == name;
  if (!known || value.empty()) return bad_gate(text);
  if (is_duration(gate.metric)) {
    auto duration = parse_duration(value);
    if (!duration) return bad_gate(text);
    gate.value = static_cast<double>(*duration);
    return gate;
  }
  const bool percent = value.back() == '%';
  if (percent) value = trim(value.substr(0, value.size() - 1));
  const auto number = parse_number(value);
  if (!number || (percent && gate.metric != "errors")) return bad_gate(text);
  gate.value = percent ? *number / 100 : *number;
  return gate;
}

Result<> check_gates(const std::vector<Gate>& gates, std::int64_t max_loss, const Report& total) {
  if (max_loss >= 0 && total.lost() > static_cast<std::uint64_t>(max_loss)) {
    return Error(
        ErrorCode::Loss,
        fmt::format("{} events were lost, more than --max-loss {}", total.lost(), max_loss),
        "a larger --ring-size may help; the report says where they were lost");
  }
  std::string failed;
  for (const Gate& gate : gates) {
    if (total.server.matched + total.server.unmatched == 0 && gate.metric != "rps" &&
        gate.metric != "lost") {
      return Error(
          ErrorCode::Gate, fmt::format("--fail-if '{}': no requests were measured", gate.text),
          "nothing that passes without one is a check; the report says why there were none");
    }
    const double found = measure(gate.metric, total);
    const bool beyond = gate.greater ? found > gate.value : found < gate.value;
    if (!beyond && !(gate.or_equal && found == gate.value)) continue;
    if (!failed.empty()) failed += ", ";
    failed += fmt::format("{} ({} is {})", gate.text, gate.metric, show(gate.metric, found));
  }
  if (failed.empty()) return {};
  return Error(ErrorCode::Gate, "--fail-if came true: " + failed);
}

}  // namespace tailwhy
