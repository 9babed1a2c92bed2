// See the header.
#include "sinks/numbers.h"

#include "base/text.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fmt/format.h>
#include <map>

namespace tailwhy {
namespace {

// Three significant digits of a value below 1000, no exponent.
std::string three_digits(double value) {
  if (value < 0.00995) return fmt::format("{:.4f}", value);
  if (value < 0.9995) return fmt::format("{:.3f}", value);
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

std::string local_time(std::uint64_t wall_ns, const char* format) {
  const auto seconds = static_cast<std::time_t>(wall_ns / kNsPerSec);
  std::tm parts{};
  if (localtime_r(&seconds, &parts) == nullptr) return {};
  char text[64];
  const std::size_t size = std::strftime(text, sizeof(text), format, &parts);
  return {text, size};
}

}  // namespace

double per_second(std::uint64_t amount, double seconds) {
  return seconds > 0 ? static_cast<double>(amount) / seconds : 0;
}

double throughput(const ExchangeCounts& counts, double seconds) {
  return per_second(counts.matched, seconds);
}

double error_rate(const ExchangeCounts& counts) {
  const std::uint64_t ended = counts.matched + counts.unmatched;
  return ended == 0 ? 0 : static_cast<double>(errors_of(counts)) / static_cast<double>(ended);
}

std::string format_rate(double rate) {
  if (rate <= 0) return "0/s";
  if (rate < 0.0005) return "<0.001/s";
  if (rate < 999.5) return three_digits(rate) + "/s";
  return format_count_short(static_cast<std::uint64_t>(std::llround(rate))) + "/s";
}

std::string format_share(double share) {
  const double percent = share * 100;
  if (percent <= 0) return "0 %";
  if (percent < 0.001) return "<0.001 %";
  return three_digits(percent) + " %";
}

std::string format_bytes_rate(std::uint64_t bytes, double seconds) {
  return format_bytes(static_cast<std::uint64_t>(std::llround(per_second(bytes, seconds)))) + "/s";
}

std::string counted(std::uint64_t count, std::string_view singular, std::string_view plural) {
  if (count == 1) return fmt::format("1 {}", singular);
  return plural.empty() ? fmt::format("{} {}s", count, singular)
                        : fmt::format("{} {}", count, plural);
}

std::string format_clock(std::uint64_t wall_ns) {
  return local_time(wall_ns, "%H:%M:%S");
}

std::string format_date(std::uint64_t wall_ns) {
  return local_time(wall_ns, "%F %H:%M:%S %Z");
}

std::string status_text(const RouteStats& row) {
  return row.status != 0 ? fmt::format("{}", row.status) : row.status_text;
}

std::vector<StatusCount> count_statuses(const Report& report, Role role, WhoseError whose) {
  std::map<std::string, std::uint64_t> by_status;
  for (const RouteStats& row : report.routes) {
    if (row.role != role) continue;
    // All of a row have the same status, and errors that are none of its protocol's have their own
    // names.
    const bool client = row.client_errors > 0;
    const bool server = !client && row.errors > 0 && (row.status >= 500 || row.status == 0);
    if (whose == WhoseError::Client ? !client : !server) continue;
    if (std::string status = status_text(row); !status.empty()) {
      by_status[std::move(status)] += row.count;
    }
  }
  std::vector<StatusCount> counts;
  for (const auto& [status, count] : by_status)
    counts.push_back({status, count});
  std::stable_sort(counts.begin(), counts.end(),
                   [](const StatusCount& a, const StatusCount& b) { return a.count > b.count; });
  return counts;
}

}  // namespace tailwhy
