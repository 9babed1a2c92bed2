// Finds processes that start later and fit a target: cheap enough to run several times a second.
// Must not know what tracing them takes; the caller says what is traced already.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "targets/selector.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

namespace tailwhy {

/// Bounds of the work of one scan.
struct FollowLimits {
  /// Processes looked at because they are new or young. What does not fit waits for the next scan.
  std::size_t young = 1024;
  /// Older processes looked at again, in turns: a name changes with exec(), however late.
  std::size_t old = 64;
  /// Network namespaces whose listeners are read, in turns.
  std::size_t namespaces = 64;
  /// How long after its start a process is looked at in every scan: it forks under its parent's
  /// name, then execs, then opens its port.
  Ns young_ns = 10 * kNsPerSec;
};

/// Remembers which processes it has seen, so that a scan costs one listing of /proc plus a few
/// reads per new process. Found: by name, by listening socket, or as a child of a traced process.
/// With named PIDs only there is nothing to wait for: a PID that is gone does not come back.
class FollowScanner {
 public:
  FollowScanner(ProcFs proc, TargetMatcher matcher, pid_t self, FollowLimits limits = {});

  /// What fits and is not in `traced`, ascending by PID. `boot_ns` is CLOCK_BOOTTIME now, the clock
  /// of start times. Failing is for good (/proc is gone).
  Result<Selection> scan(std::span<const ProcessId> traced, Ns boot_ns);

  /// Processes that are remembered.
  std::size_t known() const noexcept { return seen_.size(); }
  /// Processes looked at by the last scan.
  std::size_t examined() const noexcept { return examined_; }

 private:
  struct Seen {
    std::uint64_t inode = 0;   // of its directory; another one: perhaps another process
    std::uint64_t net_ns = 0;  // 0: not known, or not needed
    Ns young_until_ns = 0;     // of CLOCK_BOOTTIME
    bool examined = false;
    bool kernel_thread = false;  // never of interest
    bool refused = false;        // fits, but may not be traced; has been told
  };
  struct Found {
    ProcStat stat;
    MatchReason reason = MatchReason::Comm;
  };
  using Inodes = std::set<std::uint64_t>;
  using FoundMap = std::map<pid_t, Found>;

  void update_seen(const std::vector<PidEntry>& entries);
  std::vector<pid_t> pick(Ns boot_ns);
  std::vector<ProcStat> examine(const std::vector<pid_t>& pids);
  bool refresh_listeners();
  bool holds_listener(const ProcStat& stat) const;
  void add_holders(FoundMap& found);
  void add_children(std::span<const ProcStat> stats,
                    const std::set<ProcessId>& traced,
                    FoundMap& found) const;
  Selection read_found(const FoundMap& found);

  ProcFs proc_;
  TargetMatcher matcher_;
  pid_t self_;
  FollowLimits limits_;
  std::map<pid_t, Seen> seen_;
  std::map<std::uint64_t, Inodes> listeners_;  // sockets that fit, by network namespace
  Inodes all_listeners_;
  pid_t next_old_ = 0;             // where the next turn of old processes begins
  std::uint64_t next_net_ns_ = 0;  // the same for namespaces
  std::size_t examined_ = 0;
};

/// CLOCK_BOOTTIME now.
Ns boot_now() noexcept;

}  // namespace tailwhy
