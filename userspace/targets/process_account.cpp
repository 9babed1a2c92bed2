// Differences of one process's counters. Must not know about other processes.
#include "targets/process_account.h"

#include <algorithm>
#include <utility>

namespace tailwhy {
namespace {

// CPU time that no visited thread accounts for, above which sums over threads count as incomplete:
// two USER_HZ ticks are within the error of the fallback clock.
constexpr std::uint64_t kUnseenCpuNs = 20'000'000;

// Ended children remembered per parent. A parent that ignores SIGCHLD never reaps any.
constexpr std::size_t kMaxUnreaped = 1024;

std::uint64_t minus(std::uint64_t a, std::uint64_t b) noexcept {
  return a > b ? a - b : 0;
}

// a * b / c without overflow; c != 0. 128 bits, because ns times ticks does not fit into 64.
std::uint64_t scale(std::uint64_t a, std::uint64_t b, std::uint64_t c) noexcept {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(a) * b / c);
}

void grow(std::uint64_t& value, std::uint64_t to) noexcept {
  value = std::max(value, to);
}

}  // namespace

ResourceCounters& ResourceCounters::operator+=(const ResourceCounters& other) noexcept {
  for (const ResourceCounterRow& row : kResourceCounters) {
    this->*row.member += other.*row.member;
  }
  return *this;
}

ResourceCounters ResourceCounters::since(const ResourceCounters& before) const noexcept {
  ResourceCounters difference;
  for (const ResourceCounterRow& row : kResourceCounters) {
    difference.*row.member = minus(this->*row.member, before.*row.member);
  }
  return difference;
}

ResourceLevels& ResourceLevels::operator+=(const ResourceLevels& other) noexcept {
  rss_bytes += other.rss_bytes;
  peak_rss_bytes += other.peak_rss_bytes;
  threads += other.threads;
  descriptors += other.descriptors;
  return *this;
}

ProcessAccount::ProcessAccount(ProcessUsage usage, Baseline baseline) : usage_(std::move(usage)) {
  from_birth_ = baseline == Baseline::Birth;
  if (baseline == Baseline::Now) base_ = usage_;
  reaped_faults_seen_ = base_.stat.reaped_minor_faults;
}

Result<ProcessAccount> ProcessAccount::open(const ProcFs& proc,
                                            const ProcessId& id,
                                            Baseline baseline,
                                            std::size_t max_threads) {
  auto usage = read_process_usage(proc, id);
  if (!usage) return usage.error();
  ProcessAccount account(*std::move(usage), baseline);
  account.list_threads(proc);
  account.old_ = account.to_visit_;
  account.visit_threads(proc, max_threads);
  account.exited_ = account.usage_.stat.zombie();
  account.settle();
  return account;
}

Result<> ProcessAccount::read(const ProcFs& proc, std::size_t max_threads) {
  auto usage = read_process_usage(proc, id());
  if (!usage) {
    exited_ = exited_ || usage.error().code() == ErrorCode::NotFound;
    return usage.error();
  }
  if (usage->stat.zombie()) {
    exited_ = true;
    // A zombie has no memory any more: its peak is what was seen.
    usage->status.peak_rss_bytes = usage_.status.peak_rss_bytes;
    // exit_files() and the last thread are behind it, so is whoever may look into it: bytes stay.
    if (!usage->io) usage->io = usage_.io;
  }
  usage_ = *std::move(usage);
  if (!exited_) visit_threads(proc, max_threads);
  return {};
}

void ProcessAccount::list_threads(const ProcFs& proc) {
  to_visit_.clear();
  if (usage_.stat.threads == 1 && usage_.stat.state != 'Z') {
    to_visit_.push_back(id().pid);
  } else if (auto tids = proc.numbers(id().pid, "task")) {
    to_visit_ = *std::move(tids);
  }
  // Threads that have ended are forgotten: who comes with their number later starts from 0.
  const auto ended = [this](pid_t tid) {
    return !std::binary_search(to_visit_.begin(), to_visit_.end(), tid);
  };
  std::erase_if(threads_, [&](const auto& known) { return ended(known.first); });
  std::erase_if(old_, ended);
}

void ProcessAccount::visit_threads(const ProcFs& proc, std::size_t max_threads) {
  // A round that did not fit goes on where it stopped. Listing 10,000 threads costs milliseconds,
  // so there is one listing per round and not one per reading.
  if (to_visit_.empty()) list_threads(proc);
  const std::size_t count = std::min(to_visit_.size(), max_threads);
  lagging_ = usage_.stat.threads > max_threads || count < to_visit_.size();
  for (std::size_t i = 0; i < count; ++i) {
    visit(proc, to_visit_[i]);
  }
  to_visit_.erase(to_visit_.begin(), to_visit_.begin() + static_cast<std::ptrdiff_t>(count));
}

void ProcessAccount::visit(const ProcFs& proc, pid_t tid) {
  auto now = read_thread_times(proc, id().pid, tid);
  if (!now) return;  // ended: its last visit counts
  auto [known, is_new] = threads_.try_emplace(tid, ThreadUsage{.tid = tid});
  ThreadUsage& before = known->second;
  // A thread that ended and whose number was taken by a new one starts from 0 again.
  if (now->run_ns < before.run_ns || now->slices < before.slices) before = ThreadUsage{.tid = tid};

  const bool ran = is_new || now->run_ns != before.run_ns || now->slices != before.slices;
  now->voluntary_switches = before.voluntary_switches;
  now->involuntary_switches = before.involuntary_switches;
  if (tid == id().pid && usage_.stat.state != 'Z') {
    now->voluntary_switches = usage_.status.voluntary_switches;
    now->involuntary_switches = usage_.status.involuntary_switches;
  } else if (ran && !read_thread_switches(proc, id().pid, *now)) {
    return;
  }
  const bool is_old = is_new && std::binary_search(old_.begin(), old_.end(), tid);
  if (!is_old || from_birth_) {
    thread_sums_.cpu_ns += now->run_ns - before.run_ns;
    thread_sums_.run_queue_ns += minus(now->run_queue_ns, before.run_queue_ns);
    thread_sums_.voluntary_switches += minus(now->voluntary_switches, before.voluntary_switches);
    thread_sums_.involuntary_switches +=
        minus(now->involuntary_switches, before.involuntary_switches);
  }
  before = *now;
}

void ProcessAccount::settle() {
  settle_cpu();
  settle_io();
  total_.run_queue_ns = thread_sums_.run_queue_ns;
  total_.voluntary_switches = thread_sums_.voluntary_switches;
  total_.involuntary_switches = thread_sums_.involuntary_switches;
  grow(total_.minor_faults, minus(usage_.stat.minor_faults, base_.stat.minor_faults));
  grow(total_.major_faults, minus(usage_.stat.major_faults, base_.stat.major_faults));

  const std::uint64_t unseen = minus(total_.cpu_ns, thread_sums_.cpu_ns);
  const bool missed = unseen > kUnseenCpuNs && unseen > total_.cpu_ns / 10;
  partial_ = lagging_ || missed || !usage_.io;
}

void ProcessAccount::settle_cpu() {
  const std::uint64_t user = minus(usage_.stat.user_ticks, base_.stat.user_ticks);
  const std::uint64_t system = minus(usage_.stat.system_ticks, base_.stat.system_ticks);
  // Without the clock: the threads' own times are exact but miss what threads did that ended
  // unseen, the ticks miss up to two ticks. Both are lower bounds.
  const std::uint64_t cpu = usage_.cpu_ns
                                ? minus(*usage_.cpu_ns, base_.cpu_ns.value_or(0))
                                : std::max(thread_sums_.cpu_ns, ticks_to_ns(user + system));
  grow(total_.cpu_ns, cpu);
  // As the kernel does it (cputime_adjust): scale, and let neither part ever shrink.
  const std::uint64_t ticks = user + system;
  const std::uint64_t share = ticks == 0 ? total_.cpu_ns : scale(total_.cpu_ns, user, ticks);
  total_.cpu_user_ns = std::clamp(share, total_.cpu_user_ns, total_.cpu_ns - total_.cpu_system_ns);
  total_.cpu_system_ns = total_.cpu_ns - total_.cpu_user_ns;
}

void ProcessAccount::settle_io() {
  const IoUsage reaped = take_reaped();
  reaped_io_.read_chars += reaped.read_chars;
  reaped_io_.write_chars += reaped.write_chars;
  reaped_io_.disk_read_bytes += reaped.disk_read_bytes;
  reaped_io_.disk_write_bytes += reaped.disk_write_bytes;
  if (!usage_.io) return;
  if (!base_.io) base_.io = from_birth_ ? IoUsage{} : *usage_.io;
  const IoUsage& now = *usage_.io;
  const IoUsage& base = *base_.io;
  grow(total_.read_chars, minus(now.read_chars, base.read_chars + reaped_io_.read_chars));
  grow(total_.write_chars, minus(now.write_chars, base.write_chars + reaped_io_.write_chars));
  grow(total_.disk_read_bytes,
       minus(now.disk_read_bytes, base.disk_read_bytes + reaped_io_.disk_read_bytes));
  grow(total_.disk_write_bytes,
       minus(now.disk_write_bytes, base.disk_write_bytes + reaped_io_.disk_write_bytes));
}

void ProcessAccount::expect_reaped(const ProcessUsage& child) {
  if (!child.io || unreaped_.size() >= kMaxUnreaped) return;
  unreaped_.push_back(child);
}

IoUsage ProcessAccount::take_reaped() {
  // wait(2) adds the child's faults to ours together with its bytes; a parent that ignores SIGCHLD
  // gets neither. Every process that ever ran has faults, so they tell whether it was waited for.
  const std::uint64_t faults = usage_.stat.reaped_minor_faults;
  unclaimed_faults_ += minus(faults, reaped_faults_seen_);
  reaped_faults_seen_ = std::max(faults, reaped_faults_seen_);
  IoUsage reaped;
  std::erase_if(unreaped_, [&](const ProcessUsage& child) {
    const std::uint64_t needed = child.stat.minor_faults + child.stat.reaped_minor_faults;
    if (needed == 0 || unclaimed_faults_ < needed) return false;
    unclaimed_faults_ -= needed;
    reaped.read_chars += child.io->read_chars;
    reaped.write_chars += child.io->write_chars;
    reaped.disk_read_bytes += child.io->disk_read_bytes;
    reaped.disk_write_bytes += child.io->disk_write_bytes;
    return true;
  });
  return reaped;
}

ResourceLevels ProcessAccount::levels() const noexcept {
  ResourceLevels levels{.peak_rss_bytes = usage_.status.peak_rss_bytes};
  if (exited_) return levels;
  levels.rss_bytes = usage_.rss_bytes;
  levels.threads = usage_.stat.threads;
  levels.descriptors = usage_.descriptors.value_or(0);
  return levels;
}

}  // namespace tailwhy
