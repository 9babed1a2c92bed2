// Reads the kernel's counters of one process. Must not remember anything.
#include "targets/task_usage.h"

#include "base/text.h"
#include "targets/process.h"

#include <algorithm>
#include <ctime>
#include <string>
#include <unistd.h>

namespace tailwhy {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

std::string task_file(pid_t tid, std::string_view name) {
  return "task/" + std::to_string(tid) + '/' + std::string(name);
}

// The process clock of another process: the kernel sums up its threads and what ended threads had,
// exact to the ns, at any privilege and for zombies too. The utime and stime of /proc are the same
// sum in 1/100 s.
std::optional<std::uint64_t> read_cpu_clock(pid_t pid) {
  clockid_t clock = 0;
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(time.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::optional<IoUsage> read_io(const ProcFs& proc, pid_t pid) {
  const auto text = proc.read(pid, "io");
  if (!text) return std::nullopt;
  IoUsage io;
  std::string_view rest(*text);
  while (!rest.empty()) {
    std::string_view line = next_line(rest);
    const std::string_view key = next_field(line);
    const std::uint64_t value = parse_number<std::uint64_t>(next_field(line)).value_or(0);
    if (key == "rchar:") io.read_chars = value;
    if (key == "wchar:") io.write_chars = value;
    if (key == "read_bytes:") io.disk_read_bytes = value;
    if (key == "write_bytes:") io.disk_write_bytes = value;
  }
  return io;
}

void read_memory(const ProcFs& proc, ProcessUsage& usage) {
  const pid_t pid = usage.stat.id.pid;
  std::string prefix;  // the memory of a process whose first thread has ended shows in the others
  if (usage.stat.state == 'Z') {
    const auto tids = proc.numbers(pid, "task");
    if (tids && !tids->empty()) prefix = task_file(tids->back(), "");
  }
  if (const auto text = proc.read(pid, prefix + "statm")) {
    std::string_view rest(*text);
    next_field(rest);  // size of the address space
    usage.rss_bytes = parse_number<std::uint64_t>(next_field(rest)).value_or(0) *
                      static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  if (const auto text = proc.read(pid, prefix + "status")) {
    usage.status = parse_status(*text);
  }
}

}  // namespace

std::uint64_t ticks_to_ns(std::uint64_t ticks) noexcept {
  static const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return ticks * (kNsPerSecond / ticks_per_second);
}

Result<ProcessUsage> read_process_usage(const ProcFs& proc, const ProcessId& id) {
  ProcessUsage usage;
  if (proc.is_live()) usage.cpu_ns = read_cpu_clock(id.pid);
  auto stat = read_stat(proc, id.pid);
  // Read after the clock: the same start time now means that it was this process before as well.
  if (!stat) return stat.error();
  if (stat->id != id) {
    return Error(ErrorCode::NotFound,
                 "process " + std::to_string(id.pid) + " has ended; another one has its PID now");
  }
  usage.stat = *std::move(stat);
  usage.io = read_io(proc, id.pid);
  if (usage.stat.zombie()) return usage;
  if (const auto count = proc.count_descriptors(id.pid)) usage.descriptors = *count;
  read_memory(proc, usage);
  return usage;
}

Result<ThreadUsage> read_thread_times(const ProcFs& proc, pid_t pid, pid_t tid) {
  const auto text = proc.read(pid, task_file(tid, "schedstat"));
  if (!text) return text.error();
  std::string_view rest(*text);
  ThreadUsage thread{.tid = tid};
  thread.run_ns = parse_number<std::uint64_t>(next_field(rest)).value_or(0);
  thread.run_queue_ns = parse_number<std::uint64_t>(next_field(rest)).value_or(0);
  rest = rest.substr(0, rest.find('\n'));
  thread.slices = parse_number<std::uint64_t>(next_field(rest)).value_or(0);
  return thread;
}

Result<> read_thread_switches(const ProcFs& proc, pid_t pid, ThreadUsage& thread) {
  const auto text = proc.read(pid, task_file(thread.tid, "status"));
  if (!text) return text.error();
  const ProcStatus status = parse_status(*text);
  thread.voluntary_switches = status.voluntary_switches;
  thread.involuntary_switches = status.involuntary_switches;
  return {};
}

}  // namespace tailwhy
