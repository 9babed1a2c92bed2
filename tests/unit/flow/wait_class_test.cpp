// Every way to sleep has its part.
#include "flow/wait_class.h"

#include <catch2/catch.hpp>

#include <sys/syscall.h>

#include <utility>
#include <vector>

using namespace tailwhy;

namespace {

struct How {
  std::uint8_t flags = 0;
  std::uint8_t file = TW_FILE_NONE;
  std::optional<Role> peer = std::nullopt;
};

tw_ev_off_cpu off(long nr, const How& how = {}) {
  tw_ev_off_cpu off{};
  off.nr = static_cast<__u16>(nr);
  off.flags = how.flags;
  off.file = how.file;
  return off;
}

Part part(long nr, const How& how = {}) {
  return wait_class(off(nr, how), how.peer);
}

}  // namespace

TEST_CASE("wait_class: calls that say it by themselves", "[flow][wait_class]") {
  const std::vector<std::pair<Part, std::vector<long>>> classes = {
      {Part::Lock, {SYS_futex, 449, 455, SYS_flock, SYS_fcntl, SYS_semop, SYS_semtimedop}},
      {Part::Disk,
       {SYS_fsync, SYS_fdatasync, SYS_sync, SYS_syncfs, SYS_sync_file_range, SYS_msync}},
      {Part::Sleep, {SYS_nanosleep, SYS_clock_nanosleep}},
      {Part::Poll,
       {SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_wait, SYS_epoll_pwait, 441, 426,
        SYS_io_getevents, SYS_accept, SYS_accept4}},
      {Part::Downstream, {SYS_connect}},
      {Part::Other,
       {SYS_wait4, SYS_waitid, SYS_pause, SYS_rt_sigtimedwait, SYS_openat, SYS_rename, SYS_unlink,
        SYS_munmap, SYS_read, SYS_write, SYS_recvfrom, SYS_sendfile, 999}},
  };
  for (const auto& [expected, calls] : classes) {
    for (const long nr : calls) {
      INFO("call " << nr);
      CHECK(part(nr) == expected);
    }
  }
}

TEST_CASE("wait_class: a descriptor says what a read or write waits for", "[flow][wait_class]") {
  for (const long nr :
       {SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_preadv,
        SYS_pwritev, SYS_recvfrom, SYS_recvmsg, SYS_sendto, SYS_sendmsg, SYS_sendfile}) {
    INFO("call " << nr);
    CHECK(part(nr, {.file = TW_FILE_REGULAR}) == Part::Disk);
    CHECK(part(nr, {.file = TW_FILE_SOCKET, .peer = Role::Client}) == Part::Downstream);
    CHECK(part(nr, {.file = TW_FILE_SOCKET, .peer = Role::Server}) == Part::Client);
    CHECK(part(nr, {.file = TW_FILE_SOCKET, .peer = Role::Unknown}) == Part::Client);
    CHECK(part(nr, {.file = TW_FILE_SOCKET}) == Part::Other);  // not followed
    CHECK(part(nr, {.file = TW_FILE_PIPE}) == Part::Other);
    CHECK(part(nr, {.file = TW_FILE_ANON}) == Part::Other);
    CHECK(part(nr, {.file = TW_FILE_OTHER}) == Part::Other);
  }
  CHECK(part(SYS_connect, {.file = TW_FILE_SOCKET, .peer = Role::Client}) == Part::Downstream);
  CHECK(part(SYS_accept4, {.file = TW_FILE_SOCKET}) == Part::Poll);
}

TEST_CASE("wait_class: what the kernel says goes before the call", "[flow][wait_class]") {
  CHECK(part(SYS_read, {.flags = TW_OFF_IO_WAIT, .file = TW_FILE_PIPE}) == Part::Disk);
  CHECK(part(SYS_openat, {.flags = TW_OFF_IO_WAIT}) == Part::Disk);
  CHECK(part(426, {.flags = TW_OFF_IO_WAIT}) == Part::Poll);  // a ring with an accept in it
  CHECK(part(TW_NO_CALL, {.flags = TW_OFF_FAULT}) == Part::PageFault);
  CHECK(part(TW_NO_CALL, {.flags = TW_OFF_FAULT | TW_OFF_IO_WAIT}) == Part::PageFault);
  CHECK(part(SYS_nanosleep, {.flags = TW_OFF_STOPPED}) == Part::Other);
  CHECK(part(TW_NO_CALL, {.flags = TW_OFF_FAULT | TW_OFF_STOPPED}) == Part::Other);
  CHECK(part(TW_NO_CALL) == Part::Other);
  // 162 is nanosleep for 32-bit programs, and sync for others
  CHECK(part(SYS_sync, {.flags = TW_OFF_COMPAT}) == Part::Other);
}

TEST_CASE("wait_class: mutexes and file locks hand no work on", "[flow][wait_class]") {
  CHECK(waits_for_mutex(off(SYS_futex, {.flags = TW_OFF_CONTENDED})));
  CHECK(waits_for_mutex(off(SYS_flock)));
  CHECK(waits_for_mutex(off(SYS_fcntl)));
  CHECK_FALSE(waits_for_mutex(off(SYS_futex)));
  CHECK_FALSE(waits_for_mutex(off(SYS_epoll_wait)));
  CHECK_FALSE(waits_for_mutex(off(SYS_read)));
}
