#include "app/live_session.h"

#include "app/run_info_json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/timer.h"
#include "bpf/feature_probe.h"
#include "bpf/load_ladder.h"

#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {

namespace {

// The last word on whether all targets are gone is spoken this long after the last exit: until then
// the ring may still hold the news of a child.
constexpr Ns kGoneDelayNs = 150'000'000;
// New processes are looked for this often with --follow.
constexpr Ns kFollowPeriodNs = 250'000'000;

void add(tw_task_account& sum, const tw_task_account& account) {
  sum.on_cpu_ns += account.on_cpu_ns;
  sum.run_queue_ns += account.run_queue_ns;
  sum.sleep_ns += account.sleep_ns;
  sum.voluntary_switches += account.voluntary_switches;
  sum.involuntary_switches += account.involuntary_switches;
}

}  // namespace

LiveSession::LiveSession(LiveConfig config) : config_(std::move(config)) {}
LiveSession::~LiveSession() = default;

Result<std::unique_ptr<LiveSession>> LiveSession::create(LiveConfig config) {
  std::unique_ptr<LiveSession> session(new LiveSession(std::move(config)));
  if (auto started = session->start(); !started) return std::move(started).error();
  return session;
}

Result<> LiveSession::start() {
  if (auto opened = open_stacks(); !opened) return opened;
  if (auto found = find_targets(); !found) return found;
  if (auto attached = attach(); !attached) return attached;
  describe();
  return {};
}

// Before anything is attached: to learn at the end that nothing can be written would be too late.
Result<> LiveSession::open_stacks() {
  if (config_.stacks_path.empty()) return {};
  auto fd = open_private(config_.stacks_path, "write stacks to " + config_.stacks_path,
                         config_.record_owner);
  if (!fd) return std::move(fd).error();
  stacks_fd_ = *std::move(fd);
  config_.tracer.want_stacks = true;
  return {};
}

void LiveSession::start_slow_requests() {
  slow_.emplace(SlowRequestsConfig{
      .slow_ns = config_.slow_ns,
      .cpu_known = tracer_->plan().has_program("cpu_clock_pe"),
      .read_stack = [this](std::int32_t id) { return tracer_->read_stack(id); }});
  for (const auto& [pid, process] : processes_)
    slow_->on_process(static_cast<std::uint32_t>(pid));
  analysis_->set_slow_requests(&*slow_);
}

Result<> LiveSession::find_targets() {
  if (!config_.command.empty()) {
    auto spawned = SpawnedProcess::spawn(config_.command);
    if (!spawned) return std::move(spawned).error();
    spawned_ = std::move(*spawned);
    config_.targets.pids = {spawned_->pid()};
  }
  auto matcher = TargetMatcher::create(config_.targets);
  if (!matcher) return std::move(matcher).error();
  matcher_ = std::move(*matcher);
  auto selection = select_targets(proc_, *matcher_, getpid());
  if (!selection) return std::move(selection).error();
  for (const std::string& note : selection->notes)
    log_warn("{}", note);
  for (Match& match : selection->matches) {
    const pid_t pid = match.process.id.pid;
    config_.tracer.pids.push_back(static_cast<std::uint32_t>(pid));
    processes_.emplace(pid, std::move(match.process));
  }
  return {};
}

// Loading takes a while, and nobody was told of the children that were born in it. From now on the
// kernel side sees births.
Result<> LiveSession::add_late_targets() {
  auto selection = select_targets(proc_, *matcher_, getpid());
  if (!selection) return {};  // they have ended: the run will say so
  std::vector<std::uint32_t> late;
  for (Match& match : selection->matches) {
    const pid_t pid = match.process.id.pid;
    if (processes_.emplace(pid, std::move(match.process)).second) {
      late.push_back(static_cast<std::uint32_t>(pid));
    }
  }
  return late.empty() ? Result<>{} : tracer_->add_targets(late);
}

Result<> LiveSession::attach() {
  KernelFeatures features = detect_features();
  for (const tw_feature feature : config_.disabled_features) {
    features.set(feature, Support::No, "disabled by option");
  }
  auto tracer = start_tracer(config_.tracer, features,
                             {.groups = config_.groups, .stacks = config_.tracer.want_stacks});
  if (!tracer) return std::move(tracer).error();
  tracer_.emplace(std::move(*tracer));
  if (auto added = add_late_targets(); !added) return added;
  for (const PlannedHook& hook : tracer_->plan().hooks) {
    for (const std::string_view program : hook.programs)
      info_.hooks.emplace_back(program);
    if (!hook.variant->lacks.empty()) info_.missing.emplace_back(hook.variant->lacks);
  }
  for (const MissingHook& hook : tracer_->plan().missing) {
    info_.missing.push_back(
        fmt::format("{} ({})", hook.hook->gives, hook.unwanted ? "switched off" : hook.because));
  }
  attach_tls();
  auto source = LiveSource::create(*tracer_, {.interval_ns = config_.interval_ns});
  if (!source) return std::move(source).error();
  source_ = std::move(*source);
  return {};
}

void LiveSession::attach_tls() {
  if (!config_.groups.has(HookGroup::Tls) || tracer_->plan().find("tls") == nullptr) return;
  tls_.emplace(*tracer_);
  for (const auto& [pid, process] : processes_)
    tls_->on_process(static_cast<std::uint32_t>(pid));
  info_.tls = tls_->attached();
  if (info_.tls.empty() && !spawned_ && !processes_.empty()) {
    log_warn(
        "--tls: the target has no TLS library that is known, so far: its encrypted "
        "connections are measured as unknown");
  }
}

void LiveSession::describe() {
  fill_host(info_);
  info_.command_line = config_.command_line;
  info_.attached_ns = mono_now();
  info_.clock = sample_clock_offset();
  for (const auto& [pid, process] : processes_) {
    info_.targets.push_back({static_cast<std::uint32_t>(pid), process.comm, process.exe});
  }
  if (spawned_) {
    info_.target_text = config_.command.front();
  } else if (processes_.empty()) {
    info_.target_text = "nothing yet";
  } else {
    const auto& first = *processes_.begin();
    info_.target_text = fmt::format("{} (pid {}", first.second.comm, first.first);
    if (processes_.size() > 1) {
      info_.target_text += fmt::format(" and {} more", processes_.size() - 1);
    }
    info_.target_text += ")";
  }
}

void LiveSession::add_process(const Process& process, Baseline baseline) {
  if (auto watched = exits_->add(process.id); !watched) log_debug("{}", watched.error().message());
  if (auto added = resources_->add(process.id, baseline); !added) {
    log_debug("{}", added.error().message());
  }
  processes_.insert_or_assign(process.id.pid, process);
  if (slow_) slow_->on_process(static_cast<std::uint32_t>(process.id.pid));
  if (tls_) tls_->on_process(static_cast<std::uint32_t>(process.id.pid));
}

void LiveSession::keep_off_their_cpus() {
  std::vector<pid_t> pids;
  for (const auto& [pid, process] : processes_)
    pids.push_back(pid);
  if (avoidance_.update(pids)) log_info("the target's threads are pinned: keeping off their CPUs");
}

Result<> LiveSession::watch_programs() {
  std::vector<int> fds;
  for (const LoadedProgram& program : tracer_->programs())
    fds.push_back(program.fd);
  auto programs = ProgramsWatch::create(std::move(fds));
  if (!programs) {
    log_debug("{}", programs.error().to_string());
    return {};
  }
  programs_ = std::move(*programs);
  return source_->add_fd(programs_->fd(), [this] { programs_->on_window_end(); });
}

Result<> LiveSession::watch() {
  auto exits = ExitWatch::create(proc_);
  if (!exits) return std::move(exits).error();
  exits_.emplace(std::move(*exits));
  resources_.emplace(proc_, mono_now());
  const std::map<pid_t, Process> processes = std::exchange(processes_, {});
  for (const auto& [pid, process] : processes) {
    add_process(process, spawned_ ? Baseline::Birth : Baseline::Now);
  }
  keep_off_their_cpus();
  if (!processes_.empty()) {
    if (auto net = read_net_counters(proc_, processes_.begin()->first)) net_before_ = *net;
  }
  if (auto added = source_->add_fd(exits_->fd(), [this] { on_exits(); }); !added) return added;

  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    sigaddset(&signals, signal_number);
  }
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal_fd_.reset(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signal_fd_) return Error::from_errno("watch for signals", errno);
  if (auto added = source_->add_fd(signal_fd_.get(), [this] { on_signal(); }); !added) return added;

  if (config_.duration_ns != 0) {
    deadline_fd_ = make_timer(config_.duration_ns);
    auto added = source_->add_fd(deadline_fd_.get(), [this] {
      drain_timer(deadline_fd_.get());
      stop(SessionEnd::Duration);
    });
    if (!added) return added;
  }
  const bool following = matcher_->spec().follow;
  if (following) scanner_.emplace(proc_, *std::exchange(matcher_, std::nullopt), getpid());
  follow_fd_ = following ? make_timer(kFollowPeriodNs, kFollowPeriodNs) : make_timer();
  return source_->add_fd(follow_fd_.get(), [this] { on_timer(); });
}

Result<> LiveSession::start_recording() {
  if (config_.record_path.empty()) return {};
  auto writer = CaptureWriter::create(config_.record_path, {.header_json = to_json(info_),
                                                            .tick_interval_ns = config_.interval_ns,
                                                            .owner = config_.record_owner});
  if (!writer) return std::move(writer).error();
  recording_ = std::move(*writer);
  return {};
}

Result<SessionEnd> LiveSession::run(const std::vector<Sink*>& sinks) {
  sinks_ = sinks;
  analysis_ = std::make_unique<Analysis>(sinks, config_.flow);
  analysis_->set_side_source(this);
  analysis_->set_source_stats([this] { return source_->stats(); });
  analysis_->want_secrets(!config_.record_path.empty() && !config_.record_payload);
  if (auto recording = start_recording(); !recording) return std::move(recording).error();
  if (stacks_fd_) start_slow_requests();
  if (auto watched = watch(); !watched) return std::move(watched).error();
  if (auto watched = watch_programs(); !watched) return std::move(watched).error();
  if (auto own = read_own_usage()) own_before_ = *own;
  analysis_->start(info_);
  if (spawned_) {
    if (auto released = spawned_->release(); !released) return std::move(released).error();
  }
  if (config_.ready_fd >= 0 && ::write(config_.ready_fd, "1\n", 2) != 2) {
    log_warn("tell readiness on descriptor {}: it cannot be written to", config_.ready_fd);
  }
  const std::stop_source never;
  auto ran = source_->run(*this, never.get_token());
  for (int last = 0; last < 2; ++last)  // nothing comes any more: what is found closed may end
    end_gone_connections();
  auto finished = analysis_->finish(mono_now());
  if (slow_ && finished) {
    finished = write_folded(analysis_->total().slow_stacks, stacks_fd_.get(), config_.stacks_path);
  }
  if (recording_) {
    if (auto written = recording_->finish(); !written && finished) finished = std::move(written);
  }
  if (spawned_ && end_ == SessionEnd::Duration) {
    if (auto ended = spawned_->terminate(5 * kNsPerSec); !ended) {
      log_warn("{}", ended.error().message());
    }
  }
  if (!ran) return std::move(ran).error();
  if (!finished) return std::move(finished).error();
  return end_;
}

Result<> LiveSession::add_fd(int fd, std::function<void()> callback) {
  return source_->add_fd(fd, std::move(callback));
}

void LiveSession::remove_fd(int fd) {
  source_->remove_fd(fd);
}

void LiveSession::stop(SessionEnd why) {
  end_ = why;
  source_->request_stop();
}

const Report& LiveSession::total() const {
  return analysis_->total();
}

void LiveSession::on_event(const EventView& event) {
  if (const auto* fork = std::get_if<const tw_ev_task_fork*>(&event)) {
    if (auto process = read_process(proc_, static_cast<pid_t>((*fork)->pid))) {
      add_process(*process, Baseline::Birth);
    }
    if (slow_) slow_->on_fork((*fork)->parent_pid, (*fork)->pid);
  } else if (const auto* exec = std::get_if<const tw_ev_task_exec*>(&event)) {
    if (slow_) slow_->on_process((*exec)->pid);
    if (tls_) tls_->on_process((*exec)->pid);
  } else if (const auto* exit = std::get_if<const tw_ev_task_exit*>(&event)) {
    failing_calls_.on_thread_exit({(*exit)->pid, (*exit)->tid});
    add(ended_account_, (*exit)->account);
  }
  analysis_->on_event(event);
  if (recording_) record(event);
}

void LiveSession::record(const EventView& event) {
  spans_.clear();
  const bool has_payload =
      std::holds_alternative<DataView>(event) || std::holds_alternative<DatagramView>(event);
  if (has_payload && !config_.record_payload) {
    for (const SecretSpan& secret : analysis_->secrets()) {
      spans_.push_back({secret.offset, secret.size});
    }
  }
  recording_->add(bytes_of(event), spans_,
                  config_.record_payload ? TailBytes::Keep : TailBytes::Mask);
}

// The ring has been read past the look of the last time: what was found gone then ends now.
void LiveSession::end_gone_connections() {
  for (const tw_ev_conn_close& close : gone_.take())
    on_event(&close);
  std::vector<std::uint64_t> known = analysis_->unix_connections();
  if (known.empty()) return;
  const Ns asked_ns = mono_now();
  auto open = tracer_->list_unix();
  if (!open) log_debug("{}", open.error().message());
  if (open && *open) gone_.look(std::move(known), std::move(**open), asked_ns);
}

void LiveSession::on_tick(Ns now_ns) {
  if (slow_) slow_->on_tick();
  if (tls_) tls_->on_tick();
  end_gone_connections();
  analysis_->set_clock(sample_clock_offset());
  analysis_->on_tick(now_ns);
  if (recording_) {
    recording_->add_tick(now_ns);
    if (auto failure = recording_->take_failure()) log_error("{}", failure->to_string());
  }
  if (exits_->polled() > 0) on_exits();
  for (const Sink* sink : sinks_) {
    if (sink->reader_gone()) source_->request_stop();
  }
  if (progress_) progress_(now_ns - info_.attached_ns, analysis_->total());
}

SideData LiveSession::take(Ns now_ns) {
  SideData side;
  if (auto counters = tracer_->read_counters()) side.counters = *counters;
  side.syscalls_known =
      config_.groups.has(HookGroup::Syscalls) && tracer_->plan().find("sys_exit") != nullptr;
  if (side.syscalls_known) failing_calls_.collect(*tracer_, side);
  const ResourceSample sample = resources_->sample(now_ns);
  side.resources = to_resource_use(sample.total, sample);
  add_thread_accounts(side.resources);
  if (net_before_ && !processes_.empty()) {
    if (auto net = read_net_counters(proc_, processes_.begin()->first)) {
      if (const auto added = difference(*net_before_, *net)) {
        side.namespace_known = true;
        side.listen_overflows = added->listen_overflows;
        side.listen_drops = added->listen_drops;
      }
    }
  }
  if (auto own = read_own_usage()) {
    side.self.cpu_ns = own->cpu_ns() - own_before_.cpu_ns();
    side.self.rss_bytes = own->rss_bytes;
    side.self.peak_rss_bytes = own->peak_rss_bytes;
  }
  if (programs_) {
    programs_->on_tick(now_ns);
    const std::optional<double> share = programs_->cpu_share();
    side.self.programs_known = share.has_value();
    side.self.programs_cpu_share = share.value_or(0);
  }
  if (recording_) {
    side.not_recorded = recording_->stats().dropped_events;
    recording_->add_side({now_ns, kSideDataName, to_json(side)});
  }
  return side;
}

// The scheduler's hooks know every thread from its first moment to its last, which looking at /proc
// from time to time does not.
void LiveSession::add_thread_accounts(ResourceUse& resources) const {
  if (!config_.groups.has(HookGroup::Sched) || tracer_->plan().find("sched") == nullptr) return;
  const auto threads = tracer_->list_threads();
  if (!threads) return;
  tw_task_account sum = ended_account_;
  for (const tw_thread_info& thread : *threads)
    add(sum, thread.account);
  resources.run_queue_ns = sum.run_queue_ns;
  resources.voluntary_switches = sum.voluntary_switches;
  resources.involuntary_switches = sum.involuntary_switches;
}

void LiveSession::on_signal() {
  signalfd_siginfo received{};
  while (::read(signal_fd_.get(), &received, sizeof(received)) == sizeof(received)) {
    const int signal_number = static_cast<int>(received.ssi_signo);
    if (signal_number == SIGHUP || signal_number == SIGUSR1) {
      for (Sink* sink : sinks_)
        sink->reopen();
      analysis_->on_lifecycle({LifecycleEvent::Kind::Reopened, mono_now(), 0, {}});
      continue;
    }
    std::signal(SIGINT, config_.on_second_signal);
    std::signal(SIGTERM, config_.on_second_signal);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &signals, nullptr);
    stop();
    return;
  }
}

void LiveSession::on_exits() {
  for (const ProcessExit& exit : exits_->collect()) {
    processes_.erase(exit.id.pid);
    if (tls_) tls_->on_exit(static_cast<std::uint32_t>(exit.id.pid));
    const Ns now_ns = mono_now();
    std::string text = exit.status ? exit.status->describe() : "status unknown";
    analysis_->on_lifecycle(
        {LifecycleEvent::Kind::TargetExit, now_ns, static_cast<std::uint32_t>(exit.id.pid), text});
    last_exit_ = fmt::format("target {} exited ({}) after {:.1f} s", exit.id.pid, text,
                             static_cast<double>(now_ns - info_.attached_ns) / 1e9);
  }
  if (spawned_) spawned_->try_wait();
  if (!processes_.empty() || scanner_) return;
  arm_timer(follow_fd_.get(), kGoneDelayNs);
}

void LiveSession::on_timer() {
  drain_timer(follow_fd_.get());
  if (scanner_) {
    follow_targets();
  } else if (processes_.empty()) {
    stop(SessionEnd::TargetsGone);
  }
}

void LiveSession::follow_targets() {
  std::vector<ProcessId> traced;
  for (const auto& [pid, process] : processes_)
    traced.push_back(process.id);
  auto found = scanner_->scan(traced, boot_now());
  if (!found) {
    log_error("{}", found.error().to_string());
    return;
  }
  std::vector<std::uint32_t> pids;
  for (const Match& match : found->matches) {
    pids.push_back(static_cast<std::uint32_t>(match.process.id.pid));
  }
  if (pids.empty()) return;
  if (auto added = tracer_->add_targets(pids); !added) {
    log_error("{}", added.error().to_string());
    return;
  }
  for (const Match& match : found->matches) {
    add_process(match.process, Baseline::Now);
    analysis_->on_lifecycle({LifecycleEvent::Kind::TargetFound, mono_now(),
                             static_cast<std::uint32_t>(match.process.id.pid), match.process.comm});
  }
  keep_off_their_cpus();
}

}  // namespace tailwhy
