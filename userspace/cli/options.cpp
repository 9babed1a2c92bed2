#include "cli/options.h"

#include "base/text.h"
#include "bpf/features.h"
#include "bpf/hooks.h"
#include "proto/parser.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <map>
#include <memory>
#include <utility>

namespace tailwhy {

namespace {

constexpr const char* kTargets = "Target";
constexpr const char* kTime = "Time";
constexpr const char* kOutputs = "Output";
constexpr const char* kGates = "Exit status";
constexpr const char* kNames = "Names";
constexpr const char* kTracing = "Tracing";

const std::map<std::string, Format> kFormats = {
    {"table", Format::Table}, {"json", Format::Json}, {"jsonl", Format::Jsonl}};
const std::map<std::string, WhichRequests> kRequests = {{"all", WhichRequests::All},
                                                        {"slow", WhichRequests::Slow},
                                                        {"failed", WhichRequests::Failed},
                                                        {"sampled", WhichRequests::Sampled}};
const std::map<std::string, When> kWhen = {
    {"auto", When::Auto}, {"always", When::Always}, {"never", When::Never}};

// CLI11 reports what a conversion throws as a usage error of that option.
template <class T>
T or_throw(Result<T> result, const std::string& option) {
  if (!result) throw CLI::ValidationError(option, result.error().message());
  return *std::move(result);
}

CLI::Option* add_duration(CLI::App& app,
                          const std::string& names,
                          Ns& target,
                          const std::string& help) {
  return app
      .add_option_function<std::string>(
          names,
          [&target, names](const std::string& text) {
            target = or_throw(parse_duration(text), names);
          },
          help)
      ->type_name("TIME");
}

CLI::Option* add_size(CLI::App& app,
                      const std::string& names,
                      std::uint64_t& target,
                      const std::string& help) {
  return app
      .add_option_function<std::string>(
          names,
          [&target, names](const std::string& text) { target = or_throw(parse_size(text), names); },
          help)
      ->type_name("SIZE");
}

template <class Enum>
CLI::Option* add_choice(CLI::App& app,
                        const std::string& names,
                        Enum& target,
                        const std::map<std::string, Enum>& choices,
                        const std::string& help) {
  std::vector<std::string> words;
  for (const auto& [word, value] : choices)
    words.push_back(word);
  return app
      .add_option_function<std::string>(
          names, [&target, &choices](const std::string& word) { target = choices.at(word); }, help)
      ->check(CLI::IsMember(words))
      ->type_name(fmt::format("{}", fmt::join(words, "|")));
}

void add_targets(CLI::App& app, Options& o) {
  app.add_option("-p,--pid", o.pids, "Processes to trace, with their children")
      ->delimiter(',')
      ->type_name("PID")
      ->group(kTargets);
  app.add_option("--port", o.ports, "Whoever listens on this TCP port")
      ->delimiter(',')
      ->type_name("PORT")
      ->group(kTargets);
  app.add_option("--comm", o.comms, "Processes of this name, or matching /REGEX/")
      ->type_name("NAME")
      ->group(kTargets);
  app.add_flag("--no-children", o.no_children, "Do not trace the targets' children")
      ->group(kTargets);
  app.add_flag("--follow", o.follow,
               "Wait for a match, and go on through restarts (with --port or --comm)")
      ->group(kTargets);
}

void add_time(CLI::App& app, Options& o) {
  add_duration(app, "-d,--duration", o.duration_ns, "Stop after this long (10, 10s, 2m, 500ms)")
      ->group(kTime);
  add_duration(app, "-i,--interval", o.interval_ns, "Length of an interval (default 1s)")
      ->group(kTime);
}

void add_outputs(CLI::App& app, Options& o) {
  add_choice(app, "--format", o.format, kFormats, "What is printed (default table)")
      ->group(kOutputs);
  app.add_option("-o,--output", o.output, "Print there instead of standard output")
      ->type_name("FILE")
      ->group(kOutputs);
  app.add_option("--log", o.log, "Write JSON lines there (see --json-schema)")
      ->type_name("FILE")
      ->group(kOutputs);
  add_choice(app, "--log-requests", o.log_requests, kRequests,
             "Requests in the log (default: slow, failed, and a sample)")
      ->group(kOutputs);
  add_duration(app, "--slow", o.slow_ns, "A request is slow from this duration on")
      ->group(kOutputs);
  app.add_option("--sample", o.sample_per_second,
                 "Sampled requests a second in the log (default 50)")
      ->type_name("N")
      ->group(kOutputs);
  app.add_flag("--client-address", o.client_address, "Log the clients' addresses")->group(kOutputs);
  app.add_option("-n,--top", o.top, "Rows of a table (default 10)")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->group(kOutputs);
  add_choice(app, "--color,--colour", o.colour, kWhen, "Colours (default auto)")->group(kOutputs);
  app.add_flag_callback(
         "--no-color,--no-colour", [&o] { o.colour = When::Never; }, "The same as --color never")
      ->group(kOutputs);
  app.add_flag("--ascii", o.ascii, "No characters beyond ASCII")->group(kOutputs);
  app.add_flag("-q,--quiet", o.quiet, "Only results and errors")->group(kOutputs);
  app.add_flag("-v,--verbose", o.verbose, "Say more; twice: much more")->group(kOutputs);
}

void add_gates(CLI::App& app, Options& o) {
  app.add_option("--fail-if", o.fail_if,
                 "Exit with 5 when true at the end: 'p99>50ms', 'errors>1%'")
      ->type_name("CONDITION")
      ->group(kGates);
  app.add_option("--max-loss", o.max_loss, "Exit with 6 when more events were lost")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->group(kGates);
}

std::vector<std::string> group_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kHookGroups; ++i) {
    const auto group = static_cast<HookGroup>(i);
    const bool on_request = group == HookGroup::Ack || group == HookGroup::Tls;
    if (!on_request) names.emplace_back(to_string(group));  // off unless --drain, --tls
  }
  return names;
}

std::vector<std::string> feature_names() {
  std::vector<std::string> names;
  for (int i = 0; i < TW_FEAT_MAX; ++i) {
    names.emplace_back(feature_name(static_cast<tw_feature>(i)));
  }
  return names;
}

void add_names(CLI::App& app, Options& o) {
  app.add_option("--protocol", o.protocols,
                 "Connections to this port speak that protocol, whatever they look like")
      ->delimiter(',')
      ->type_name("PORT=NAME")
      ->group(kNames);
  app.add_option("--route", o.routes,
                 "Paths like this are one route: '/user/{id}/orders', '/static/**'; repeatable")
      ->type_name("PATTERN")
      ->group(kNames);
}

void add_tracing(CLI::App& app, Options& o) {
  app.add_flag("--drain", o.drain, "Follow responses until the client has acknowledged them")
      ->group(kTracing);
  app.add_flag("--tls", o.tls,
               "Read encrypted connections at the target's TLS library, by probes on it")
      ->group(kTracing);
  app.add_option("--without", o.without, "Leave a group of hooks out (sched, net, syscalls)")
      ->delimiter(',')
      ->check(CLI::IsMember(group_names()))
      ->type_name("GROUP")
      ->group(kTracing);
  app.add_option("--disable-feature", o.disable_features,
                 "Pretend that the kernel lacks a feature: its fallback is used")
      ->delimiter(',')
      ->check(CLI::IsMember(feature_names()))
      ->type_name("FEATURE")
      ->group(kTracing);
  add_size(app, "--ring-size", o.ring_bytes, "Ring buffer, a power of two (default 8M)")
      ->group(kTracing);
  add_size(app, "--capture", o.capture_bytes,
           "Bytes of a request that are looked at, at most 16K (default 8K; 0: none)")
      ->group(kTracing);
  app.add_option("--ready-fd", o.ready_fd, "Write a line to this descriptor once attached")
      ->type_name("FD")
      ->group(kTracing);
}

struct CommandLine {
  std::unique_ptr<CLI::App> app;
  CLI::App* record = nullptr;
  CLI::App* report = nullptr;
  CLI::App* doctor = nullptr;
  CLI::App* completion = nullptr;
  bool json_schema = false;
  bool version = false;
};

CommandLine make_parser(Options& o) {
  CommandLine p;
  p.app = std::make_unique<CLI::App>(
      "Says what the clients of a running server wait for, and why.\n\n"
      "  tailwhy -p PID                     until Ctrl-C; live at a terminal, lines in a pipe\n"
      "  tailwhy --profile -p PID -d 10s    one report\n"
      "  tailwhy --profile -- CMD ARGS      start a command and trace it\n",
      "tailwhy");
  CLI::App& app = *p.app;
  app.set_help_flag("-h,--help", "Print this");
  app.add_flag("--version", p.version, "Print the version (with --json: as JSON)");
  app.add_flag("--json-schema", p.json_schema, "Print the JSON Schema of the log's records");
  app.add_flag("--json", o.json, "With --version: JSON");
  add_targets(app, o);
  app.add_flag("--profile", o.profile, "One shot: trace for 10 s (or -d), report, exit")
      ->group(kTime);
  add_time(app, o);
  add_outputs(app, o);
  add_gates(app, o);
  add_names(app, o);
  add_tracing(app, o);
  app.add_option("--stacks", o.stacks,
                 "Write where in the code slow requests spend their time, as folded stacks")
      ->type_name("FILE")
      ->group(kOutputs);

  p.record = app.add_subcommand("record", "Trace into a file, for `tailwhy report`");
  add_targets(*p.record, o);
  add_time(*p.record, o);
  p.record->add_option("-o,--output", o.output, "The recording to write")
      ->required()
      ->type_name("FILE");
  p.record->add_flag("--payload", o.keep_payload,
                     "Keep header values, query strings and bodies in the recording");
  p.record->add_flag("-q,--quiet", o.quiet, "Only errors");
  p.record->add_flag("-v,--verbose", o.verbose, "Say more");
  add_names(*p.record, o);
  add_tracing(*p.record, o);

  p.report = app.add_subcommand("report", "Analyse a recording; needs no root");
  p.report->add_option("recording", o.recording, "The recording to read")
      ->required()
      ->type_name("FILE");
  add_outputs(*p.report, o);
  add_gates(*p.report, o);
  add_names(*p.report, o);

  p.doctor = app.add_subcommand("doctor", "Try every hook and say what works, and how to mend it");
  p.doctor->add_option("-p,--pid", o.pids, "Look at this process too")
      ->expected(1)
      ->type_name("PID");
  p.doctor->add_flag("--json", o.json, "Print JSON");
  add_choice(*p.doctor, "--color,--colour", o.colour, kWhen, "Colours (default auto)");
  p.doctor->add_flag("--ascii", o.ascii, "No characters beyond ASCII");
  p.doctor->add_option("--disable-feature", o.disable_features, "Pretend a feature is missing")
      ->delimiter(',')
      ->check(CLI::IsMember(feature_names()))
      ->type_name("FEATURE");

  p.completion = app.add_subcommand("completion", "Print a completion script");
  p.completion->add_option("shell", o.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL");
  app.require_subcommand(0, 1);
  return p;
}

Error usage(std::string message, std::string hint = "`tailwhy --help` lists the options") {
  return Error(ErrorCode::Usage, std::move(message), std::move(hint));
}

std::string protocol_names() {
  std::vector<std::string_view> names;
  for (const ParserSpec* spec : parser_specs())
    names.push_back(spec->name);
  return fmt::format("{}", fmt::join(names, ", "));
}

// What no single option can check.
Result<> check(const Options& o) {
  const bool traces = o.command == Command::Trace || o.command == Command::Record;
  const bool named = !o.pids.empty() || !o.ports.empty() || !o.comms.empty();
  if (traces && !named && o.run.empty()) {
    return usage("nothing to trace: no process was named",
                 "name one: tailwhy -p PID, --port N, --comm NAME, or -- CMD");
  }
  if (named && !o.run.empty()) {
    return usage("both a command after -- and a running process were named",
                 "trace one or the other");
  }
  if (!o.run.empty() && !traces) return usage("only a trace can start a command");
  if (o.follow && o.ports.empty() && o.comms.empty()) {
    return usage("--follow needs --port or --comm", "a PID that is gone does not come back");
  }
  if (o.interval_ns < 10'000'000) {
    return usage("--interval is too short", "at least 10ms");
  }
  const std::uint64_t ring = o.ring_bytes;
  if (ring < (64U << 10U) || ring > (1U << 30U) || (ring & (ring - 1)) != 0) {
    return usage(fmt::format("--ring-size {}: not a power of two from 64K to 1G", ring));
  }
  if (o.capture_bytes > (16U << 10U)) {
    return usage(fmt::format("--capture {}: more than 16K", o.capture_bytes));
  }
  if (auto flow = flow_config(o); !flow) return std::move(flow).error();
  for (const std::string& group : o.without) {
    if (group == "process" || group == "conn" || group == "io") {
      return usage(fmt::format("--without {}: nothing can be measured without it", group));
    }
  }
  const bool sched = std::find(o.without.begin(), o.without.end(), "sched") == o.without.end();
  if (!o.stacks.empty() && !sched) {
    return usage("--stacks and --without sched: stacks are taken where threads go to sleep");
  }
  if (!o.stacks.empty() && o.command != Command::Trace) {
    return usage("--stacks is for a trace: a recording has no stacks");
  }
  if (o.log_requests == WhichRequests::Slow && o.slow_ns == 0) {
    return usage("--log-requests slow needs --slow TIME");
  }
  return {};
}

std::string join_command_line(int argc, const char* const* argv) {
  std::string line;
  for (int i = 0; i < argc; ++i) {
    if (i > 0) line += ' ';
    line += argv[i];
  }
  return line;
}

// Usage errors name what was given and the protocols there are.
Result<std::vector<ProtocolPin>> protocol_pins(const Options& options) {
  std::vector<ProtocolPin> pins;
  for (const std::string& text : options.protocols) {
    const std::size_t equals = text.find('=');
    std::uint16_t port = 0;
    const char* port_end = text.data() + std::min(equals, text.size());
    const auto [end, error] = std::from_chars(text.data(), port_end, port);
    if (equals == std::string::npos || error != std::errc{} || end != port_end || port == 0) {
      return usage(fmt::format("--protocol {}: not PORT=NAME", text),
                   "for example --protocol 6400=redis");
    }
    const ParserSpec* spec = parser_spec(std::string_view(text).substr(equals + 1));
    if (spec == nullptr) {
      return usage(fmt::format("--protocol {}: no such protocol", text),
                   fmt::format("one of {}", protocol_names()));
    }
    pins.push_back({port, spec});
  }
  return pins;
}

}  // namespace

Result<FlowConfig> flow_config(const Options& options) {
  FlowConfig config;
  auto pins = protocol_pins(options);
  if (!pins) return std::move(pins).error();
  config.pins = std::move(*pins);
  auto routes = RoutePatterns::compile(options.routes);
  if (!routes) return std::move(routes).error();
  config.routes = std::move(*routes);
  return config;
}

Result<ParsedOptions> parse_options(int argc, const char* const* argv) {
  ParsedOptions parsed;
  Options& o = parsed.options;
  o.command_line = join_command_line(argc, argv);
  CommandLine p = make_parser(o);
  // Everything after `--` is the command, whatever it looks like.
  std::vector<std::string> args(argv + 1, argv + argc);
  const auto dashes = std::find(args.begin(), args.end(), "--");
  if (dashes != args.end()) {
    o.run.assign(dashes + 1, args.end());
    if (o.run.empty()) return usage("no command after --");
    args.erase(dashes, args.end());
  }
  std::reverse(args.begin(), args.end());  // as CLI11 wants it
  try {
    p.app->parse(args);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = p.app->get_subcommands();
    parsed.help = chosen.empty() ? p.app->help() : chosen.front()->help();
    return parsed;
  } catch (const CLI::ParseError& e) {
    return usage(e.what());
  }
  if (p.version) o.command = Command::Version;
  if (p.json_schema) o.command = Command::JsonSchema;
  if (p.record->parsed()) o.command = Command::Record;
  if (p.report->parsed()) o.command = Command::Report;
  if (p.doctor->parsed()) o.command = Command::Doctor;
  if (p.completion->parsed()) o.command = Command::Completion;
  for (CLI::App* app : {p.app.get(), p.report}) {
    if (app->count("--format") > 0) o.format_given = true;
  }
  if (o.command == Command::Record) o.profile = true;
  if (p.app->count("--duration") > 0 && o.duration_ns == 0) {
    return usage("-d 0: that is no time at all; without -d it goes on until Ctrl-C");
  }
  if (o.profile && o.duration_ns == 0 && o.run.empty() && o.command == Command::Trace) {
    o.duration_ns = 10 * kNsPerSec;
  }
  if (auto checked = check(o); !checked) return std::move(checked).error();
  return parsed;
}

std::vector<CommandInfo> describe_options() {
  Options unused;
  CommandLine p = make_parser(unused);
  std::vector<CommandInfo> commands;
  std::vector<CLI::App*> apps = {p.app.get(), p.record, p.report, p.doctor, p.completion};
  for (CLI::App* app : apps) {
    CommandInfo command{app == p.app.get() ? "" : app->get_name(), app->get_description(), {}};
    for (const CLI::Option* option : app->get_options()) {
      const bool takes_value = option->get_items_expected_max() > 0;
      OptionInfo info;
      info.names = option->get_name(false, true);
      info.value = takes_value ? option->get_type_name() : "";
      info.help = option->get_description();
      info.group = option->get_group();
      command.options.push_back(std::move(info));
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace tailwhy
