// One process as /proc shows it: who it is, where it lives, and whether it can be traced.
// Must not print: comm, exe and cgroup path are text that the process chose itself.
#pragma once

#include "base/result.h"
#include "targets/cgroup.h"
#include "targets/proc_fs.h"
#include "targets/proc_stat.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tailwhy {

/// A snapshot. The command line is deliberately not part of it: it may hold secrets, and what is
/// not here cannot reach an output by accident (read_command_line() is for those who were asked).
struct Process {
  ProcessId id;
  pid_t ppid = 0;
  std::string comm;  ///< untrusted bytes: may hold blanks, parentheses, line ends, escapes
  std::string exe;   ///< untrusted bytes; empty: unknown (not permitted, or a kernel thread)
  bool exe_deleted = false;  ///< the file was replaced or removed since it was started
  char state = '?';          ///< letter of proc_pid_stat(5)
  bool kernel_thread = false;
  bool zombie = false;         ///< all of it has ended, its parent has not collected it yet
  bool leader_exited = false;  ///< its first thread has ended, others go on
  std::uint32_t threads = 0;
  std::optional<int> exit_code;  ///< of a zombie, as wait(2) encodes it
  std::uint32_t uid = 0;         ///< effective
  std::vector<pid_t> ns_pids;    ///< its PID in our PID namespace, then in each nested one
  std::uint64_t pid_ns = 0;      ///< inode of its PID namespace; 0: unknown
  std::uint64_t net_ns = 0;      ///< inode of its network namespace; 0: unknown
  std::uint64_t mnt_ns = 0;      ///< inode of its mount namespace; 0: unknown
  std::string cgroup_path;       ///< untrusted bytes
  ContainerId container;
  std::optional<bool> is_32bit;  ///< runs a 32-bit program (i386, x32); nothing: unknown
  bool access_denied = false;    ///< the kernel hides exe and namespaces: it would refuse ptrace(2)
};

/// Reads the process. NotFound: no such process; Usage: `pid` is a thread, not a process. What the
/// kernel refuses to show is left empty and sets access_denied. Zombies and kernel threads are
/// read.
Result<Process> read_process(const ProcFs& proc, pid_t pid);

/// Its /proc/PID/stat only: much cheaper. NotFound as above.
Result<ProcStat> read_stat(const ProcFs& proc, pid_t pid);

/// True while this very process (not a later one with its PID) exists and is no zombie. When /proc
/// cannot be read for another reason (no descriptor left), nothing says that it ended: true.
bool is_alive(const ProcFs& proc, const ProcessId& id);

/// Why the process cannot be traced: a kernel thread (Usage), a zombie (NotFound), or one that the
/// kernel would not let us inspect (Permission: what ptrace(2) may not touch, neither do we).
Result<> check_traceable(const Process& process);

/// The arguments, cut at 64 KiB. May hold secrets: never for logs, never printed by default.
Result<std::vector<std::string>> read_command_line(const ProcFs& proc, pid_t pid);

/// Inode in the text of a namespace or socket link: "net:[4026531833]" with prefix "net".
std::optional<std::uint64_t> parse_link_inode(std::string_view link, std::string_view prefix);

/// "1234 (nginx)" for messages, with the unprintable bytes of the name replaced.
std::string describe(const ProcessId& id, std::string_view comm);

}  // namespace tailwhy
