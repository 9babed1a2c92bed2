// What the kernel has counted for one process so far, read once: the raw material of resources.h.
// Must not compute differences and must not remember anything.
#pragma once

#include "base/result.h"
#include "targets/proc_fs.h"
#include "targets/proc_stat.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tailwhy {

/// Since the start of the thread. Not kept by the kernel for threads that have ended.
struct ThreadUsage {
  pid_t tid = 0;
  std::uint64_t run_ns = 0;        ///< on a CPU (sum_exec_runtime)
  std::uint64_t run_queue_ns = 0;  ///< runnable, waiting for a CPU
  std::uint64_t slices = 0;        ///< times it was put on a CPU
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
};

/// Bytes, as /proc/PID/io has them: of all threads, ended ones too, *and of every child that was
/// waited for* (the kernel adds a reaped child's whole life to its parent).
struct IoUsage {
  std::uint64_t read_chars = 0;   ///< asked for by read-like calls, from files, sockets, pipes
  std::uint64_t write_chars = 0;  ///< the same for write-like calls
  std::uint64_t disk_read_bytes = 0;
  std::uint64_t disk_write_bytes = 0;
};

/// Of the whole process, but for the switches in `status`.
struct ProcessUsage {
  ProcStat stat;
  /// User and system time of all threads, ended ones too, in ns; absent on a /proc that is not
  /// ours.
  std::optional<std::uint64_t> cpu_ns;
  std::optional<IoUsage> io;
  std::optional<std::uint64_t> descriptors;
  std::uint64_t rss_bytes = 0;
  ProcStatus status;  ///< of its first thread, or of one that is left
};

/// Reads all but the threads. NotFound when the process is gone or the PID is another process now.
/// A zombie is read: its CPU time, faults and bytes are final, its memory and descriptors are gone.
Result<ProcessUsage> read_process_usage(const ProcFs& proc, const ProcessId& id);

/// Times of one thread (cheap). NotFound when it has ended.
Result<ThreadUsage> read_thread_times(const ProcFs& proc, pid_t pid, pid_t tid);

/// Adds the context switches (three times the price of the times).
Result<> read_thread_switches(const ProcFs& proc, pid_t pid, ThreadUsage& thread);

/// Nanoseconds of a number of USER_HZ ticks.
std::uint64_t ticks_to_ns(std::uint64_t ticks) noexcept;

}  // namespace tailwhy
