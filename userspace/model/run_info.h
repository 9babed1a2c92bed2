// What a run is: target, host and settings, for the first record of a log and the head of a report.
#pragma once

#include "base/clock.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tailwhy {

struct ProcessInfo {
  std::uint32_t pid = 0;
  std::string comm;  // untrusted text
  std::string exe;   // untrusted text; empty: unknown
};

struct RunInfo {
  std::string tool_version;
  std::string command_line;  // of tailwhy
  std::string host_name;
  std::string host_id;  // machine-id; empty: unknown
  std::string boot_id;
  std::string kernel;  // release
  unsigned cpus = 0;
  std::vector<ProcessInfo> targets;  // at the attach
  std::string target_text;           // "nginx (pid 1234 and 2 children)"
  ClockOffset clock;
  Ns attached_ns = 0;                // CLOCK_MONOTONIC
  std::vector<std::string> hooks;    // variants in use: "sock_send_tp"
  std::vector<std::string> missing;  // what is not available here, one sentence each
  std::vector<std::string> tls;      // TLS libraries whose plaintext is told, one phrase each
  bool replayed = false;             // from a recording
};

// Something that happened to the run or its target.
struct LifecycleEvent {
  enum class Kind : std::uint8_t {
    Attached,
    TargetFork,
    TargetExec,
    TargetExit,
    TargetFound,
    Reopened,
    Detached
  };
  Kind kind = Kind::Attached;
  Ns at_ns = 0;
  std::uint32_t pid = 0;
  std::string text;  // untrusted parts possible (comm)
};
std::string_view to_string(LifecycleEvent::Kind kind);

}  // namespace tailwhy
