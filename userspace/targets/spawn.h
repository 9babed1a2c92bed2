// `-- CMD ARGS`: starts a command that waits before its exec() until the trace is attached.
// Must not know about tracing; forwards no signals (Ctrl-C reaches the whole foreground group).
#pragma once

#include "base/clock.h"
#include "base/handle.h"
#include "base/result.h"
#include "targets/proc_stat.h"
#include "targets/watch.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace tailwhy {

/// A child of ours, held before exec() by spawn(), let go by release().
///
/// It shares our standard streams, working directory, environment, terminal and process group; its
/// signals are all at their defaults and unblocked. If it is never released (we fail, or are
/// killed) it ends without having run the command.
class SpawnedProcess {
 public:
  /// Forks. Usage error for an empty command; Runtime and Permission for what fork() says.
  static Result<SpawnedProcess> spawn(const std::vector<std::string>& command);

  SpawnedProcess(SpawnedProcess&& other) noexcept;
  SpawnedProcess& operator=(SpawnedProcess&& other) noexcept;
  SpawnedProcess(const SpawnedProcess&) = delete;
  SpawnedProcess& operator=(const SpawnedProcess&) = delete;
  /// Not released: the child ends and is collected. Released: it goes on without us.
  ~SpawnedProcess();

  pid_t pid() const noexcept { return id_.pid; }
  /// Stays the same across exec().
  const ProcessId& id() const noexcept { return id_; }
  /// Readable when the command has ended: for the caller's epoll set.
  int pidfd() const noexcept { return pidfd_.get(); }

  /// Lets the child exec() and waits until it has: from then on the command runs. The error is what
  /// execvp() said (NotFound: no such command; Permission: not executable), and the child has ended
  /// with status 127 or 126, as a shell would.
  Result<> release();

  /// The status if the command has ended (and collects it); nothing while it runs.
  std::optional<ExitStatus> try_wait();

  /// Sends a signal; nothing happens if it has ended.
  Result<> signal(int signal_number);

  /// Ends it: SIGTERM, and SIGKILL if it is still there after `grace_ns`. Blocks until it has
  /// ended. Only the command itself is signalled: what it has started shares our own process group.
  Result<ExitStatus> terminate(Ns grace_ns);

 private:
  SpawnedProcess(
      ProcessId id, UniqueFd pidfd, UniqueFd hold_read, UniqueFd hold, UniqueFd exec_error);
  void abandon() noexcept;
  bool wait_ended(Ns timeout_ns) const;

  ProcessId id_;
  std::string name_;
  UniqueFd pidfd_;
  UniqueFd hold_read_;   // kept open so that writing to hold_ cannot raise SIGPIPE
  UniqueFd hold_;        // one byte: go; closed: end
  UniqueFd exec_error_;  // an errno if exec() failed; closed by exec() otherwise
  std::optional<ExitStatus> status_;
};

}  // namespace tailwhy
