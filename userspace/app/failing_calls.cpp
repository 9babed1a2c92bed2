#include "app/failing_calls.h"

#include "base/log.h"

#include <algorithm>
#include <utility>

namespace tailwhy {

namespace {

// Rows of threads that have ended; beyond, they are added up per call and errno.
constexpr std::size_t kEndedRows = 4096;

}  // namespace

void FailingCalls::collect(Tracer& tracer, SideData& side) {
  const std::vector<ThreadId> ended = std::exchange(ended_, {});
  auto rows = tracer.read_syscall_errors();
  if (!rows) {
    log_debug("{}", rows.error().message());
    return;
  }
  for (const SyscallErrorRow& row : *rows) {
    const SyscallCount count{row.key.pid, row.key.tid, row.key.nr, row.key.error, row.count};
    const ThreadId thread{row.key.pid, row.key.tid};
    const bool over = std::find(ended.begin(), ended.end(), thread) != ended.end();
    (over ? of_ended_ : side.syscalls).push_back(count);
  }
  if (!ended.empty()) {
    if (auto forgotten = tracer.forget_threads(ended); !forgotten) {
      log_debug("{}", forgotten.error().message());
    }
  }
  if (of_ended_.size() > kEndedRows) fold_ended_threads(of_ended_);
  side.syscalls.insert(side.syscalls.end(), of_ended_.begin(), of_ended_.end());
}

}  // namespace tailwhy
