// The table of names and the rules of expected failures. See the header.
#include "model/syscall_names.h"

#include "model/syscall_table_x86_64.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>
#include <string.h>  // strerrorname_np is not in <cstring>

namespace tailwhy {
namespace {

constexpr std::size_t kNumbers = std::end(kSyscallRows)[-1].number + 1;

constexpr auto kNameByNumber = [] {
  std::array<std::string_view, kNumbers> names{};
  for (const SyscallRow& row : kSyscallRows)
    names[row.number] = row.name;
  return names;
}();

// include/linux/errno.h of the kernel: how a call asks to be restarted after a signal. The program
// sees EINTR or nothing; sys_exit sees these.
constexpr SyscallRow kKernelErrors[] = {
    {512, "ERESTARTSYS"},
    {513, "ERESTARTNOINTR"},
    {514, "ERESTARTNOHAND"},
    {515, "ENOIOCTLCMD"},
    {516, "ERESTART_RESTARTBLOCK"},
    {517, "EPROBE_DEFER"},
    {518, "EOPENSTALE"},
    {519, "ENOPARAM"},
    {521, "EBADHANDLE"},
    {522, "ENOTSYNC"},
    {523, "EBADCOOKIE"},
    {524, "ENOTSUPP"},
    {525, "ETOOSMALL"},
    {526, "ESERVERFAULT"},
    {527, "EBADTYPE"},
    {528, "EJUKEBOX"},
    {529, "EIOCBQUEUED"},
    {530, "ERECALLCONFLICT"},
};

struct ExpectedRule {
  std::string_view errors;  // separated by spaces
  std::string_view calls;   // separated by spaces; "*": any; "*-": any but these
};

constexpr ExpectedRule kExpected[] = {
    // Interrupted by a signal: restarted by the kernel or repeated by the program.
    {"EINTR ERESTARTSYS ERESTARTNOINTR ERESTARTNOHAND ERESTART_RESTARTBLOCK", "*"},
    // The C library and runtimes try newer calls first.
    {"ENOSYS", "*"},
    // "Not now" of non-blocking descriptors. For these calls it means that a limit was hit instead.
    {"EAGAIN",
     "*- fork vfork clone clone3 execve execveat mlock mlock2 mlockall mmap mremap "
     "setuid setreuid setresuid timer_create keyctl add_key"},
    // A wait that ran into the timeout it asked for.
    {"ETIMEDOUT ETIME",
     "futex futex_wait futex_waitv poll ppoll select pselect6 epoll_wait "
     "epoll_pwait epoll_pwait2 io_uring_enter io_getevents io_pgetevents "
     "mq_timedreceive mq_timedsend"},
    // Non-blocking connect, and asking how it went.
    {"EINPROGRESS EALREADY EISCONN", "connect"},
    // Looking whether a path exists: search paths, optional configuration, try_files, caches.
    {"ENOENT ENOTDIR",
     "access faccessat faccessat2 stat lstat newfstatat statx open openat openat2 "
     "readlink readlinkat execve execveat chdir statfs inotify_add_watch"},
    {"EINVAL", "readlink readlinkat"},  // realpath: "is this a link?"
    {"EEXIST", "mkdir mkdirat"},        // "make it unless it is there"
    {"ENODATA EOPNOTSUPP", "getxattr lgetxattr fgetxattr getxattrat"},
    // Asking a descriptor what it is.
    {"ENOTTY", "ioctl"},
    {"ESPIPE", "lseek"},
    {"ENOTSOCK", "getsockopt getsockname getpeername"},
    {"ENOTCONN", "getpeername shutdown"},  // the peer may have gone first
    // Event loops add first and modify when it is there already (or the other way round).
    {"EEXIST ENOENT", "epoll_ctl"},
    // Reaping children until none is left.
    {"ECHILD", "wait4 waitid"},
};

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool covers(std::string_view calls, std::string_view call) {
  if (calls == "*") return true;
  if (calls.starts_with("*- ")) return !has_word(calls.substr(3), call);
  return has_word(calls, call);
}

}  // namespace

std::string syscall_name(std::uint32_t number) {
  if (number < kNumbers && !kNameByNumber[number].empty())
    return std::string(kNameByNumber[number]);
  return fmt::format("syscall_{}", number);
}

std::string errno_name(std::uint32_t error) {
  const auto* row = std::find_if(std::begin(kKernelErrors), std::end(kKernelErrors),
                                 [&](const SyscallRow& r) { return r.number == error; });
  if (row != std::end(kKernelErrors)) return std::string(row->name);
  const char* name =
      error == 0 || error > 4095 ? nullptr : strerrorname_np(static_cast<int>(error));
  return name != nullptr ? name : fmt::format("errno_{}", error);
}

bool expected_failure(std::string_view call, std::string_view error) {
  return std::any_of(std::begin(kExpected), std::end(kExpected), [&](const ExpectedRule& rule) {
    return has_word(rule.errors, error) && covers(rule.calls, call);
  });
}

}  // namespace tailwhy
