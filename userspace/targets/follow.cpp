// Scans for new processes. Must not know what tracing them takes.
#include "targets/follow.h"

#include "targets/task_usage.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace tailwhy {

Ns boot_now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<Ns>(time.tv_sec) * kNsPerSec + static_cast<Ns>(time.tv_nsec);
}

FollowScanner::FollowScanner(ProcFs proc, TargetMatcher matcher, pid_t self, FollowLimits limits)
    : proc_(std::move(proc)), matcher_(std::move(matcher)), self_(self), limits_(limits) {}

void FollowScanner::update_seen(const std::vector<PidEntry>& entries) {
  std::map<pid_t, Seen> now;
  for (const PidEntry& entry : entries) {
    const auto known = seen_.find(entry.pid);
    const bool same = known != seen_.end() && known->second.inode == entry.inode;
    now.emplace_hint(now.end(), entry.pid, same ? known->second : Seen{.inode = entry.inode});
  }
  seen_ = std::move(now);
}

// New ones first, then the young, then a few of the old.
std::vector<pid_t> FollowScanner::pick(Ns boot_ns) {
  std::vector<pid_t> fresh;
  std::vector<pid_t> young;
  std::vector<pid_t> old;
  for (const auto& [pid, seen] : seen_) {
    if (seen.kernel_thread || pid == self_) continue;
    auto& list = !seen.examined ? fresh : boot_ns < seen.young_until_ns ? young : old;
    list.push_back(pid);
  }
  fresh.insert(fresh.end(), young.begin(), young.end());
  if (fresh.size() > limits_.young) fresh.resize(limits_.young);

  auto turn = std::lower_bound(old.begin(), old.end(), next_old_);
  for (std::size_t i = 0; i < std::min(old.size(), limits_.old); ++i, ++turn) {
    if (turn == old.end()) turn = old.begin();
    fresh.push_back(*turn);
    next_old_ = *turn + 1;
  }
  return fresh;
}

// What may be a target, of the picked ones.
std::vector<ProcStat> FollowScanner::examine(const std::vector<pid_t>& pids) {
  std::vector<ProcStat> stats;
  for (const pid_t pid : pids) {
    auto stat = read_stat(proc_, pid);
    if (!stat) continue;
    Seen& seen = seen_.at(pid);
    seen.examined = true;
    seen.kernel_thread = stat->kernel_thread();
    seen.young_until_ns = ticks_to_ns(stat->id.start_ticks) + limits_.young_ns;
    if (seen.kernel_thread || stat->zombie()) continue;
    if (!matcher_.listen_query().empty()) {
      const auto link = proc_.read_link(pid, "ns/net");
      seen.net_ns = link ? parse_link_inode(*link, "net").value_or(0) : 0;
    }
    stats.push_back(*std::move(stat));
  }
  return stats;
}

// Returns true when a socket listens that did not before.
bool FollowScanner::refresh_listeners() {
  if (matcher_.listen_query().empty()) return false;
  std::map<std::uint64_t, pid_t> namespaces;  // and a process in each
  for (const auto& [pid, seen] : seen_) {
    if (seen.net_ns != 0) namespaces.emplace(seen.net_ns, pid);
  }
  std::erase_if(listeners_, [&](const auto& known) { return !namespaces.contains(known.first); });
  bool appeared = false;
  auto turn = namespaces.lower_bound(next_net_ns_);
  for (std::size_t i = 0; i < std::min(namespaces.size(), limits_.namespaces); ++i, ++turn) {
    if (turn == namespaces.end()) turn = namespaces.begin();
    next_net_ns_ = turn->first + 1;
    auto now = listening_sockets(proc_, turn->second, matcher_.listen_query());
    if (!now) continue;  // ended meanwhile: another process of the namespace next time
    Inodes& before = listeners_[turn->first];
    appeared = appeared || !std::includes(before.begin(), before.end(), now->begin(), now->end());
    before = *std::move(now);
  }
  all_listeners_.clear();
  for (const auto& [net_ns, inodes] : listeners_) {
    all_listeners_.insert(inodes.begin(), inodes.end());
  }
  return appeared;
}

bool FollowScanner::holds_listener(const ProcStat& stat) const {
  if (is_socket_activator(stat)) return false;
  // Not only those of its own namespace: descriptors are inherited and passed across namespaces.
  const auto held = held_sockets(proc_, stat.id.pid, all_listeners_);
  return held && !held->empty();
}

// A process that is not young any more has opened a port: rare enough to ask everybody.
void FollowScanner::add_holders(FoundMap& found) {
  for (const auto& [pid, seen] : seen_) {
    if (seen.kernel_thread || pid == self_ || found.contains(pid)) continue;
    auto stat = read_stat(proc_, pid);
    if (!stat || stat->zombie() || !holds_listener(*stat)) continue;
    found.emplace(pid, Found{.stat = *std::move(stat), .reason = MatchReason::Port});
  }
}

// Repeated until nothing is added: a grandchild may have the smaller PID.
void FollowScanner::add_children(std::span<const ProcStat> stats,
                                 const std::set<ProcessId>& traced,
                                 FoundMap& found) const {
  const std::vector<pid_t>& named = matcher_.spec().pids;
  const bool init_was_named = std::find(named.begin(), named.end(), 1) != named.end();
  std::set<pid_t> parents;
  for (const ProcessId& id : traced) {
    parents.insert(id.pid);
  }
  for (const auto& [pid, match] : found) {
    parents.insert(pid);
  }
  if (!init_was_named) parents.erase(1);
  bool added = true;
  while (std::exchange(added, false)) {
    for (const ProcStat& stat : stats) {
      if (!parents.contains(stat.ppid) || !parents.insert(stat.id.pid).second) continue;
      added = true;
      found.emplace(stat.id.pid, Found{.stat = stat, .reason = MatchReason::Descendant});
    }
  }
}

Selection FollowScanner::read_found(const FoundMap& found) {
  Selection selection;
  for (const auto& [pid, match] : found) {
    auto process = read_process(proc_, pid);
    if (!process || process->id != match.stat.id) continue;
    if (auto ok = check_traceable(*process); !ok) {
      const bool told = std::exchange(seen_.at(pid).refused, true);
      if (!told) selection.notes.push_back("left out: " + ok.error().message());
      continue;
    }
    selection.matches.push_back({.process = *std::move(process), .reason = match.reason});
  }
  return selection;
}

Result<Selection> FollowScanner::scan(std::span<const ProcessId> traced, Ns boot_ns) {
  const auto entries = proc_.processes();
  if (!entries) return entries.error().wrap("look for new processes");
  update_seen(*entries);
  const std::vector<pid_t> pids = pick(boot_ns);
  examined_ = pids.size();
  const std::vector<ProcStat> stats = examine(pids);
  const bool new_listener = refresh_listeners();

  const std::set<ProcessId> known(traced.begin(), traced.end());
  FoundMap found;
  for (const ProcStat& stat : stats) {
    if (known.contains(stat.id)) continue;
    if (matcher_.matches_name(stat.comm)) {
      found.emplace(stat.id.pid, Found{.stat = stat, .reason = MatchReason::Comm});
    } else if (holds_listener(stat)) {
      found.emplace(stat.id.pid, Found{.stat = stat, .reason = MatchReason::Port});
    }
  }
  if (new_listener) add_holders(found);
  if (matcher_.spec().include_children) add_children(stats, known, found);
  std::erase_if(found, [&](const auto& match) { return known.contains(match.second.stat.id); });
  return read_found(found);
}

}  // namespace tailwhy
