// The command line: what is accepted, what is refused and how, and that the manual knows it all.
#include "cli/options.h"

#include "cli/completion.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace tailwhy;

namespace {

Result<ParsedOptions> parse(std::vector<const char*> args) {
  args.insert(args.begin(), "tailwhy");
  return parse_options(static_cast<int>(args.size()), args.data());
}

std::string manual() {
  std::ifstream file(TW_MANUAL);
  std::stringstream text;
  text << file.rdbuf();
  std::string plain = text.str();
  plain.erase(std::remove(plain.begin(), plain.end(), '\\'), plain.end());
  return plain;
}

}  // namespace

TEST_CASE("options: a trace names its target", "[cli]") {
  const auto parsed = parse({"-p", "12,34", "--port", "80"});
  REQUIRE(parsed);
  CHECK(parsed->options.pids == std::vector<int>{12, 34});
  CHECK(parsed->options.ports == std::vector<std::uint16_t>{80});
  CHECK(parsed->options.duration_ns == 0);
}

TEST_CASE("options: --profile takes ten seconds unless told otherwise", "[cli]") {
  CHECK(parse({"--profile", "-p", "1"})->options.duration_ns == 10 * kNsPerSec);
  CHECK(parse({"--profile", "-p", "1", "-d", "2m"})->options.duration_ns == 120 * kNsPerSec);
  CHECK(parse({"--profile", "-p", "1", "-d", "500ms"})->options.duration_ns == kNsPerSec / 2);
}

TEST_CASE("options: everything after -- is the command", "[cli]") {
  const auto parsed = parse({"--profile", "--", "nginx", "-p", "-d", "--", "doctor"});
  REQUIRE(parsed);
  CHECK(parsed->options.run == std::vector<std::string>{"nginx", "-p", "-d", "--", "doctor"});
  CHECK(parsed->options.pids.empty());
}

TEST_CASE("options: nonsense is a usage error that says what was wrong", "[cli]") {
  const std::vector<std::vector<const char*>> wrong = {
      {},
      {"-p", "abc"},
      {"-p", "1", "--format", "xml"},
      {"-p", "1", "-d", "-5"},
      {"-p", "1", "-d", "1fortnight"},
      {"-p", "1", "--interval", "1us"},
      {"-p", "1", "--ring-size", "100K"},
      {"-p", "1", "--capture", "1M"},
      {"-p", "1", "--without", "io"},
      {"-p", "1", "--without", "everything"},
      {"-p", "1", "--disable-feature", "gravity"},
      {"-p", "1", "--log-requests", "slow"},
      {"-p", "1", "--follow"},
      {"-p", "1", "--port", "70000"},
      {"-p", "1", "--max-loss", "-1"},
      {"-p", "1", "--", "ls"},
      {"--profile", "--"},
      {"record", "-p", "1"},
      {"report"},
      {"completion", "tcsh"},
      {"-p", "1", "--no-such-option"},
      {"doctor", "report"},
  };
  for (const auto& args : wrong) {
    std::string line;
    for (const char* arg : args)
      line += std::string(arg) + " ";
    CAPTURE(line);
    const auto parsed = parse(args);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == ErrorCode::Usage);
    CHECK_FALSE(parsed.error().message().empty());
  }
}

TEST_CASE("options: help is a text, not an error", "[cli]") {
  CHECK(parse({"--help"})->help.find("--profile") != std::string::npos);
  CHECK(parse({"record", "--help"})->help.find("--payload") != std::string::npos);
}

TEST_CASE("options: the manual names every option", "[cli]") {
  const std::string text = manual();
  REQUIRE_FALSE(text.empty());
  for (const CommandInfo& command : describe_options()) {
    if (!command.name.empty()) CHECK(text.find("tailwhy " + command.name) != std::string::npos);
    for (const OptionInfo& option : command.options) {
      std::stringstream names(option.names);
      for (std::string name; std::getline(names, name, ',');) {
        if (!name.starts_with("-")) continue;
        CAPTURE(command.name, name);
        CHECK(text.find(name) != std::string::npos);
      }
    }
  }
}

TEST_CASE("completion: each shell's script names every long option", "[cli]") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(shell);
    for (const CommandInfo& command : describe_options()) {
      for (const OptionInfo& option : command.options) {
        const std::size_t at = option.names.find("--");
        if (at == std::string::npos) continue;
        const std::string name = option.names.substr(at + 2, option.names.find(',', at) - at - 2);
        CAPTURE(shell, name);
        CHECK(script.find(name) != std::string::npos);
      }
    }
  }
  CHECK(completion_script("tcsh").empty());
}
