// The resource use of one process since a baseline, from repeated readings of the kernel's
// counters. Must not know about other processes, but for the bytes of children that it has reaped.
#pragma once

#include "base/result.h"
#include "targets/proc_fs.h"
#include "targets/task_usage.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

// X(name, what it says). Sums over the process, threads that have ended included, except where
// said.
#define TW_RESOURCE_COUNTERS(X)                                                                  \
  X(cpu_ns, "CPU time, exact: user and system add up to it")                                     \
  X(cpu_user_ns, "of it in user mode, split by the kernel's ticks")                              \
  X(cpu_system_ns, "of it in the kernel")                                                        \
  X(run_queue_ns, "threads ready to run that waited for a CPU; not after a thread's last visit") \
  X(voluntary_switches, "threads that gave up the CPU to wait; not after a thread's last visit") \
  X(involuntary_switches, "threads that were preempted; not after a thread's last visit")        \
  X(minor_faults, "page faults served from memory")                                              \
  X(major_faults, "page faults that had to wait for storage")                                    \
  X(read_chars, "bytes asked for by read calls: files, pipes and sockets")                       \
  X(write_chars, "bytes handed to write calls: files, pipes and sockets")                        \
  X(disk_read_bytes, "bytes fetched from storage")                                               \
  X(disk_write_bytes, "bytes dirtied for storage")

/// Cumulative numbers: they only grow, and differences of them are those of an interval.
struct ResourceCounters {
#define TW_ROW(name, doc) std::uint64_t name = 0;
  TW_RESOURCE_COUNTERS(TW_ROW)
#undef TW_ROW
  ResourceCounters& operator+=(const ResourceCounters& other) noexcept;
  /// Each minus that of `before`, 0 where that would be negative.
  ResourceCounters since(const ResourceCounters& before) const noexcept;
  friend bool operator==(const ResourceCounters&, const ResourceCounters&) = default;
};

/// For outputs that list them all: name, doc and member.
struct ResourceCounterRow {
  std::string_view name;
  std::string_view doc;
  std::uint64_t ResourceCounters::*member;
};
inline constexpr ResourceCounterRow kResourceCounters[] = {
#define TW_ROW(name, doc) {#name, doc, &ResourceCounters::name},
    TW_RESOURCE_COUNTERS(TW_ROW)
#undef TW_ROW
};

/// What it holds now; 0 when it has ended.
struct ResourceLevels {
  std::uint64_t rss_bytes = 0;       ///< shared pages count in every process that maps them
  std::uint64_t peak_rss_bytes = 0;  ///< since its last exec; kept after the end
  std::uint64_t threads = 0;
  std::uint64_t descriptors = 0;
  ResourceLevels& operator+=(const ResourceLevels& other) noexcept;
};

/// Where counting starts.
enum class Baseline : std::uint8_t {
  Now,    ///< what came before the first reading is not ours
  Birth,  ///< the process was started under our eyes: all of it is
};

/// One process. Work per reading is bounded: at most `max_threads` threads are visited, in turns,
/// so that with more threads their sums lag by up to threads / max_threads readings.
class ProcessAccount {
 public:
  /// Takes the first reading.
  static Result<ProcessAccount> open(const ProcFs& proc,
                                     const ProcessId& id,
                                     Baseline baseline,
                                     std::size_t max_threads);

  /// Takes the next reading. NotFound: the process is gone, what was seen last stays. A zombie is
  /// read one last time and then reports exited().
  Result<> read(const ProcFs& proc, std::size_t max_threads);

  /// Brings total() up to the last reading. Apart from read(), so that the caller can first learn
  /// of children that ended and were reaped by this process.
  void settle();

  /// A traced child ended: once this process reaps it, the kernel adds all the bytes of the child's
  /// life to this one's, and they must not count twice.
  void expect_reaped(const ProcessUsage& child);

  const ProcessId& id() const noexcept { return usage_.stat.id; }
  pid_t ppid() const noexcept { return usage_.stat.ppid; }
  const std::string& comm() const noexcept { return usage_.stat.comm; }
  const ProcessUsage& usage() const noexcept { return usage_; }
  const ResourceCounters& total() const noexcept { return total_; }
  ResourceLevels levels() const noexcept;
  bool exited() const noexcept { return exited_; }
  void mark_exited() noexcept { exited_ = true; }

  /// Some of total() is known to be too small: threads were not visited, or came and went unseen,
  /// or the kernel did not show /proc/PID/io.
  bool partial() const noexcept { return partial_; }

 private:
  ProcessAccount(ProcessUsage usage, Baseline baseline);

  void visit_threads(const ProcFs& proc, std::size_t max_threads);
  void list_threads(const ProcFs& proc);
  void visit(const ProcFs& proc, pid_t tid);
  void settle_cpu();
  void settle_io();
  IoUsage take_reaped();

  ProcessUsage usage_;  // the last reading
  ProcessUsage base_;
  bool from_birth_ = false;
  std::map<pid_t, ThreadUsage> threads_;  // as last visited
  std::vector<pid_t> old_;                // of the first listing, ascending
  std::vector<pid_t> to_visit_;           // rest of this round
  ResourceCounters thread_sums_;          // run queue and switches; cpu_ns as seen per thread
  std::vector<ProcessUsage> unreaped_;    // ended children that have not been reaped yet
  std::uint64_t reaped_faults_seen_ = 0;
  std::uint64_t unclaimed_faults_ = 0;  // of reaped children that we have not matched
  IoUsage reaped_io_;                   // to be taken off our own
  ResourceCounters total_;
  bool exited_ = false;
  bool lagging_ = false;  // threads wait for a later round
  bool partial_ = false;
};

}  // namespace tailwhy
