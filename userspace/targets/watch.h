// Knows when processes end, and with which status if the kernel tells.
// Must not reap anything: processes that we started are collected by spawn.h.
#pragma once

#include "base/handle.h"
#include "base/result.h"
#include "targets/proc_fs.h"
#include "targets/proc_stat.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tailwhy {

/// How a process ended, from the status that wait(2) gives.
struct ExitStatus {
  int wait_status = 0;
  bool exited_normally() const noexcept;
  bool success() const noexcept { return wait_status == 0; }
  /// "status 0", "signal 9 (Killed)", "signal 11 (Segmentation fault), core dumped".
  std::string describe() const;
};

struct ProcessExit {
  ProcessId id;
  std::optional<ExitStatus> status;  ///< nothing: the kernel did not tell
};

/// Watches any processes, not only our children. With a pidfd each (one descriptor), or where those
/// cannot be had by looking at /proc whenever collect() is called.
class ExitWatch {
 public:
  enum class Method { PidFd, Polling };

  /// Polling is for kernels before 5.3 and for tests.
  static Result<ExitWatch> create(ProcFs proc, Method method = Method::PidFd);

  /// NotFound: it has ended already (or its PID is another process). Watching twice is harmless.
  Result<> add(const ProcessId& id);
  void remove(const ProcessId& id);

  /// Becomes readable when a process with a pidfd ends: belongs into the caller's epoll set.
  int fd() const noexcept { return epoll_.get(); }

  /// Processes that need collect() to be called from time to time, because fd() does not tell.
  std::size_t polled() const noexcept;
  std::size_t size() const noexcept { return watched_.size(); }

  /// Those that ended since the last call, ascending by PID; they are watched no more.
  std::vector<ProcessExit> collect();

 private:
  ExitWatch(ProcFs proc, Method method, UniqueFd epoll);

  ProcFs proc_;
  Method method_ = Method::PidFd;
  UniqueFd epoll_;                         // of the pidfds
  std::map<ProcessId, UniqueFd> watched_;  // without a pidfd: polled
};

/// pidfd_open(2) with our error. NotFound: no such process; Unsupported: a kernel before 5.3.
Result<UniqueFd> open_pidfd(pid_t pid);

/// Status of a process that has ended: from its zombie, or (since Linux 6.15) from its pidfd after
/// it was reaped. Nothing if it still runs or the kernel does not tell.
std::optional<ExitStatus> read_exit_status(const ProcFs& proc, const ProcessId& id, int pidfd);

}  // namespace tailwhy
