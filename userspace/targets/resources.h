// Resource use of a set of processes: per process and together, per interval and since the start.
// Must not know how the numbers are shown; bytes on the network come from the socket events.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "model/report.h"
#include "targets/process_account.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tailwhy {

/// Bounds of the work of one sample; beyond them, threads and processes take turns.
struct SampleLimits {
  std::size_t threads = 512;  ///< in total, shared out evenly over the processes
  std::size_t processes = 256;
};

struct ProcessResources {
  ProcessId id;
  std::string comm;  ///< untrusted bytes
  ResourceCounters interval;
  ResourceCounters total;  ///< since its baseline
  ResourceLevels levels;
  bool exited = false;   ///< seen for the last time: the next sample leaves it out
  bool partial = false;  ///< see ProcessAccount::partial()
};

struct ResourceSample {
  Ns begin_ns = 0;  ///< of the interval
  Ns end_ns = 0;
  std::vector<ProcessResources> processes;  ///< ascending by start time
  ResourceCounters interval;                ///< of all
  ResourceCounters total;                   ///< of all, ended ones included
  ResourceLevels levels;                    ///< of those alive
  std::size_t alive = 0;
  bool partial = false;  ///< one is partial, or was not read this time
  Ns cost_cpu_ns = 0;    ///< CPU time that taking this sample took
};

/// Samples the processes that it was given.
class ResourceSampler {
 public:
  /// `now_ns` begins the first interval.
  ResourceSampler(ProcFs proc, Ns now_ns, SampleLimits limits = {});

  /// Adds a process and reads it for the first time; one that is there already stays as it is.
  /// NotFound: it has ended (or its PID is another process now).
  Result<> add(const ProcessId& id, Baseline baseline);

  /// Reads all, bounded by the limits. A process that has ended keeps what was seen last.
  ResourceSample sample(Ns now_ns);

  std::size_t size() const noexcept { return accounts_.size(); }

 private:
  struct ByStart {
    bool operator()(const ProcessId& a, const ProcessId& b) const noexcept {
      return a.start_ticks != b.start_ticks ? a.start_ticks < b.start_ticks : a.pid < b.pid;
    }
  };
  struct Entry {
    ProcessAccount account;
    ResourceCounters reported;  // total of the last sample
  };

  std::size_t share() const noexcept;
  std::size_t read_some();
  void pass_on_ended();

  ProcFs proc_;
  SampleLimits limits_;
  // Parents before their children: a child that its parent had reaped when the parent was read is
  // then always seen as ended in the same pass.
  std::map<ProcessId, Entry, ByStart> accounts_;
  ProcessId next_;  // where the next pass begins when not all fit
  ResourceCounters ended_;
  Ns last_ns_ = 0;
};

/// As the report has it. Network bytes are not ours to know.
ResourceUse to_resource_use(const ResourceCounters& counters, const ResourceSample& sample);

}  // namespace tailwhy
