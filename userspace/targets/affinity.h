// Where tailwhy itself may run: not on the CPUs that a target has been given for itself.
#pragma once

#include "targets/proc_fs.h"

#include <sched.h>
#include <vector>

namespace tailwhy {

/// A server that is pinned to some CPUs (taskset, worker_cpu_affinity, a cpuset) is meant to have
/// them for itself. Work of ours there would cost it more than its share of time: a reader that
/// goes through a megabyte of events leaves it with cold caches. So the calling thread, the one
/// that reads events, leaves those CPUs as long as that leaves it any.
class CpuAvoidance {
 public:
  explicit CpuAvoidance(const ProcFs& proc);

  /// Looks at the affinity of every thread of these processes now, and forgets those of earlier
  /// ones; moves the calling thread if that is news. Threads that may run everywhere have no CPUs
  /// of their own. Does nothing with more than CPU_SETSIZE (1024) CPUs. Returns whether the calling
  /// thread was moved.
  bool update(const std::vector<pid_t>& pids);

 private:
  const ProcFs& proc_;
  cpu_set_t allowed_{};  // at the beginning; empty: not known
  cpu_set_t avoided_{};  // that threads of targets were found to be pinned to
};

}  // namespace tailwhy
