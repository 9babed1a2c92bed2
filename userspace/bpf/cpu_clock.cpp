#include "bpf/cpu_clock.h"

#include "base/handle.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <cerrno>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

UniqueFd open_cpu_clock(int cpu) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof(attr);
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.sample_period = kCpuClockPeriodNs;
  attr.exclude_idle = 1;
  return UniqueFd(static_cast<int>(
      syscall(SYS_perf_event_open, &attr, -1 /* any process */, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

Result<std::vector<LinkHandle>> attach_to_cpu_clocks(const bpf_program* program) {
  std::vector<LinkHandle> links;
  const int cpus = libbpf_num_possible_cpus();
  for (int cpu = 0; cpu < cpus; ++cpu) {
    UniqueFd event = open_cpu_clock(cpu);
    if (!event && errno == ENODEV) continue;  // offline
    if (!event) return Error::from_errno("open the clock of a CPU", errno);
    LinkHandle link(bpf_program__attach_perf_event(program, event.get()));
    if (!link) return Error::from_errno("run a program by the clock of a CPU", errno);
    static_cast<void>(event.release());  // the link's now
    links.push_back(std::move(link));
  }
  if (links.empty())
    return Error(ErrorCode::Unsupported, "no CPU has a clock that can be followed");
  return links;
}

}  // namespace tailwhy
