// Starts a command held before its exec(). Must not know about tracing.
#include "targets/spawn.h"

#include "base/text.h"
#include "targets/process.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr Ns kNsPerMs = 1'000'000;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// Pipes and not sockets: the child is traced already while it waits, and must not show up as one
// that has a connection.
Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return Error::from_errno("make a pipe", errno);
  return Pipe{.read = UniqueFd(fds[0]), .write = UniqueFd(fds[1])};
}

// What follows runs in the child between fork() and exec(), where other threads of ours may have
// held locks: system calls only, nothing that allocates.

void reset_signals() {
  struct sigaction default_action {};
  default_action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) {
    ::sigaction(number, &default_action, nullptr);  // fails for SIGKILL, SIGSTOP: theirs are fixed
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(int hold_read, int hold_write, int error_write, char* const* argv) {
  ::close(hold_write);  // else it would keep itself waiting when we are gone
  reset_signals();
  char go = 0;
  ssize_t got = -1;
  do {
    got = ::read(hold_read, &go, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(125);  // never released
  ::execvp(argv[0], argv);     // glibc's uses the stack only
  const int error = errno;
  static_cast<void>(::write(error_write, &error, sizeof(error)) == sizeof(error));
  ::_exit(error == ENOENT ? 127 : 126);
}

Error exec_failed(const std::string& name, int error) {
  const std::string what = "run " + escape_terminal(name);
  switch (error) {
    case ENOENT:
      return {ErrorCode::NotFound, what + ": no such command",
              "give its path, or check PATH (sudo has its own); a script may also name an "
              "interpreter that does not exist"};
    case EACCES:
      return {ErrorCode::Permission, what + ": not executable, or not a file",
              "check its permissions (chmod +x) and the directories above it"};
    case ENOEXEC:
      return {ErrorCode::Usage, what + ": not a program for this machine"};
    default:
      return Error::from_errno(what, error);
  }
}

}  // namespace

SpawnedProcess::SpawnedProcess(
    ProcessId id, UniqueFd pidfd, UniqueFd hold_read, UniqueFd hold, UniqueFd exec_error)
    : id_(id),
      pidfd_(std::move(pidfd)),
      hold_read_(std::move(hold_read)),
      hold_(std::move(hold)),
      exec_error_(std::move(exec_error)) {}

SpawnedProcess::SpawnedProcess(SpawnedProcess&& other) noexcept = default;

SpawnedProcess& SpawnedProcess::operator=(SpawnedProcess&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  id_ = other.id_;
  name_ = std::move(other.name_);
  pidfd_ = std::move(other.pidfd_);
  hold_read_ = std::move(other.hold_read_);
  hold_ = std::move(other.hold_);
  exec_error_ = std::move(other.exec_error_);
  status_ = other.status_;
  return *this;
}

SpawnedProcess::~SpawnedProcess() {
  abandon();
}

void SpawnedProcess::abandon() noexcept {
  if (!hold_) return;  // moved from, or released
  // Not by closing the pipe alone: a child that was spawned later has a copy of its end.
  ::kill(id_.pid, SIGKILL);
  hold_.reset();
  while (::waitpid(id_.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<SpawnedProcess> SpawnedProcess::spawn(const std::vector<std::string>& command) {
  if (command.empty() || command.front().empty()) {
    return Error(ErrorCode::Usage, "no command to run",
                 "write it after --, as in: -- ./server -p 80");
  }
  auto hold = make_pipe();
  if (!hold) return hold.error();
  auto exec_error = make_pipe();
  if (!exec_error) return exec_error.error();
  std::vector<char*> argv;
  for (const std::string& argument : command) {
    argv.push_back(const_cast<char*>(argument.c_str()));  // NOLINT: execvp() does not write to it
  }
  argv.push_back(nullptr);

  // Whoever started us may have left SIGCHLD ignored; then children vanish with their status.
  struct sigaction on_child {};
  ::sigaction(SIGCHLD, nullptr, &on_child);
  if (on_child.sa_handler == SIG_IGN) {
    on_child.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &on_child, nullptr);
  }

  // All signals blocked over the fork: a handler of ours must not run in the child.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) {
    run_child(hold->read.get(), hold->write.get(), exec_error->write.get(), argv.data());
  }
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error::from_errno("start " + command.front(), fork_error);

  // From here on the destructor ends and collects the child.
  SpawnedProcess child({.pid = pid}, {}, std::move(hold->read), std::move(hold->write),
                       std::move(exec_error->read));
  child.name_ = command.front();
  auto pidfd = open_pidfd(pid);
  if (!pidfd) return pidfd.error().wrap("start " + command.front());
  child.pidfd_ = *std::move(pidfd);
  const auto stat = read_stat(ProcFs(), pid);
  if (!stat) return stat.error().wrap("start " + command.front());
  child.id_ = stat->id;
  return child;
}

Result<> SpawnedProcess::release() {
  if (!hold_) return Error(ErrorCode::Runtime, "the command was released before");
  const char go = 1;
  if (::write(hold_.get(), &go, 1) != 1) return Error::from_errno("release the command", errno);
  // Its end of this pipe closes when exec() succeeds, or when it ends (Ctrl-C came first): then
  // there is a status to collect, as after any other end.
  int error = 0;
  ssize_t got = -1;
  do {
    got = ::read(exec_error_.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  hold_.reset();
  hold_read_.reset();
  exec_error_.reset();
  if (got != sizeof(error)) return {};
  wait_ended(kNsPerSec);
  try_wait();
  return exec_failed(name_, error);
}

std::optional<ExitStatus> SpawnedProcess::try_wait() {
  int wait_status = 0;
  if (!status_ && ::waitpid(id_.pid, &wait_status, WNOHANG) == id_.pid) {
    status_ = ExitStatus{.wait_status = wait_status};
  }
  return status_;
}

Result<> SpawnedProcess::signal(int signal_number) {
  // Through the pidfd: after try_wait() the PID may belong to somebody else.
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal_number, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return {};
  return Error::from_errno("send a signal to " + describe(id_, name_), errno);
}

// Returns true when it has ended. Not interrupted by signals: the time left is what counts.
bool SpawnedProcess::wait_ended(Ns timeout_ns) const {
  const Ns deadline = mono_now() + timeout_ns;
  while (true) {
    const Ns now = mono_now();
    const Ns left_ms = now >= deadline ? 0 : (deadline - now + kNsPerMs - 1) / kNsPerMs;
    pollfd poll{.fd = pidfd_.get(), .events = POLLIN};
    const int ready = ::poll(&poll, 1, static_cast<int>(std::min<Ns>(left_ms, INT_MAX)));
    if (ready > 0) return true;
    if (ready == 0 && left_ms == 0) return false;
  }
}

Result<ExitStatus> SpawnedProcess::terminate(Ns grace_ns) {
  hold_.reset();  // not released yet: it ends by itself
  if (const auto status = try_wait()) return *status;
  if (auto sent = signal(SIGTERM); !sent) return sent.error();
  // A stopped process acts on SIGTERM only after it goes on.
  if (auto sent = signal(SIGCONT); !sent) return sent.error();
  if (!wait_ended(grace_ns)) {
    if (auto sent = signal(SIGKILL); !sent) return sent.error();
    wait_ended(10 * kNsPerSec);  // not for ever: a process may hang inside the kernel
  }
  if (const auto status = try_wait()) return *status;
  return Error(ErrorCode::Runtime, describe(id_, name_) + " does not end, not even by SIGKILL",
               "it waits in the kernel, for storage or a network file system most likely");
}

}  // namespace tailwhy
