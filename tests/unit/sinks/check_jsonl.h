// Runs tools/check-jsonl on a log against the schema that the binary prints.
#pragma once

#include "sinks/schema.h"
#include "unit/base/temp_dir.h"

#include <catch2/catch.hpp>

#include <array>
#include <cstdio>
#include <string>

namespace tailwhy::test {

struct Checked {
  int status = -1;
  std::string output;
};

inline Checked run_command(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Checked result;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), n);
  }
  result.status = ::pclose(pipe);
  return result;
}

inline Checked check_jsonl(const TempDir& dir,
                           const std::string& log,
                           const std::string& options = "") {
  write_file(dir.path("schema.json"), std::string(json_schema()));
  return run_command("python3 " TW_CHECK_JSONL " " + options + " " + dir.path("schema.json") + " " +
                     log);
}

}  // namespace tailwhy::test
