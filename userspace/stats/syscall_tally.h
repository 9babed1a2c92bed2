// Failing system calls: the cumulative counts per thread that the kernel side keeps become the rows
// of a report, for an interval and in total. Knows nothing of maps or of who prints the rows.
#pragma once

#include "model/report.h"

#include <cstdint>
#include <span>
#include <vector>

namespace tailwhy {

/// One cumulative count, as the kernel side keeps it.
struct SyscallCount {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t number = 0;  ///< of the system call
  std::uint32_t error = 0;   ///< errno
  std::uint64_t count = 0;
};

inline constexpr std::size_t kMaxSyscallRows = 256;
inline constexpr std::size_t kMaxSyscallThreads = 16;

/// Adds counts up by call and errno: most first, at most kMaxSyscallRows rows with at most
/// kMaxSyscallThreads threads each. What does not fit is summed up in a last row "_OTHER", so the
/// counts always add up. Counts of zero are left out.
std::vector<SyscallErrors> group_syscall_errors(std::span<const SyscallCount> counts);

/// Adds up the counts of threads that have ended as those of thread 0 of process 0, so that the
/// memory of ended threads is bounded by the kinds of failures.
void fold_ended_threads(std::vector<SyscallCount>& counts);

/// Remembers the last snapshot to tell what an interval added.
class SyscallTally {
 public:
  /// Takes the whole table as it is now.
  void update(std::vector<SyscallCount> cumulative);

  /// What came since the last call, up to the last update. Rows that fold_ended_threads() moved in
  /// between do not count twice.
  std::vector<SyscallErrors> take_interval();

  /// Everything up to the last update.
  std::vector<SyscallErrors> total() const { return group_syscall_errors(now_); }

 private:
  void take_off_moved(std::vector<SyscallCount>& added) const;

  std::vector<SyscallCount> now_;     // sorted by key
  std::vector<SyscallCount> before_;  // sorted by key; the last interval's end
};

}  // namespace tailwhy
