// The report as a file: whole or not at all.
#include "sinks/report_sink.h"

#include "sinks/output.h"
#include "unit/base/file_size_limit.h"
#include "unit/base/temp_dir.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include <fcntl.h>
#include <filesystem>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;

namespace {

std::size_t files_in(const std::string& dir) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir))
    ++count;
  return count;
}

}  // namespace

TEST_CASE("report sink: a table or JSON at the end, nothing before", "[sinks][report_sink]") {
  TempDir dir;
  const std::string path = dir.path("report");
  ReportSink table({.path = path});
  table.on_start(sample_run());
  CHECK_FALSE(std::filesystem::exists(path));
  REQUIRE(table.on_end(sample_report()));
  CHECK_THAT(read_file(path), Catch::StartsWith("nginx (pid 1234 and 1 child)\n"));

  ReportSink document({.path = path, .json = true});
  document.on_start(sample_run());
  REQUIRE(document.on_end(sample_report()));
  CHECK(nlohmann::json::parse(read_file(path))["record"] == "summary");
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  CHECK(files_in(dir.path("")) == 1);
}

TEST_CASE("output: when the disk is full the old file stays and no other", "[sinks][report_sink]") {
  TempDir dir;
  const std::string path = dir.path("report");
  write_file(path, "old");
  {
    const FileSizeLimit limit(1000);
    const Result<> written = write_output(path, std::string(5000, 'x'));
    REQUIRE_FALSE(written);
    CHECK(written.error().code() == ErrorCode::Io);
  }
  CHECK(read_file(path) == "old");
  CHECK(files_in(dir.path("")) == 1);
}

TEST_CASE("output: devices are written to, not replaced", "[sinks][report_sink]") {
  CHECK(write_output("/dev/null", "text"));
  struct stat info {};
  REQUIRE(::stat("/dev/null", &info) == 0);
  CHECK(S_ISCHR(info.st_mode));
  const Result<> full = write_output("/dev/full", "text");
  REQUIRE_FALSE(full);
  CHECK_THAT(full.error().to_string(), Contains("/dev/full") && Contains("ENOSPC"));
}

TEST_CASE("output: a directory that is not there is an error with its name",
          "[sinks][report_sink]") {
  const Result<> written = write_output("/nonexistent/report", "text");
  REQUIRE_FALSE(written);
  CHECK_THAT(written.error().to_string(), Contains("/nonexistent/report"));
}
