// A live trace from its targets to its end: finds the processes, loads the programs, samples what
// is no event, watches the targets, and stops when told, when time is up or when the targets are
// gone.
#pragma once

#include "app/analysis.h"
#include "app/failing_calls.h"
#include "app/gone_connections.h"
#include "app/programs_watch.h"
#include "app/slow_requests.h"
#include "app/tls_probes.h"
#include "base/handle.h"
#include "bpf/attach_plan.h"
#include "bpf/live_source.h"
#include "bpf/tracer.h"
#include "events/capture_writer.h"
#include "model/run_info.h"
#include "targets/affinity.h"
#include "targets/follow.h"
#include "targets/net_counters.h"
#include "targets/own_usage.h"
#include "targets/resources.h"
#include "targets/selector.h"
#include "targets/spawn.h"
#include "targets/watch.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tailwhy {

struct LiveConfig {
  TargetSpec targets;
  std::vector<std::string> command;  ///< `-- CMD`: started and traced; instead of targets
  HookGroups groups = HookGroups::all();
  std::vector<tw_feature> disabled_features;
  TracerConfig tracer;
  FlowConfig flow;
  Ns interval_ns = kNsPerSec;
  Ns duration_ns = 0;                     ///< 0: until stopped
  std::string record_path;                ///< empty: no recording
  bool record_payload = false;            ///< keep what could be secret
  std::optional<FileOwner> record_owner;  ///< whose these files shall be, if not ours
  std::string stacks_path;                ///< folded stacks of slow requests; empty: none
  Ns slow_ns = 0;                         ///< from when on they are slow; 0: by the run's p99
  /// Signal handler for SIGINT and SIGTERM once the first one has come; must not return.
  void (*on_second_signal)(int) = nullptr;
  int ready_fd = -1;  ///< gets one line once everything is attached
  std::string command_line;
};

/// Why a session ended.
enum class SessionEnd : std::uint8_t { Duration, Stopped, TargetsGone };

class LiveSession final : private SideSource, private EventHandler {
 public:
  /// Finds the targets and attaches. Nothing is lost from here on: run() soon.
  static Result<std::unique_ptr<LiveSession>> create(LiveConfig config);
  ~LiveSession() override;
  LiveSession(const LiveSession&) = delete;
  LiveSession& operator=(const LiveSession&) = delete;

  [[nodiscard]] const RunInfo& info() const { return info_; }

  /// Called on the session's thread for SIGHUP and SIGUSR1 (outputs reopen) and for the first
  /// SIGINT or SIGTERM (the session ends). A second one ends the process with 130 or 143.
  Result<SessionEnd> run(const std::vector<Sink*>& sinks);
  /// As LiveSource has them: before run(), or called by it.
  Result<> add_fd(int fd, std::function<void()> callback);
  void remove_fd(int fd);
  /// Ends run(); on the session's thread.
  void stop(SessionEnd why = SessionEnd::Stopped);
  /// Called at each tick with the time since the attach, for a progress line.
  void set_progress(std::function<void(Ns elapsed_ns, const Report& total)> progress) {
    progress_ = std::move(progress);
  }
  [[nodiscard]] const Report& total() const;
  /// "target 1234 exited (status 0) after 3.2 s" of the last target that did; empty: none.
  [[nodiscard]] const std::string& last_exit() const { return last_exit_; }

 private:
  explicit LiveSession(LiveConfig config);
  Result<> start();
  Result<> find_targets();
  Result<> attach();
  void attach_tls();
  Result<> add_late_targets();
  Result<> start_recording();
  Result<> open_stacks();
  void start_slow_requests();
  Result<> watch();
  void describe();
  Result<> watch_programs();

  void on_event(const EventView& event) override;
  void on_tick(Ns now_ns) override;
  SideData take(Ns now_ns) override;

  void add_process(const Process& process, Baseline baseline);
  void on_signal();
  void on_exits();
  void on_timer();
  void follow_targets();
  void end_gone_connections();
  void keep_off_their_cpus();
  void record(const EventView& event);
  void add_thread_accounts(ResourceUse& resources) const;

  LiveConfig config_;
  ProcFs proc_;
  CpuAvoidance avoidance_{proc_};
  RunInfo info_;
  std::optional<TargetMatcher> matcher_;
  std::optional<FollowScanner> scanner_;
  std::optional<SpawnedProcess> spawned_;
  std::map<pid_t, Process> processes_;  // alive
  std::optional<Tracer> tracer_;
  std::unique_ptr<LiveSource> source_;
  std::optional<ExitWatch> exits_;
  std::optional<ResourceSampler> resources_;
  std::optional<NetCounters> net_before_;
  std::unique_ptr<CaptureWriter> recording_;
  UniqueFd stacks_fd_;
  std::optional<SlowRequests> slow_;
  std::optional<TlsProbes> tls_;  // only if plaintext was asked for
  std::unique_ptr<Analysis> analysis_;
  std::vector<Sink*> sinks_;
  UniqueFd signal_fd_;
  UniqueFd deadline_fd_;
  UniqueFd follow_fd_;
  SessionEnd end_ = SessionEnd::Stopped;
  std::string last_exit_;
  GoneConnections gone_;
  FailingCalls failing_calls_;
  tw_task_account ended_account_{};  // of threads that have ended
  std::optional<ProgramsWatch> programs_;
  OwnUsage own_before_;
  std::vector<PayloadSpan> spans_;
  std::function<void(Ns, const Report&)> progress_;
};

}  // namespace tailwhy
