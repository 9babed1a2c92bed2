// Exit notification through pidfds, with /proc as the fallback. Must not reap anything.
#include "targets/watch.h"

#include "targets/process.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

// <linux/pidfd.h> of 6.13, which Debian 12 does not have yet; the first version of the struct,
// which every later kernel takes.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroupid;
  std::array<std::uint32_t, 11> ids;
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t kPidfdInfoExit = 1U << 3;  // set in the answer when exit_code holds, 6.15
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

bool has_ended(int pidfd) {
  pollfd poll{.fd = pidfd, .events = POLLIN};
  return ::poll(&poll, 1, 0) > 0 && poll.revents != 0;
}

std::optional<ExitStatus> status_of_reaped(int pidfd) {
  PidfdInfo info{.mask = kPidfdInfoExit};
  if (pidfd < 0 || ::ioctl(pidfd, kPidfdGetInfo, &info) != 0) return std::nullopt;
  if ((info.mask & kPidfdInfoExit) == 0) return std::nullopt;
  return ExitStatus{.wait_status = info.exit_code};
}

std::optional<ExitStatus> status_of_zombie(const ProcFs& proc, const ProcessId& id) {
  const auto stat = read_stat(proc, id.pid);
  if (!stat || stat->id != id || !stat->exit_code) return std::nullopt;
  // The kernel shows 0 to those who may not know. /proc/PID/io has the same guard.
  if (*stat->exit_code == 0 && !proc.read(id.pid, "io")) return std::nullopt;
  return ExitStatus{.wait_status = *stat->exit_code};
}

}  // namespace

bool ExitStatus::exited_normally() const noexcept {
  return WIFEXITED(wait_status);
}

std::string ExitStatus::describe() const {
  if (WIFEXITED(wait_status)) return "status " + std::to_string(WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  const char* name = ::sigdescr_np(signal);  // strsignal() would write to a shared buffer
  std::string text = "signal " + std::to_string(signal);
  if (name != nullptr) text.append(" (").append(name).append(")");
  if (WCOREDUMP(wait_status)) text += ", core dumped";
  return text;
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return Error::from_errno("watch process " + std::to_string(pid), errno);
  return fd;
}

std::optional<ExitStatus> read_exit_status(const ProcFs& proc, const ProcessId& id, int pidfd) {
  // In this order: a process that is reaped between the two looks is found by the second one.
  if (auto status = status_of_zombie(proc, id)) return status;
  return status_of_reaped(pidfd);
}

ExitWatch::ExitWatch(ProcFs proc, Method method, UniqueFd epoll)
    : proc_(std::move(proc)), method_(method), epoll_(std::move(epoll)) {}

Result<ExitWatch> ExitWatch::create(ProcFs proc, Method method) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return Error::from_errno("make an epoll descriptor", errno);
  // Elsewhere than in our own /proc a PID is the number of a process of another PID namespace.
  if (!proc.is_live()) method = Method::Polling;
  return ExitWatch(std::move(proc), method, std::move(epoll));
}

Result<> ExitWatch::add(const ProcessId& id) {
  if (watched_.contains(id)) return {};
  UniqueFd pidfd;
  if (method_ == Method::PidFd) {
    auto opened = open_pidfd(id.pid);
    if (!opened && opened.error().code() == ErrorCode::NotFound) return opened.error();
    // Anything else (old kernel, no descriptor left) leaves us with polling.
    if (opened) pidfd = *std::move(opened);
  }
  // After the pidfd was opened: the same start time says that the pidfd is of this process.
  if (!is_alive(proc_, id)) {
    return Error(ErrorCode::NotFound, "process " + std::to_string(id.pid) + " has ended");
  }
  if (pidfd) {
    epoll_event event{.events = EPOLLIN};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pidfd.get(), &event) != 0) pidfd.reset();
  }
  watched_.emplace(id, std::move(pidfd));
  return {};
}

// Closing a pidfd also takes it out of the epoll set: nobody else has a copy of it.
void ExitWatch::remove(const ProcessId& id) {
  watched_.erase(id);
}

std::size_t ExitWatch::polled() const noexcept {
  std::size_t count = 0;
  for (const auto& [id, pidfd] : watched_) {
    count += pidfd ? 0 : 1;
  }
  return count;
}

std::vector<ProcessExit> ExitWatch::collect() {
  std::vector<ProcessExit> exits;
  for (auto entry = watched_.begin(); entry != watched_.end();) {
    const auto& [id, pidfd] = *entry;
    const bool ended = pidfd ? has_ended(pidfd.get()) : !is_alive(proc_, id);
    if (!ended) {
      ++entry;
      continue;
    }
    exits.push_back({.id = id, .status = read_exit_status(proc_, id, pidfd.get())});
    entry = watched_.erase(entry);
  }
  return exits;
}

}  // namespace tailwhy
