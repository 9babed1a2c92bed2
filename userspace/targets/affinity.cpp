#include "targets/affinity.h"

#include <unistd.h>

namespace tailwhy {

CpuAvoidance::CpuAvoidance(const ProcFs& proc) : proc_(proc) {
  if (sched_getaffinity(0, sizeof(allowed_), &allowed_) != 0) CPU_ZERO(&allowed_);
}

bool CpuAvoidance::update(const std::vector<pid_t>& pids) {
  if (!proc_.is_live() || CPU_COUNT(&allowed_) == 0) return false;
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t avoided;
  CPU_ZERO(&avoided);
  for (const pid_t pid : pids) {
    const auto threads = proc_.numbers(pid, "task");
    if (!threads) continue;
    for (const pid_t tid : *threads) {
      cpu_set_t cpus;
      if (sched_getaffinity(tid, sizeof(cpus), &cpus) != 0 || CPU_COUNT(&cpus) >= online) continue;
      CPU_OR(&avoided, &avoided, &cpus);
    }
  }
  if (CPU_EQUAL(&avoided, &avoided_)) return false;
  avoided_ = avoided;
  cpu_set_t left;
  CPU_AND(&left, &allowed_, &avoided_);
  CPU_XOR(&left, &allowed_, &left);
  const cpu_set_t& wanted = CPU_COUNT(&left) > 0 ? left : allowed_;
  return sched_setaffinity(0, sizeof(wanted), &wanted) == 0;
}

}  // namespace tailwhy
