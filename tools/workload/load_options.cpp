// The command line of the load generator.
#include "load_options.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace workload {
namespace {

constexpr const char* kUsage =
    "usage: load --to ADDRESS [-n REQUESTS] [-c CONNECTIONS] [options]\n"
    "  --get PATH[*WEIGHT]      what to ask for; also --post, --head, --put; repeat to mix\n"
    "  --body BYTES --chunked --expect-continue      the body of POST and PUT\n"
    "  --depth N                pipelining: N requests in one write\n"
    "  --per-connection N       close after N requests; --hold MS: a random time before that\n"
    "  --close                  one request per connection, and the header says so; --http10 too\n"
    "  --header 'NAME: VALUE'\n"
    "  --rate N                 requests a second in all; without: as fast as they are answered\n"
    "  --open-loop              with --rate: new connections when all are busy, -c is the least\n"
    "  --read-rate BYTES        a second that each connection reads, with a small receive buffer\n"
    "  --limit SECONDS          of the whole run (60)\n"
    "  --log FILE --prefix TEXT --seed N\n";

[[noreturn]] void usage(std::string_view problem) {
  std::fprintf(stderr, "load: %.*s\n%s", static_cast<int>(problem.size()), problem.data(), kUsage);
  std::exit(2);
}

std::uint64_t count(std::string_view name, const char* text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0') usage(std::string(name) + " wants a number");
  return value;
}

Target target(std::string_view option, std::string_view text) {
  Target out{.method = std::string(option.substr(2)), .path = std::string(text)};
  for (char& c : out.method)
    c = static_cast<char>(c - 'a' + 'A');
  const std::size_t star = text.rfind('*');
  if (star != std::string_view::npos && star + 1 < text.size()) {
    out.path = text.substr(0, star);
    out.weight = static_cast<unsigned>(std::atoi(std::string(text.substr(star + 1)).c_str()));
    if (out.weight == 0) usage("a weight is at least 1");
  }
  return out;
}

bool read_flag(std::string_view name, LoadOptions& options) {
  if (name == "--close") return options.close = true;
  if (name == "--http10") return options.http10 = true;
  if (name == "--chunked") return options.chunked = true;
  if (name == "--open-loop") return options.open_loop = true;
  if (name == "--expect-continue") return options.expect_continue = true;
  return false;
}

void read_option(std::string_view name, const char* value, LoadOptions& options) {
  if (name == "--to") {
    options.to = parse_address(value);
  } else if (name == "-n") {
    options.requests = count(name, value);
  } else if (name == "-c") {
    options.connections = static_cast<unsigned>(count(name, value));
  } else if (name == "--get" || name == "--post" || name == "--head" || name == "--put") {
    options.targets.push_back(target(name, value));
  } else if (name == "--body") {
    options.body = count(name, value);
  } else if (name == "--depth") {
    options.depth = static_cast<unsigned>(count(name, value));
  } else if (name == "--per-connection") {
    options.per_connection = count(name, value);
  } else if (name == "--hold") {
    options.hold = count(name, value) * kNsPerMs;
  } else if (name == "--header") {
    options.headers.emplace_back(value);
  } else if (name == "--rate") {
    options.rate = std::atof(value);
  } else if (name == "--read-rate") {
    options.read_rate = count(name, value);
  } else if (name == "--limit") {
    options.limit = count(name, value) * kNsPerSec;
  } else if (name == "--log") {
    options.log = value;
  } else if (name == "--prefix") {
    options.prefix = value;
  } else if (name == "--seed") {
    options.seed = static_cast<unsigned>(count(name, value));
  } else {
    usage("unknown option " + std::string(name));
  }
}

}  // namespace

LoadOptions parse_load_options(int argc, char** argv) {
  LoadOptions options;
  for (int i = 1; i < argc; ++i) {
    if (read_flag(argv[i], options)) continue;
    if (i + 1 == argc) usage("unknown option or missing value: " + std::string(argv[i]));
    read_option(argv[i], argv[i + 1], options);
    ++i;
  }
  if (options.to.text.empty()) usage("--to is missing");
  if (options.connections == 0 || options.depth == 0) usage("-c and --depth are at least 1");
  if (options.open_loop && options.rate <= 0) usage("--open-loop wants a --rate");
  if (options.targets.empty()) options.targets.push_back({.method = "GET", .path = "/"});
  if (options.close || options.http10) options.per_connection = 1;
  return options;
}

}  // namespace workload
