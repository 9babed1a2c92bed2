// Times of the calling thread. See the header.
#include "budget_use.h"

#include "http_text.h"

#include <sys/resource.h>

#include <algorithm>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace workload {
namespace {

/// "on_cpu_ns run_delay_ns timeslices" of the thread that opened it.
struct SchedStat {
  int fd = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  ~SchedStat() {
    if (fd >= 0) close(fd);
  }
  SchedStat() = default;
  SchedStat(const SchedStat&) = delete;
  SchedStat& operator=(const SchedStat&) = delete;

  [[nodiscard]] Ns run_delay() const {
    char text[128];
    const ssize_t size = fd < 0 ? 0 : pread(fd, text, sizeof(text), 0);
    std::string_view rest(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
    return number(rest.substr(0, rest.find(' '))).value_or(0);
  }
};

Ns run_delay() {
  thread_local const SchedStat schedstat;
  return schedstat.run_delay();
}

}  // namespace

Use Use::of_this_thread() {
  Use use{.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID)};  // first: the rest costs CPU, too
  use.run_queue = run_delay();
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  use.switches = static_cast<std::uint64_t>(usage.ru_nvcsw);
  use.preempted = static_cast<std::uint64_t>(usage.ru_nivcsw);
  use.major_faults = static_cast<std::uint64_t>(usage.ru_majflt);
  return use;
}

Use operator-(const Use& end, const Use& begin) {
  return {.cpu = end.cpu - begin.cpu,
          .run_queue = end.run_queue - begin.run_queue,
          .switches = end.switches - begin.switches,
          .preempted = end.preempted - begin.preempted,
          .major_faults = end.major_faults - begin.major_faults};
}

void operator+=(Use& sum, const Use& more) {
  sum.cpu += more.cpu;
  sum.run_queue += more.run_queue;
  sum.switches += more.switches;
  sum.preempted += more.preempted;
  sum.major_faults += more.major_faults;
}

Took operator-(const Took& end, const Took& begin) {
  return {.wall = end.wall - begin.wall,
          .cpu = end.cpu - begin.cpu,
          .run_queue = end.run_queue - begin.run_queue,
          .idle = end.idle - begin.idle};
}

void operator+=(Took& sum, const Took& more) {
  sum.wall += more.wall;
  sum.cpu += more.cpu;
  sum.run_queue += more.run_queue;
  sum.idle += more.idle;
}

Watch::Watch() {
  begin_.run_queue = run_delay();
  begin_.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  begin_.wall = now_ns();
}

Took Watch::stop() const {
  Took now{.wall = now_ns()};
  now.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  now.run_queue = run_delay();
  return now - begin_;
}

}  // namespace workload
