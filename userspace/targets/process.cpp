// Reads one process from /proc. Must not print and must not keep the command line.
#include "targets/process.h"

#include "base/handle.h"
#include "base/text.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kMaxCommandLine = std::size_t{64} * 1024;
constexpr std::string_view kDeleted = " (deleted)";

Error no_such_process(const ProcFs& proc, pid_t pid) {
  // With hidepid= a process of somebody else looks like none, but signals tell them apart.
  if (proc.is_live() && ::kill(pid, 0) != 0 && errno == EPERM) {
    return {ErrorCode::Permission,
            "process " + std::to_string(pid) + " belongs to another user and is hidden",
            "run as root: /proc is mounted with hidepid"};
  }
  return {ErrorCode::NotFound, "no process has PID " + std::to_string(pid),
          "list processes with `ps -e`; the PID that a process has inside a container is not "
          "the one it has here (see NSpid in /proc/PID/status)"};
}

Error thread_not_process(const ProcFs& proc, pid_t tid, pid_t tgid) {
  const auto stat = read_stat(proc, tgid);
  const std::string owner =
      stat ? describe(stat->id, stat->comm) : std::to_string(tgid) + " (ended meanwhile)";
  return {ErrorCode::Usage, std::to_string(tid) + " is a thread of process " + owner,
          "all threads of a process are traced together: use PID " + std::to_string(tgid)};
}

// Reads a link that needs ptrace access. Not permitted is remembered, gone is not an error.
std::string read_guarded_link(const ProcFs& proc, Process& process, std::string_view name) {
  auto link = proc.read_link(process.id.pid, name);
  if (link) return *std::move(link);
  if (link.error().code() == ErrorCode::Permission) process.access_denied = true;
  return {};
}

std::uint64_t read_namespace(const ProcFs& proc, Process& process, std::string_view kind) {
  const std::string link = read_guarded_link(proc, process, "ns/" + std::string(kind));
  return parse_link_inode(link, kind).value_or(0);
}

// The kernel opens the file itself, whichever mount namespace or deleted file it is in.
std::optional<bool> runs_32bit(const ProcFs& proc, pid_t pid, std::string_view exe_link) {
  const UniqueFd fd(::open(proc.path(pid, exe_link).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, EI_NIDENT> ident{};
  if (!fd || ::read(fd.get(), ident.data(), ident.size()) != EI_NIDENT) return std::nullopt;
  if (std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) return std::nullopt;
  return ident[EI_CLASS] == ELFCLASS32;
}

// A first thread that has ended gave its memory back: its links are empty, those of the others are
// not.
std::string task_prefix(const ProcFs& proc, const Process& process) {
  if (!process.leader_exited) return {};
  const auto tids = proc.numbers(process.id.pid, "task");
  if (!tids) return {};
  for (const pid_t tid : *tids) {
    if (tid != process.id.pid) return "task/" + std::to_string(tid) + '/';
  }
  return {};
}

void read_program(const ProcFs& proc, Process& process) {
  if (process.kernel_thread || process.zombie) return;
  const std::string link = task_prefix(proc, process) + "exe";
  process.exe = read_guarded_link(proc, process, link);
  process.is_32bit = runs_32bit(proc, process.id.pid, link);
  if (process.exe.ends_with(kDeleted)) {
    process.exe.resize(process.exe.size() - kDeleted.size());
    process.exe_deleted = true;
  }
}

}  // namespace

std::optional<std::uint64_t> parse_link_inode(std::string_view link, std::string_view prefix) {
  if (!link.starts_with(prefix)) return std::nullopt;
  link.remove_prefix(prefix.size());
  if (!link.starts_with(":[") || !link.ends_with("]")) return std::nullopt;
  return parse_number<std::uint64_t>(link.substr(2, link.size() - 3));
}

std::string describe(const ProcessId& id, std::string_view comm) {
  return std::to_string(id.pid) + " (" + escape_terminal(comm) + ')';
}

Result<ProcStat> read_stat(const ProcFs& proc, pid_t pid) {
  const auto text = proc.read(pid, "stat");
  if (!text) {
    if (text.error().code() == ErrorCode::NotFound) return no_such_process(proc, pid);
    return text.error();
  }
  return parse_stat(*text);
}

bool is_alive(const ProcFs& proc, const ProcessId& id) {
  const auto stat = read_stat(proc, id.pid);
  if (!stat) return stat.error().code() != ErrorCode::NotFound;
  return stat->id == id && !stat->zombie();
}

Result<Process> read_process(const ProcFs& proc, pid_t pid) {
  if (pid <= 0) {
    return Error(ErrorCode::Usage, std::to_string(pid) + " is not a PID", "PIDs start at 1");
  }
  auto stat = read_stat(proc, pid);
  if (!stat) return stat.error();
  const auto status_text = proc.read(pid, "status");
  if (!status_text) return no_such_process(proc, pid);
  ProcStatus status = parse_status(*status_text);
  if (status.tgid != 0 && status.tgid != pid) return thread_not_process(proc, pid, status.tgid);

  Process process;
  process.id = stat->id;
  process.ppid = stat->ppid;
  process.comm = std::move(stat->comm);
  process.state = stat->state;
  process.kernel_thread = stat->kernel_thread();
  process.zombie = stat->zombie();
  process.leader_exited = stat->state == 'Z' && !process.zombie;
  process.threads = stat->threads;
  process.exit_code = stat->exit_code;
  process.uid = status.uid;
  process.ns_pids = std::move(status.ns_pids);
  read_program(proc, process);
  if (!process.zombie) {
    process.pid_ns = read_namespace(proc, process, "pid");
    process.net_ns = read_namespace(proc, process, "net");
    process.mnt_ns = read_namespace(proc, process, "mnt");
  }
  if (const auto cgroup = proc.read(pid, "cgroup")) {
    process.cgroup_path = parse_cgroup_path(*cgroup);
    process.container = container_of(process.cgroup_path);
  }
  // The files above were read one by one: the PID may have changed hands in between.
  const auto again = read_stat(proc, pid);
  if (!again || again->id != process.id) return no_such_process(proc, pid);
  return process;
}

Result<> check_traceable(const Process& process) {
  const std::string name = describe(process.id, process.comm);
  if (process.kernel_thread) {
    return Error(ErrorCode::Usage, "process " + name + " is a kernel thread",
                 "kernel threads have no requests of their own; name a process of user space");
  }
  if (process.zombie) {
    return Error(ErrorCode::NotFound,
                 "process " + name +
                     " has already ended: it is a zombie that its parent, process " +
                     std::to_string(process.ppid) + ", has not collected",
                 "name a running process");
  }
  if (process.access_denied) {
    return Error(ErrorCode::Permission,
                 "process " + name + " may not be inspected (it runs as uid " +
                     std::to_string(process.uid) + ")",
                 "run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; in a container, the "
                 "process may belong to a user namespace above ours");
  }
  return {};
}

Result<std::vector<std::string>> read_command_line(const ProcFs& proc, pid_t pid) {
  const auto text = proc.read(pid, "cmdline", kMaxCommandLine);
  if (!text) return text.error();
  std::vector<std::string> arguments;
  std::string_view rest(*text);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    arguments.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return arguments;
}

}  // namespace tailwhy
