// Names and expected failures. The table is held against the C library's header where that is
// installed: it is older than ours, so every row of it must be here too.
#include "model/syscall_names.h"

#include "model/syscall_table_x86_64.h"

#include <catch2/catch.hpp>

#include <sys/syscall.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

using namespace tailwhy;

TEST_CASE("syscall names: numbers become names", "[model][syscalls]") {
  CHECK(syscall_name(0) == "read");
  CHECK(syscall_name(257) == "openat");
  CHECK(syscall_name(334) == "rseq");
  CHECK(syscall_name(424) == "pidfd_send_signal");
  CHECK(syscall_name(462) == "mseal");
}

TEST_CASE("syscall names: a number without a name shows the number", "[model][syscalls]") {
  CHECK(syscall_name(400) == "syscall_400");  // the hole that the kernel keeps free
  CHECK(syscall_name(471) == "syscall_471");
  CHECK(syscall_name(0xffffffff) == "syscall_4294967295");
}

TEST_CASE("syscall names: the table is ordered and holds what the C library's header has",
          "[model][syscalls]") {
  for (std::size_t i = 1; i < std::size(kSyscallRows); ++i) {
    CHECK(kSyscallRows[i - 1].number < kSyscallRows[i].number);
  }
#ifdef __x86_64__
  std::ifstream header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
  std::size_t rows = 0;
  for (std::string line; std::getline(header, line);) {
    std::istringstream words(line);
    std::string define, name;
    std::uint32_t number = 0;
    if (!(words >> define >> name >> number) || name.rfind("__NR_", 0) != 0) continue;
    ++rows;
    CHECK(syscall_name(number) == name.substr(5));
  }
  CHECK((rows > 300 || !header.is_open()));
#endif
}

TEST_CASE("errno names: the C library's and the kernel's own", "[model][syscalls]") {
  CHECK(errno_name(ENOENT) == "ENOENT");
  CHECK(errno_name(EAGAIN) == "EAGAIN");
  CHECK(errno_name(EOPNOTSUPP) == "EOPNOTSUPP");
  CHECK(errno_name(512) == "ERESTARTSYS");
  CHECK(errno_name(516) == "ERESTART_RESTARTBLOCK");
  CHECK(errno_name(0) == "errno_0");
  CHECK(errno_name(4000) == "errno_4000");
  CHECK(errno_name(0xffffffff) == "errno_4294967295");
}

TEST_CASE("expected failures: what a healthy server has all the time", "[model][syscalls]") {
  CHECK(expected_failure("read", "EAGAIN"));
  CHECK(expected_failure("syscall_999", "EAGAIN"));
  CHECK(expected_failure("epoll_wait", "EINTR"));
  CHECK(expected_failure("nanosleep", "ERESTART_RESTARTBLOCK"));
  CHECK(expected_failure("futex", "ETIMEDOUT"));
  CHECK(expected_failure("connect", "EINPROGRESS"));
  CHECK(expected_failure("openat", "ENOENT"));
  CHECK(expected_failure("newfstatat", "ENOTDIR"));
  CHECK(expected_failure("mkdir", "EEXIST"));
  CHECK(expected_failure("ioctl", "ENOTTY"));
}

TEST_CASE("expected failures: the same codes where they mean trouble", "[model][syscalls]") {
  CHECK_FALSE(expected_failure("clone3", "EAGAIN"));  // a limit on threads
  CHECK_FALSE(expected_failure("connect", "ETIMEDOUT"));
  CHECK_FALSE(expected_failure("connect", "ENOENT"));  // no such Unix socket
  CHECK_FALSE(expected_failure("unlink", "ENOENT"));
  CHECK_FALSE(expected_failure("read", "EINPROGRESS"));
  CHECK_FALSE(expected_failure("openat", "EACCES"));
  CHECK_FALSE(expected_failure("openat", "EMFILE"));
  CHECK_FALSE(expected_failure("sendto", "EPIPE"));
  CHECK_FALSE(expected_failure("sendto", "ECONNRESET"));
  CHECK_FALSE(expected_failure("write", "ENOSPC"));
}

TEST_CASE("expected failures: no rule matches a part of a word", "[model][syscalls]") {
  CHECK_FALSE(expected_failure("open", "EN"));
  CHECK_FALSE(expected_failure("", "ENOENT"));
  CHECK_FALSE(expected_failure("read", ""));
  CHECK_FALSE(expected_failure("poll epoll", "ETIMEDOUT"));
}
