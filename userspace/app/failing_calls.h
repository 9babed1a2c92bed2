// Failing system calls from the kernel's rows: rows of threads that have ended are read a last time
// and deleted, so that the kernel has room for as many threads as may come.
#pragma once

#include "app/side_data.h"
#include "bpf/tracer.h"

#include <vector>

namespace tailwhy {

class FailingCalls {
 public:
  void on_thread_exit(ThreadId thread) { ended_.push_back(thread); }
  /// All of them up to now, as syscalls of `side`.
  void collect(Tracer& tracer, SideData& side);

 private:
  std::vector<ThreadId> ended_;         // whose rows are still in the kernel
  std::vector<SyscallCount> of_ended_;  // rows that were deleted
};

}  // namespace tailwhy
