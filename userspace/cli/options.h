// The command line as plain values, and where it says what each option is. The only file that knows
// CLI11's types is options.cpp; everything else sees Options.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "flow/conn_table.h"

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tailwhy {

enum class Command : std::uint8_t {
  Trace,
  Record,
  Report,
  Doctor,
  Completion,
  JsonSchema,
  Version
};
enum class Format : std::uint8_t { Table, Json, Jsonl };
enum class WhichRequests : std::uint8_t { Default, All, Slow, Failed, Sampled };
enum class When : std::uint8_t { Auto, Always, Never };

struct Options {
  Command command = Command::Trace;

  // targets
  std::vector<int> pids;
  std::vector<std::uint16_t> ports;
  std::vector<std::string> comms;
  std::vector<std::string> run;  // after `--`
  bool no_children = false;
  bool follow = false;

  // how long, how often
  bool profile = false;
  Ns duration_ns = 0;  // 0: until stopped
  Ns interval_ns = kNsPerSec;

  // outputs
  Format format = Format::Table;
  bool format_given = false;
  std::string output;  // empty or "-": stdout
  std::string log;     // empty: no log of requests
  WhichRequests log_requests = WhichRequests::Default;
  Ns slow_ns = 0;      // 0: no threshold
  std::string stacks;  // empty: none are taken
  std::uint32_t sample_per_second = 50;
  bool client_address = false;
  std::uint32_t top = 0;  // 0: at most 10, and no more than the screen has room for
  When colour = When::Auto;
  bool ascii = false;
  bool quiet = false;
  int verbose = 0;
  bool json = false;  // doctor, version

  // conditions for the exit status
  std::vector<std::string> fail_if;
  std::int64_t max_loss = -1;  // -1: any

  // recording
  std::string recording;  // report: the file
  bool keep_payload = false;

  // what things are called
  std::vector<std::string> protocols;  // PORT=NAME
  std::vector<std::string> routes;     // patterns

  // how it traces
  bool drain = false;                // until the client has acknowledged
  bool tls = false;                  // plaintext, at the TLS libraries
  std::vector<std::string> without;  // hook groups
  std::vector<std::string> disable_features;
  std::uint64_t ring_bytes = 8U << 20U;
  std::uint64_t capture_bytes = 8192;
  std::string shell;  // completion
  int ready_fd = -1;

  std::string command_line;
};

struct ParsedOptions {
  Options options;
  /// What --help prints; then there is nothing else to do.
  std::string help;
};

/// --protocol and --route, as the analysis takes them.
Result<FlowConfig> flow_config(const Options& options);

/// Parses and checks. Usage errors say which option, what was given, and what it takes.
Result<ParsedOptions> parse_options(int argc, const char* const* argv);

/// One option as the parser knows it: completions and the man page are made from these.
struct OptionInfo {
  std::string names;  // "-p,--pid"
  std::string value;  // "PID"; empty: a flag
  std::string help;
  std::string group;
  std::vector<std::string> choices;
};
struct CommandInfo {
  std::string name;  // empty: the program itself
  std::string help;
  std::vector<OptionInfo> options;
};
/// The whole command line, for generators.
std::vector<CommandInfo> describe_options();

}  // namespace tailwhy
