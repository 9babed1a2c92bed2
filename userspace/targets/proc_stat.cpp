// Parsing of /proc/PID/stat and /proc/PID/status. Must not open files.
#include "targets/proc_stat.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tailwhy {
namespace {

// Numbers of proc_pid_stat(5) minus 3: the first field after the name is number 3.
constexpr std::size_t kState = 0;
constexpr std::size_t kPpid = 1;
constexpr std::size_t kFlags = 6;
constexpr std::size_t kMinorFaults = 7;
constexpr std::size_t kReapedMinorFaults = 8;
constexpr std::size_t kMajorFaults = 9;
constexpr std::size_t kUserTicks = 11;
constexpr std::size_t kSystemTicks = 12;
constexpr std::size_t kThreads = 17;
constexpr std::size_t kStartTicks = 19;
constexpr std::size_t kExitCode = 49;
constexpr std::size_t kFieldCount = 50;

std::uint64_t number_or_zero(std::string_view text) {
  return parse_number<std::uint64_t>(text).value_or(0);
}

// "1234 kB"
std::uint64_t kib_to_bytes(std::string_view value) {
  return number_or_zero(next_field(value)) * 1024;
}

}  // namespace

std::string_view next_field(std::string_view& text) noexcept {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end);
  return field;
}

std::string_view next_line(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Result<ProcStat> parse_stat(std::string_view text) {
  // The name is not escaped and may itself hold ") R 1 ": only the last parenthesis is the
  // kernel's.
  const std::size_t open = text.find(" (");
  const std::size_t close = text.rfind(") ");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) {
    return Error(ErrorCode::Corrupt, "a stat file of /proc does not have a name in parentheses");
  }
  ProcStat stat;
  stat.id.pid = static_cast<pid_t>(number_or_zero(text.substr(0, open)));
  stat.comm = text.substr(open + 2, close - open - 2);

  std::string_view rest = text.substr(close + 2);
  rest = rest.substr(0, rest.find('\n'));
  std::array<std::string_view, kFieldCount> fields;
  for (std::string_view& field : fields) {
    field = next_field(rest);
  }
  const auto start = parse_number<std::uint64_t>(fields[kStartTicks]);
  if (stat.id.pid <= 0 || !start) {
    return Error(ErrorCode::Corrupt, "a stat file of /proc has too few fields");
  }
  stat.id.start_ticks = *start;
  stat.state = fields[kState].front();
  stat.ppid = static_cast<pid_t>(number_or_zero(fields[kPpid]));
  stat.flags = static_cast<std::uint32_t>(number_or_zero(fields[kFlags]));
  stat.minor_faults = number_or_zero(fields[kMinorFaults]);
  stat.reaped_minor_faults = number_or_zero(fields[kReapedMinorFaults]);
  stat.major_faults = number_or_zero(fields[kMajorFaults]);
  stat.user_ticks = number_or_zero(fields[kUserTicks]);
  stat.system_ticks = number_or_zero(fields[kSystemTicks]);
  stat.threads = static_cast<std::uint32_t>(number_or_zero(fields[kThreads]));
  if (const auto code = parse_number<int>(fields[kExitCode]); stat.zombie() && code) {
    stat.exit_code = *code;
  }
  return stat;
}

ProcStatus parse_status(std::string_view text) {
  ProcStatus status;
  while (!text.empty()) {
    std::string_view value = next_line(text);
    const std::size_t colon = std::min(value.find(':'), value.size());
    const std::string_view key = value.substr(0, colon);
    value.remove_prefix(std::min(colon + 1, value.size()));
    if (key == "Tgid") {
      status.tgid = static_cast<pid_t>(number_or_zero(next_field(value)));
    } else if (key == "Uid") {
      next_field(value);  // real
      status.uid = static_cast<std::uint32_t>(number_or_zero(next_field(value)));
    } else if (key == "NSpid") {
      for (auto field = next_field(value); !field.empty(); field = next_field(value)) {
        status.ns_pids.push_back(static_cast<pid_t>(number_or_zero(field)));
      }
    } else if (key == "VmHWM") {
      status.peak_rss_bytes = kib_to_bytes(value);
    } else if (key == "voluntary_ctxt_switches") {
      status.voluntary_switches = number_or_zero(next_field(value));
    } else if (key == "nonvoluntary_ctxt_switches") {
      status.involuntary_switches = number_or_zero(next_field(value));
    }
  }
  return status;
}

}  // namespace tailwhy
