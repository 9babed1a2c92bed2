// Samples a set of processes. Must not know how the numbers are shown.
#include "targets/resources.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace tailwhy {
namespace {

Ns thread_cpu_now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<Ns>(time.tv_sec) * kNsPerSec + static_cast<Ns>(time.tv_nsec);
}

}  // namespace

ResourceSampler::ResourceSampler(ProcFs proc, Ns now_ns, SampleLimits limits)
    : proc_(std::move(proc)), limits_(limits), last_ns_(now_ns) {}

std::size_t ResourceSampler::share() const noexcept {
  const std::size_t readers = std::clamp<std::size_t>(accounts_.size(), 1, limits_.processes);
  return std::max<std::size_t>(1, limits_.threads / readers);
}

Result<> ResourceSampler::add(const ProcessId& id, Baseline baseline) {
  if (accounts_.contains(id)) return {};
  auto account = ProcessAccount::open(proc_, id, baseline, share());
  if (!account) return account.error();
  accounts_.emplace(id, Entry{.account = *std::move(account)});
  return {};
}

// Returns how many were left out.
std::size_t ResourceSampler::read_some() {
  const std::size_t count = std::min(accounts_.size(), limits_.processes);
  auto entry = accounts_.lower_bound(next_);
  for (std::size_t i = 0; i < count; ++i, ++entry) {
    if (entry == accounts_.end()) entry = accounts_.begin();
    // What fails for another reason than the end (no descriptor left for us) keeps the last values.
    static_cast<void>(entry->second.account.read(proc_, share()).has_value());
  }
  next_ = entry == accounts_.end() ? ProcessId{} : entry->first;
  return accounts_.size() - count;
}

void ResourceSampler::pass_on_ended() {
  for (const auto& [id, entry] : accounts_) {
    if (!entry.account.exited()) continue;
    for (auto& [other_id, other] : accounts_) {
      if (other_id.pid == entry.account.ppid()) other.account.expect_reaped(entry.account.usage());
    }
  }
}

ResourceSample ResourceSampler::sample(Ns now_ns) {
  const Ns cpu_before = thread_cpu_now();
  ResourceSample sample{.begin_ns = std::exchange(last_ns_, now_ns), .end_ns = now_ns};
  sample.partial = read_some() > 0;
  pass_on_ended();
  sample.total = ended_;
  for (auto& [id, entry] : accounts_) {
    ProcessAccount& account = entry.account;
    account.settle();
    ProcessResources row{.id = id, .comm = account.comm()};
    row.total = account.total();
    row.interval = row.total.since(entry.reported);
    row.levels = account.levels();
    row.exited = account.exited();
    row.partial = account.partial();
    entry.reported = row.total;
    sample.interval += row.interval;
    sample.total += row.total;
    sample.partial = sample.partial || row.partial;
    if (row.exited) {
      ended_ += row.total;
    } else {
      sample.levels += row.levels;
      ++sample.alive;
    }
    sample.processes.push_back(std::move(row));
  }
  std::erase_if(accounts_, [](const auto& entry) { return entry.second.account.exited(); });
  sample.cost_cpu_ns = thread_cpu_now() - cpu_before;
  return sample;
}

ResourceUse to_resource_use(const ResourceCounters& counters, const ResourceSample& sample) {
  ResourceUse use;
  use.known = true;
  use.partial = sample.partial;
  use.cpu_user_ns = counters.cpu_user_ns;
  use.cpu_system_ns = counters.cpu_system_ns;
  use.run_queue_ns = counters.run_queue_ns;
  use.voluntary_switches = counters.voluntary_switches;
  use.involuntary_switches = counters.involuntary_switches;
  use.minor_faults = counters.minor_faults;
  use.major_faults = counters.major_faults;
  use.disk_read_bytes = counters.disk_read_bytes;
  use.disk_write_bytes = counters.disk_write_bytes;
  use.rss_bytes = sample.levels.rss_bytes;
  use.threads = sample.levels.threads;
  use.file_descriptors = sample.levels.descriptors;
  use.processes = sample.alive;
  return use;
}

}  // namespace tailwhy
