// /proc/PID/stat and /proc/PID/status as values: the two files every other part here starts from.
// Pure parsing: must not open files.
#pragma once

#include "base/result.h"

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

/// A process, told apart from a later one that reuses its PID.
struct ProcessId {
  pid_t pid = 0;
  /// Clock ticks (USER_HZ, 1/100 s) from boot to its start. exec() keeps it, fork() does not.
  std::uint64_t start_ticks = 0;
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;  // NOLINT: clang-tidy 14
};

/// The fields of /proc/PID/stat that we use. Counters are of the whole process, threads that have
/// ended included; its children are not.
struct ProcStat {
  ProcessId id;
  pid_t ppid = 0;
  std::string comm;  ///< untrusted: any bytes but NUL, at most 63
  char state = '?';
  std::uint32_t flags = 0;  ///< PF_* of the kernel
  std::uint64_t minor_faults = 0;
  std::uint64_t reaped_minor_faults = 0;  ///< of children that were waited for
  std::uint64_t major_faults = 0;
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint32_t threads = 0;
  /// As wait(2) encodes it; set for a zombie. 0 also stands for "you may not look into it".
  std::optional<int> exit_code;

  bool kernel_thread() const noexcept { return (flags & 0x00200000) != 0; }  // PF_KTHREAD
  /// Ended as a whole. A process whose first thread alone has ended also shows state Z.
  bool zombie() const noexcept {
    return state == 'X' || state == 'x' || (state == 'Z' && threads <= 1);
  }
};

/// Parses the text of /proc/PID/stat.
Result<ProcStat> parse_stat(std::string_view text);

/// The fields of /proc/PID/status (or task/TID/status) that we use.
struct ProcStatus {
  pid_t tgid = 0;
  std::uint32_t uid = 0;       ///< effective
  std::vector<pid_t> ns_pids;  ///< its PID in our namespace first, then in each nested one
  std::uint64_t peak_rss_bytes = 0;
  std::uint64_t voluntary_switches = 0;    ///< of this one thread
  std::uint64_t involuntary_switches = 0;  ///< of this one thread
};

/// Parses the text of /proc/PID/status. Fields that a kernel does not have stay 0.
ProcStatus parse_status(std::string_view text);

/// Cuts the first field off `text` (fields are separated by blanks and tabs); empty at the end.
std::string_view next_field(std::string_view& text) noexcept;

/// Cuts the first line off `text`, without its end.
std::string_view next_line(std::string_view& text) noexcept;

}  // namespace tailwhy
