// Failing system calls are counted exactly, by thread, call and errno.
#include "bpf/scene.h"

#include <catch2/catch.hpp>

#include <sys/syscall.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <set>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

void fail_opens(int count) {
  for (int i = 0; i < count; ++i) {
    must(syscall(SYS_openat, AT_FDCWD, "/nonexistent/file", O_RDONLY) < 0, "an open that fails");
  }
}

std::uint64_t count_of(const std::vector<SyscallErrorRow>& rows,
                       long nr,
                       int error,
                       std::uint32_t tid = 0) {
  std::uint64_t count = 0;
  for (const SyscallErrorRow& row : rows) {
    if (row.key.nr == nr && row.key.error == error && (tid == 0 || row.key.tid == tid)) {
      count += row.count;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("syscalls: failures are counted by call, errno and thread", "[syscalls]") {
  Scene scene(usable_modes().front(), [](Side& side) {
    side.wait();
    fail_opens(1000);
    char byte = 0;
    for (int i = 0; i < 7; ++i) {
      must(read(-1, &byte, 1) < 0 && errno == EBADF, "a read that fails");
    }
    std::thread([] { fail_opens(20); }).join();
    side.wait();
  });
  scene.await();
  const auto rows = scene.tracer().read_syscall_errors().value();
  CHECK(count_of(rows, SYS_openat, ENOENT) == 1020);
  CHECK(count_of(rows, SYS_openat, ENOENT, scene.pid()) == 1000);
  CHECK(count_of(rows, SYS_read, EBADF) == 7);
  for (const SyscallErrorRow& row : rows) {
    CHECK(row.key.pid == scene.pid());
  }
  scene.go();
  scene.finish().check_no_loss();
}

TEST_CASE("syscalls: a thread that has ended can be forgotten, others stay", "[syscalls]") {
  Scene scene(usable_modes().front(), [](Side& side) {
    side.wait();
    fail_opens(3);
    std::thread([] { fail_opens(5); }).join();
    side.wait();
  });
  scene.await();
  const auto before = scene.tracer().read_syscall_errors().value();
  std::vector<ThreadId> ended;
  for (const SyscallErrorRow& row : before) {
    if (row.key.tid != scene.pid()) ended.push_back({row.key.pid, row.key.tid});
  }
  REQUIRE_FALSE(ended.empty());
  REQUIRE(scene.tracer().forget_threads(ended));
  const auto after = scene.tracer().read_syscall_errors().value();
  CHECK(count_of(before, SYS_openat, ENOENT) == 8);
  CHECK(count_of(after, SYS_openat, ENOENT) == 3);
  REQUIRE(scene.tracer().forget_threads({}));
  scene.go();
  scene.finish().check_no_loss();
}

TEST_CASE("syscalls: more rows than fit are counted as lost, not forgotten", "[syscalls]") {
  constexpr int kThreads = 150;
  constexpr int kErrorsEach = 120;  // 18,000 rows; the map holds 16,384
  Scene scene(usable_modes().front(), [](Side& side) {
    side.wait();
    for (int i = 0; i < kThreads; ++i) {
      std::thread([] {
        for (long nr = 1000; nr < 1000 + kErrorsEach; ++nr) {
          must(syscall(nr) < 0 && errno == ENOSYS, "a call that does not exist");
        }
      }).join();
    }
    side.wait();
  });
  scene.await();
  const auto rows = scene.tracer().read_syscall_errors().value();
  const auto lost = scene.tracer().read_counters().value()[TW_CNT_SYSCALL_MAP_FULL];
  std::uint64_t counted = 0;
  for (const SyscallErrorRow& row : rows) {
    if (row.key.error == ENOSYS) counted += row.count;
  }
  CHECK(lost > 0);
  CHECK(counted + lost >= kThreads * kErrorsEach);
  scene.go();
  scene.finish().check_no_loss({TW_CNT_SYSCALL_MAP_FULL});
}
