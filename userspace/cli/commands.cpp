#include "cli/commands.h"

#include "app/live_session.h"
#include "app/replay_session.h"
#include "app/tls_probes.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "bpf/doctor.h"
#include "bpf/feature_probe.h"
#include "cli/completion.h"
#include "cli/doctor_output.h"
#include "cli/gates.h"
#include "cli/keys.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/terminal.h"
#include "proto/datagram.h"
#include "proto/parser.h"
#include "sinks/schema.h"
#include "sinks/terminal.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace tailwhy {

namespace {

Result<> print(std::string_view text) {
  return write_all(STDOUT_FILENO, text, "standard output");
}

std::string version_text(bool json) {
  if (json) {
    return fmt::format(
        "{{\"version\": \"{}\", \"commit\": \"{}\", \"libbpf\": \"{}\", \"clang\": \"{}\"}}\n",
        kVersion, kCommit, kLibbpfVersion, kClangVersion);
  }
  return fmt::format("tailwhy {} ({}), libbpf {}, BPF by clang {}\n", kVersion, kCommit,
                     kLibbpfVersion, kClangVersion);
}

Result<HookGroups> groups_of(const Options& o) {
  HookGroups groups = HookGroups::all();
  if (!o.drain) groups.without(HookGroup::Ack);
  if (!o.tls) groups.without(HookGroup::Tls);
  for (std::size_t i = 0; i < kHookGroups; ++i) {
    const auto group = static_cast<HookGroup>(i);
    if (std::find(o.without.begin(), o.without.end(), to_string(group)) != o.without.end()) {
      groups.without(group);
    }
  }
  return groups;
}

Result<std::vector<Gate>> gates_of(const Options& o) {
  std::vector<Gate> gates;
  for (const std::string& text : o.fail_if) {
    auto gate = parse_gate(text);
    if (!gate) return std::move(gate).error();
    gates.push_back(std::move(*gate));
  }
  return gates;
}

// Under sudo, who typed it: `report` shall read a recording without root.
std::optional<FileOwner> sudo_user() {
  const auto number = [](const char* name) -> std::optional<uid_t> {
    const char* text = std::getenv(name);
    if (text == nullptr) return std::nullopt;
    const std::string_view digits(text);
    uid_t value = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
    if (error != std::errc() || end != digits.end()) return std::nullopt;
    return value;
  };
  const auto uid = number("SUDO_UID");
  const auto gid = number("SUDO_GID");
  if (geteuid() != 0 || !uid || !gid) return std::nullopt;
  return FileOwner{*uid, *gid};
}

LiveConfig live_config(const Options& o, HookGroups groups) {
  LiveConfig config;
  config.targets.pids.assign(o.pids.begin(), o.pids.end());
  config.targets.ports = o.ports;
  config.targets.comms = o.comms;
  config.targets.follow = o.follow;
  config.targets.include_children = !o.no_children;
  config.command = o.run;
  config.groups = groups;
  for (const std::string& name : o.disable_features) {
    if (const auto feature = feature_by_name(name)) config.disabled_features.push_back(*feature);
  }
  config.tracer.ring_size_bytes = static_cast<std::uint32_t>(o.ring_bytes);
  config.tracer.ring_wake_bytes =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(o.ring_bytes / 16, 512U << 10U));
  config.tracer.want_payload = o.capture_bytes > 0;
  config.tracer.request_capture_bytes = static_cast<std::uint32_t>(o.capture_bytes);
  for (const ParserSpec* spec : parser_specs()) {
    if (!spec->framed_signature.empty()) {
      config.tracer.framed_signatures.push_back(spec->framed_signature);
    }
  }
  config.tracer.datagram_mask = datagram_protocol().datagrams->mask;
  config.tracer.datagram_value = datagram_protocol().datagrams->value;
  config.flow = flow_config(o).value();
  config.interval_ns = o.interval_ns;
  config.duration_ns = o.duration_ns;
  config.ready_fd = o.ready_fd;
  config.command_line = o.command_line;
  config.stacks_path = o.stacks;
  config.slow_ns = o.slow_ns;
  if (!o.stacks.empty()) config.record_owner = sudo_user();
  if (o.command == Command::Record) {
    config.record_path = o.output;
    config.record_payload = o.keep_payload;
    config.record_owner = sudo_user();
  }
  return config;
}

// The second Ctrl-C: no time for a summary, but the screen is given back.
void leave_now(int signal_number) {
  _exit(128 + signal_number);
}
void leave_live_view_now(int signal_number) {
  restore_terminal(STDOUT_FILENO);
  _exit(128 + signal_number);
}
// Ctrl-Z: the shell gets its screen back until it continues us.
void pause_live_view(int /*signal_number*/) {
  restore_terminal(STDOUT_FILENO);
  kill(getpid(), SIGSTOP);
  take_keys(STDIN_FILENO);
  enter_live_screen(STDOUT_FILENO);
}

Result<> watch_keys(const Keys& keys, LiveSession& live) {
  if (keys.fd() < 0) return {};
  return live.add_fd(keys.fd(), [&keys, &live] {
    const Keys::Typed typed = keys.read();
    if (typed == Keys::Typed::Quit) live.stop();
    if (typed == Keys::Typed::NoMore) live.remove_fd(keys.fd());
  });
}

Result<> trace(const Options& o) {
  auto gates = gates_of(o);
  if (!gates) return std::move(gates).error();
  auto groups = groups_of(o);
  if (!groups) return std::move(groups).error();
  auto outputs = Outputs::create(o);
  if (!outputs) return std::move(outputs).error();
  LiveConfig config = live_config(o, *groups);
  config.on_second_signal = draws_live_view(o) ? leave_live_view_now : leave_now;
  if (draws_live_view(o)) std::signal(SIGTSTP, pause_live_view);
  // with a command they are the command's
  const Keys keys(draws_live_view(o) && o.run.empty() ? STDIN_FILENO : -1);
  auto session = LiveSession::create(std::move(config));
  if (!session) return std::move(session).error();
  LiveSession& live = **session;
  if (auto watched = watch_keys(keys, live); !watched) return watched;
  Progress progress(o);
  progress.start(live.info());
  live.set_progress(
      [&](Ns elapsed_ns, const Report& total) { progress.update(elapsed_ns, total); });
  auto ended = live.run((*outputs)->sinks());
  progress.stop();
  if (!ended) return std::move(ended).error();
  if (*ended == SessionEnd::TargetsGone) {
    const Report& total = live.total();
    if (total.server.seen + total.client.seen + total.connections.opened +
            total.connections.existing ==
        0) {
      return Error(ErrorCode::NotFound, live.last_exit() + ": before it did anything",
                   "is it the process that serves? a master's children are traced with it");
    }
    log_notice(o, live.last_exit());
  }
  if (o.command == Command::Record) {
    log_notice(o, fmt::format("{}: {} events, {} requests; next: tailwhy report {}", o.output,
                              live.total().self.events, live.total().server.seen, o.output));
  }
  return check_gates(*gates, o.max_loss, live.total());
}

Result<> report(const Options& o) {
  auto gates = gates_of(o);
  if (!gates) return std::move(gates).error();
  auto session = ReplaySession::open(o.recording, flow_config(o).value());
  if (!session) return std::move(session).error();
  auto outputs = Outputs::create(o);
  if (!outputs) return std::move(outputs).error();
  if (auto ran = (*session)->run((*outputs)->sinks()); !ran) return ran;
  return check_gates(*gates, o.max_loss, (*session)->total());
}

Result<> doctor(const Options& o) {
  KernelFeatures features = detect_features();
  for (const std::string& name : o.disable_features) {
    if (const auto feature = feature_by_name(name)) {
      features.set(*feature, Support::No, "disabled by option");
    }
  }
  DoctorOptions options;
  if (!o.pids.empty()) options.pid = static_cast<std::uint32_t>(o.pids.front());
  std::vector<DoctorRow> rows = examine(features, options);
  if (options.pid) {
    for (DoctorRow& row : examine_tls(*options.pid, features))
      rows.push_back(std::move(row));
  }
  const std::string text = o.json ? format_doctor_json(rows)
                                  : format_doctor(rows, style_for(o, STDOUT_FILENO),
                                                  terminal_size(STDOUT_FILENO).columns);
  if (auto printed = print(text); !printed) return printed;
  if (worst(rows) != Verdict::Fail) return {};
  return Error(ErrorCode::Unsupported, "something that tailwhy cannot do without is missing",
               "see the rows marked fail");
}

Result<> run(const Options& o) {
  switch (o.command) {
    case Command::Trace:
    case Command::Record:
      return trace(o);
    case Command::Report:
      return report(o);
    case Command::Doctor:
      return doctor(o);
    case Command::Completion:
      return print(completion_script(o.shell));
    case Command::JsonSchema:
      return print(json_schema());
    case Command::Version:
      return print(version_text(o.json));
  }
  return {};
}

int fail(const Error& error) {
  fmt::print(stderr, "tailwhy: {}\n", error.to_string());
  if (!error.hint().empty()) fmt::print(stderr, "  try: {}\n", error.hint());
  return exit_code(error.code());
}

}  // namespace

int run_cli(int argc, const char* const* argv) noexcept {
  try {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of write(2), as a full disk is
    auto parsed = parse_options(argc, argv);
    if (!parsed) return fail(parsed.error());
    if (!parsed->help.empty()) {
      const auto printed = print(parsed->help);
      return printed ? 0 : fail(printed.error());
    }
    const Options& o = parsed->options;
    set_log_level(o.quiet          ? LogLevel::Error
                  : o.verbose == 0 ? LogLevel::Warn
                  : o.verbose == 1 ? LogLevel::Info
                                   : LogLevel::Debug);
    const auto result = run(o);
    return result ? 0 : fail(result.error());
  } catch (const std::exception& e) {
    return fail(Error(ErrorCode::Runtime, std::string("unexpected: ") + e.what(),
                      "this is a fault of tailwhy; please report it"));
  }
}

}  // namespace tailwhy
