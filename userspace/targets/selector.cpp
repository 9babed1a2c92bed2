// Selection of processes: one pass over /proc, then the criteria, then the process tree.
// Must not know about eBPF.
#include "targets/selector.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace tailwhy {
namespace {

// All processes at about the same time, by PID.
using Snapshot = std::map<pid_t, ProcStat>;
using Reasons = std::map<pid_t, MatchReason>;

Result<Snapshot> take_snapshot(const ProcFs& proc) {
  const auto entries = proc.processes();
  if (!entries) return entries.error();
  Snapshot snapshot;
  for (const PidEntry& entry : *entries) {
    if (auto stat = read_stat(proc, entry.pid)) snapshot.emplace(entry.pid, *std::move(stat));
  }
  return snapshot;
}

bool is_candidate(const ProcStat& stat, pid_t self) {
  return stat.id.pid != self && !stat.kernel_thread() && !stat.zombie();
}

struct Search {
  const ProcFs& proc;
  const TargetMatcher& matcher;
  pid_t self;
  const Snapshot& snapshot;
  Reasons reasons;
  std::vector<std::string> notes;
  std::size_t unreadable = 0;  // processes whose sockets we may not see
};

Result<> add_named_pids(Search& search) {
  for (const pid_t pid : search.matcher.spec().pids) {
    if (pid == search.self) {
      return Error(ErrorCode::Usage, "PID " + std::to_string(pid) + " is this program itself",
                   "name another process");
    }
    const auto process = read_process(search.proc, pid);
    if (!process) return process.error();
    if (auto ok = check_traceable(*process); !ok) return ok.error();
    search.reasons.emplace(pid, MatchReason::Pid);
  }
  return {};
}

void add_by_name(Search& search) {
  for (const auto& [pid, stat] : search.snapshot) {
    if (is_candidate(stat, search.self) && search.matcher.matches_name(stat.comm)) {
      search.reasons.emplace(pid, MatchReason::Comm);
    }
  }
}

// One table per network namespace. A namespace that only processes we may not inspect live in is
// not seen; they are counted.
std::set<std::uint64_t> find_listeners(Search& search) {
  std::set<std::uint64_t> inodes;
  std::set<std::uint64_t> done;
  for (const auto& [pid, stat] : search.snapshot) {
    if (stat.kernel_thread() || stat.zombie()) continue;
    const auto link = search.proc.read_link(pid, "ns/net");
    if (!link) {
      search.unreadable += link.error().code() == ErrorCode::Permission ? 1 : 0;
      continue;
    }
    const auto ns = parse_link_inode(*link, "net");
    if (!ns || done.contains(*ns)) continue;
    auto found = listening_sockets(search.proc, pid, search.matcher.listen_query());
    if (!found) continue;  // ended: the next process of this namespace will do
    done.insert(*ns);
    inodes.merge(*found);
  }
  return inodes;
}

// A descriptor can be held in another namespace than the one the socket was made in, so every
// process is asked.
void add_by_socket(Search& search) {
  if (search.matcher.listen_query().empty()) return;
  const std::set<std::uint64_t> inodes = find_listeners(search);
  if (inodes.empty()) return;
  std::optional<pid_t> activator;
  bool found = false;
  for (const auto& [pid, stat] : search.snapshot) {
    if (!is_candidate(stat, search.self)) continue;
    const auto held = held_sockets(search.proc, pid, inodes);
    if (!held || held->empty()) continue;
    if (is_socket_activator(stat)) {
      activator = pid;
      continue;
    }
    found = true;
    search.reasons.emplace(pid, MatchReason::Port);
  }
  if (activator && !found) {
    search.notes.push_back("only " + describe({.pid = *activator}, "init") +
                           " holds the listening socket: its service has not been started yet");
  }
}

// Who was found by name or port brings its descendants, except PID 1, whose descendants are all
// there is. Who was named by PID brings them in any case.
void add_descendants(Search& search) {
  std::map<pid_t, std::vector<pid_t>> children;
  for (const auto& [pid, stat] : search.snapshot) {
    children[stat.ppid].push_back(pid);
  }
  std::vector<pid_t> parents;
  for (const auto& [pid, reason] : search.reasons) {
    if (reason == MatchReason::Pid || pid != 1) parents.push_back(pid);
  }
  while (!parents.empty()) {
    const auto found = children.find(parents.back());
    parents.pop_back();
    if (found == children.end()) continue;
    for (const pid_t child : found->second) {
      if (!is_candidate(search.snapshot.at(child), search.self)) continue;
      if (search.reasons.emplace(child, MatchReason::Descendant).second) parents.push_back(child);
    }
  }
}

Result<Selection> read_matches(Search& search) {
  Selection selection;
  selection.notes = std::move(search.notes);
  std::optional<Error> refused;
  for (const auto& [pid, reason] : search.reasons) {
    auto process = read_process(search.proc, pid);
    const auto known = search.snapshot.find(pid);
    const bool same =
        process && (known == search.snapshot.end() || known->second.id == process->id);
    if (!same && reason == MatchReason::Pid) {
      return process ? Error(ErrorCode::NotFound, "process " + std::to_string(pid) + " just ended")
                     : process.error();
    }
    if (!same) continue;
    if (auto ok = check_traceable(*process); !ok) {
      if (reason == MatchReason::Pid) return ok.error();
      if (ok.error().code() == ErrorCode::Permission) {
        selection.notes.push_back("left out: " + ok.error().message());
        refused = ok.error();
      }
      continue;
    }
    selection.matches.push_back({.process = *std::move(process), .reason = reason});
  }
  if (selection.matches.empty() && refused) return *std::move(refused);
  return selection;
}

std::string list_criteria(const TargetSpec& spec) {
  std::string text;
  const auto add = [&text](std::string_view what) {
    text.append(text.empty() ? "" : ", ").append(what);
  };
  for (const std::uint16_t port : spec.ports) {
    add("listens on TCP port " + std::to_string(port));
  }
  for (const std::string& path : spec.unix_paths) {
    add("listens on " + path);
  }
  for (const std::string& comm : spec.comms) {
    add("is called " + comm);
  }
  return text;
}

Error nothing_found(const Search& search, const Selection& selection) {
  const TargetSpec& spec = search.matcher.spec();
  std::string hint = spec.comms.empty() ? "see what listens with `ss -ltnp`"
                                        : "see what runs with `ps -eo pid,comm`; a name must match "
                                          "exactly, or be an expression between slashes";
  if (search.unreadable > 0) {
    hint = std::to_string(search.unreadable) +
           " processes may not be inspected: run as root, or with CAP_SYS_PTRACE and "
           "CAP_DAC_READ_SEARCH";
  }
  if (!selection.notes.empty()) hint = selection.notes.front();
  hint += "; --follow waits for it to start";
  return {ErrorCode::NotFound, "no process fits: none " + list_criteria(spec), hint};
}

}  // namespace

bool is_socket_activator(const ProcStat& stat) {
  return stat.id.pid == 1 && (stat.comm == "systemd" || stat.comm == "init");
}

Result<TargetMatcher> TargetMatcher::create(TargetSpec spec) {
  if (spec.pids.empty() && spec.ports.empty() && spec.unix_paths.empty() && spec.comms.empty()) {
    return Error(ErrorCode::Usage, "no target is named", "name one with -p PID, --port or --comm");
  }
  for (const pid_t pid : spec.pids) {
    if (pid <= 0) {
      return Error(ErrorCode::Usage, std::to_string(pid) + " is not a PID", "PIDs start at 1");
    }
  }
  if (std::find(spec.ports.begin(), spec.ports.end(), 0) != spec.ports.end()) {
    return Error(ErrorCode::Usage, "port 0 is not a port that can be listened on",
                 "ports are 1 to 65535");
  }
  TargetMatcher matcher;
  for (const std::string& path : spec.unix_paths) {
    if (path.empty()) return Error(ErrorCode::Usage, "the path of a Unix socket is empty");
  }
  for (const std::string& comm : spec.comms) {
    auto pattern = NamePattern::parse(comm);
    if (!pattern) return pattern.error();
    matcher.patterns_.push_back(*std::move(pattern));
  }
  matcher.query_ = {.tcp_ports = spec.ports, .unix_paths = spec.unix_paths};
  matcher.spec_ = std::move(spec);
  return matcher;
}

bool TargetMatcher::matches_name(std::string_view comm) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [comm](const NamePattern& pattern) { return pattern.matches(comm); });
}

Result<Selection> select_targets(const ProcFs& proc, const TargetMatcher& matcher, pid_t self) {
  const auto snapshot = take_snapshot(proc);
  if (!snapshot) return snapshot.error().wrap("look for the target");
  Search search{.proc = proc, .matcher = matcher, .self = self, .snapshot = *snapshot};
  if (auto named = add_named_pids(search); !named) return named.error();
  add_by_name(search);
  add_by_socket(search);
  if (matcher.spec().include_children) add_descendants(search);
  auto selection = read_matches(search);
  if (selection && selection->matches.empty() && !matcher.spec().follow) {
    return nothing_found(search, *selection);
  }
  return selection;
}

}  // namespace tailwhy
