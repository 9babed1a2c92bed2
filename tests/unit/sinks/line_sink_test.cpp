// One line an interval: columns that programs can count on.
#include "sinks/line_sink.h"

#include "unit/base/temp_dir.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <ctime>
#include <sstream>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

std::size_t count_words(const std::string& line) {
  std::istringstream words(line);
  std::size_t count = 0;
  for (std::string word; words >> word;)
    ++count;
  return count;
}

Report interval() {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  Report report = sample_report();
  report.total = false;
  return report;
}

}  // namespace

TEST_CASE("line sink: heading and numbers, to the byte", "[sinks][line]") {
  CHECK(interval_heading() ==
        "time         req/s     err/s     p50_ms     p90_ms     p99_ms   p99.9_ms     max_ms  "
        "in_flight   cpu_%    lost\n");
  CHECK(format_interval_line(interval()) ==
        "10:40:15     48209      3.30      0.138      0.473      2.062      7.242    151.770  "
        "        8    92.1       0\n");
}

TEST_CASE("line sink: as many columns whatever there is to say", "[sinks][line]") {
  const std::size_t columns = count_words(interval_heading());
  CHECK(columns == 11);
  Report report = interval();
  CHECK(count_words(format_interval_line(report)) == columns);
  report.latency = {};  // no request in this interval
  report.resources = {};
  report.server = {};
  const std::string idle = format_interval_line(report);
  CHECK(count_words(idle) == columns);
  CHECK_THAT(idle, Catch::Contains("0.00      0.00          -"));
  report = interval();
  report.server.matched = ~0ULL;
  report.losses[0].count = ~0ULL;
  CHECK(count_words(format_interval_line(report)) == columns);
  CHECK(count_words(format_interval_line(Report{})) == columns);
}

TEST_CASE("line sink: the heading once, then a line an interval", "[sinks][line]") {
  TempDir dir;
  const std::string path = dir.path("lines");
  auto sink = LineSink::create(path);
  REQUIRE(sink);
  (*sink)->on_start(sample_run());
  for (int i = 0; i < 50; ++i)
    (*sink)->on_interval(interval(), interval());
  REQUIRE((*sink)->on_end(interval()));
  CHECK((*sink)->dropped() == 0);
  std::istringstream lines(read_file(path));
  std::size_t count = 0, headings = 0;
  for (std::string line; std::getline(lines, line); ++count)
    headings += line.rfind("time", 0) == 0 ? 1 : 0;
  CHECK(count == 51);
  CHECK(headings == 1);
}

TEST_CASE("line sink: a full disk is an error at the end", "[sinks][line]") {
  auto sink = LineSink::create("/dev/full");
  REQUIRE(sink);
  (*sink)->on_start(sample_run());
  const Result<> ended = (*sink)->on_end(interval());
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code() == ErrorCode::Io);
}
