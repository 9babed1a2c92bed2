// Rows of failing system calls from cumulative counts per thread.
#include "stats/syscall_tally.h"

#include <catch2/catch.hpp>

#include <cerrno>

using namespace tailwhy;

namespace {
constexpr std::uint32_t kRead = 0, kOpenat = 257;
}

TEST_CASE("syscall tally: threads add up to one row per call and errno", "[stats][syscalls]") {
  const SyscallCount counts[] = {
      {10, 10, kRead, EAGAIN, 5},
      {10, 11, kRead, EAGAIN, 7},
      {10, 11, kOpenat, EMFILE, 20},
      {10, 12, kRead, EBADF, 0},
  };
  const auto rows = group_syscall_errors(counts);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].call == "openat");
  CHECK(rows[0].error == "EMFILE");
  CHECK(rows[0].count == 20);
  CHECK_FALSE(rows[0].expected);
  CHECK(rows[1].call == "read");
  CHECK(rows[1].count == 12);
  CHECK(rows[1].expected);
  REQUIRE(rows[1].threads.size() == 2);
  CHECK(rows[1].threads[0].tid == 11);  // most first
  CHECK(rows[1].threads[0].count == 7);
}

TEST_CASE("syscall tally: only the busiest threads are named, the others counted",
          "[stats][syscalls]") {
  std::vector<SyscallCount> counts;
  for (std::uint32_t tid = 1; tid <= 40; ++tid)
    counts.push_back({1, tid, kRead, EIO, tid});
  const auto rows = group_syscall_errors(counts);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].count == 40 * 41 / 2);
  CHECK(rows[0].threads.size() == kMaxSyscallThreads);
  CHECK(rows[0].threads.front().tid == 40);
  CHECK(rows[0].threads_omitted == 40 - kMaxSyscallThreads);
}

TEST_CASE("syscall tally: beyond so many rows the rest is one row", "[stats][syscalls]") {
  std::vector<SyscallCount> counts;
  for (std::uint32_t nr = 0; nr < 300; ++nr)
    counts.push_back({1, 1, nr, EIO, nr + 1});
  const auto rows = group_syscall_errors(counts);
  CHECK(rows.size() == kMaxSyscallRows);
  CHECK(rows.front().count == 300);
  CHECK(rows.back().call == "_OTHER");
  std::uint64_t sum = 0;
  for (const SyscallErrors& row : rows)
    sum += row.count;
  CHECK(sum == 300 * 301 / 2);
}

TEST_CASE("syscall tally: an interval is what was added since the last", "[stats][syscalls]") {
  SyscallTally tally;
  CHECK(tally.take_interval().empty());

  tally.update({{1, 1, kRead, EIO, 3}});
  REQUIRE(tally.take_interval().size() == 1);
  CHECK(tally.take_interval().empty());  // nothing new

  tally.update({{1, 2, kOpenat, EMFILE, 1}, {1, 1, kRead, EIO, 8}});
  const auto rows = tally.take_interval();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].call == "read");
  CHECK(rows[0].count == 5);
  CHECK(rows[1].call == "openat");
  CHECK(rows[1].count == 1);
  CHECK(tally.total()[0].count == 8);
}

TEST_CASE("syscall tally: a count that shrank is counted from zero, never negative",
          "[stats][syscalls]") {
  SyscallTally tally;
  tally.update({{1, 1, kRead, EIO, 100}});
  tally.take_interval();
  tally.update({{1, 1, kRead, EIO, 4}});
  const auto rows = tally.take_interval();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].count == 4);
}
