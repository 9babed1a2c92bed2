// An HTTP/1.1 server whose requests spend known times for known reasons, as their path says, and
// which writes what each spent where to a file: the oracle for budgets. It knows nothing of
// tracers.
//
//   budget_server [--listen 127.0.0.1:0] [--truth FILE] [--model threads|epoll] [--pool THREADS]
//                 [--dir FOLDER [--cold-bytes N]] [--down ADDRESS]     prints "listening ADDRESS"
//
// --dir: a folder on a disk, for fsync, cold and fault. --down: another HTTP server that knows
// /sleep/Nns (this one, or delay_server). The words of a path are in budget_plan.cpp; all steps
// behind a /pool_... are done by a pool thread: /cpu/1ms/pool_pipe/lock/10ms/reply_pool.
//
// Truth, one line per request, name=value, times in ns, stamps CLOCK_MONOTONIC outside the calls:
//   id target status pid tid
//   read_first read_last write_first_begin write_first write_last_begin write_last
//   cpu run_queue switches preempted [major_faults]     of this thread, as the kernel counts them,
//       from the parsed request to the last write (with reply_pool: to the hand-over)
//   lock file_lock sleep disk file_write page_fault downstream client    wall time around the
//       calls, where there was any; disk is fsync or read, client the send calls after the first
//   lock_cpu lock_run_queue ...     how much of that the thread ran, and was runnable and did not
//   failed      system calls that failed, of /fail/N
//   others idle     (epoll) from read_first to write_last, or to the hand-over with reply_pool: the
//       loop handled other requests; it had nothing to do (with idle_cpu and idle_run_queue). There
//       sleep, downstream and client are from the start of the wait to the loop's going on with the
//       request (with sleep_idle ..., what the loop slept of it), cpu ... are those of its own
//       turns, and loop_cpu and loop_run_queue those of the loop's thread all the while
//   pool pool_tid handed [returned] pool_cpu ... pool_client     what the pool thread did; handed
//       is from before the hand-over to its start, returned the same on the way back (both with
//       _run_queue of the thread that took it over), handed_busy what of it the pool thread spent
//       on other requests. cpu and run_queue of the owner do not go on meanwhile
// id is x-request-id, or "-". A request that waits for a lock has, in lock, the time in the call
// that took it: a helper thread holds it for as long as the path says.
#include "budget_epoll.h"
#include "budget_pool.h"
#include "budget_threads.h"
#include "serve.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace {

using namespace workload;

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: budget_server [--listen ADDRESS] [--truth FILE] [--model threads|epoll]\n"
               "         [--pool THREADS] [--dir FOLDER] [--cold-bytes N] [--down ADDRESS]\n");
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  Address address = parse_address("127.0.0.1:0");
  TruthFile truth;
  std::string model = "threads";
  std::string folder;
  std::uint64_t cold_bytes = 64 << 20;
  unsigned pool_threads = 2;
  std::optional<Address> down;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) usage();
    const char* value = argv[i + 1];
    if (name == "--listen") {
      address = parse_address(value);
    } else if (name == "--truth") {
      truth.open(value);
    } else if (name == "--model") {
      model = value;
    } else if (name == "--pool") {
      pool_threads = static_cast<unsigned>(std::atoi(value));
    } else if (name == "--dir") {
      folder = value;
    } else if (name == "--cold-bytes") {
      cold_bytes = std::strtoull(value, nullptr, 10);
    } else if (name == "--down") {
      down = parse_address(value);
    } else {
      usage();
    }
  }
  if (model != "threads" && model != "epoll") usage();
  Steps steps(folder.empty() ? nullptr : std::make_unique<Files>(folder, cold_bytes),
              down ? std::make_unique<Down>(*down) : nullptr);
  Pool pool(steps, truth, pool_threads);
  if (model == "epoll") Loop(steps, pool, truth, down).serve(address);
  serve(address, -1, {}, [&](int fd) { serve_on_thread(fd, steps, pool, truth); });
}
