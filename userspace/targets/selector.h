// From what the user named (PIDs, ports, names) to the processes to trace.
// Reads /proc only; must not know about eBPF, and never waits for a process to appear (follow.h
// does).
#pragma once

#include "base/result.h"
#include "targets/listeners.h"
#include "targets/name_pattern.h"
#include "targets/process.h"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

/// What to trace: everything that any of the lists names.
struct TargetSpec {
  std::vector<pid_t> pids;
  std::vector<std::uint16_t> ports;     ///< TCP, of whoever listens there, in any network namespace
  std::vector<std::string> unix_paths;  ///< the same for listening Unix sockets ("@x": abstract)
  std::vector<std::string> comms;       ///< see NamePattern
  bool follow = false;                  ///< finding nothing now is not an error
  bool include_children = true;         ///< with every process all of its descendants
};

/// Why a process was selected.
enum class MatchReason : std::uint8_t { Pid, Port, Comm, Descendant };

struct Match {
  Process process;
  MatchReason reason = MatchReason::Pid;
};

struct Selection {
  std::vector<Match> matches;  ///< ascending by PID, each process once
  /// Sentences about processes that fit but were left out (not permitted, PID 1 holding a socket).
  std::vector<std::string> notes;
};

/// A TargetSpec that has been checked and compiled.
class TargetMatcher {
 public:
  /// Usage error: nothing named, port 0, PID <= 0, an empty name, a bad expression.
  static Result<TargetMatcher> create(TargetSpec spec);

  const TargetSpec& spec() const noexcept { return spec_; }
  const ListenQuery& listen_query() const noexcept { return query_; }
  bool matches_name(std::string_view comm) const;

 private:
  TargetSpec spec_;
  ListenQuery query_;
  std::vector<NamePattern> patterns_;
};

/// Finds the processes. Named PIDs must exist and be traceable, else the error says why; whatever
/// ends while we look is left out. `self` (our own PID) is never selected, nor anything found only
/// as a descendant of `self`. NotFound when nothing fits, unless spec.follow.
Result<Selection> select_targets(const ProcFs& proc, const TargetMatcher& matcher, pid_t self);

/// True for an init process holding a socket for a service it will start: tracing it, and with it
/// all its descendants, would mean to trace the machine.
bool is_socket_activator(const ProcStat& stat);

}  // namespace tailwhy
