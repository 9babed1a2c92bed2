// Figures for people.
#include "sinks/numbers.h"

#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <ctime>

using namespace tailwhy;

TEST_CASE("numbers: rates have three digits", "[sinks][numbers]") {
  CHECK(format_rate(0) == "0/s");
  CHECK(format_rate(0.0001) == "<0.001/s");
  CHECK(format_rate(0.0123) == "0.012/s");
  CHECK(format_rate(0.25) == "0.250/s");
  CHECK(format_rate(9.999) == "10.0/s");
  CHECK(format_rate(48.21) == "48.2/s");
  CHECK(format_rate(999.4) == "999/s");
  CHECK(format_rate(999.6) == "1.00k/s");
  CHECK(format_rate(48'210) == "48.2k/s");
}

TEST_CASE("numbers: a share that is not zero never looks like zero", "[sinks][numbers]") {
  CHECK(format_share(0) == "0 %");
  CHECK(format_share(0.000001) == "<0.001 %");
  CHECK(format_share(0.00001) == "0.0010 %");
  CHECK(format_share(0.000068) == "0.0068 %");
  CHECK(format_share(0.123) == "12.3 %");
  CHECK(format_share(1) == "100 %");
  CHECK(format_share(2.31) == "231 %");
}

TEST_CASE("numbers: error rate and throughput", "[sinks][numbers]") {
  ExchangeCounts counts;
  CHECK(error_rate(counts) == 0);
  counts.matched = 90;
  counts.unmatched = 10;
  counts.server_errors = 5;
  counts.failed = 10;
  CHECK(error_rate(counts) == Approx(0.15));
  CHECK(throughput(counts, 10) == Approx(9));
  CHECK(throughput(counts, 0) == 0);
}

TEST_CASE("numbers: counted things have a plural", "[sinks][numbers]") {
  CHECK(counted(0, "fd") == "0 fds");
  CHECK(counted(1, "fd") == "1 fd");
  CHECK(counted(2, "process", "processes") == "2 processes");
}

TEST_CASE("numbers: the time of day is that of the reader", "[sinks][numbers]") {
  ::setenv("TZ", "XYZ-2", 1);
  ::tzset();
  CHECK(format_clock(1'788'000'005'999'999'999) == "12:40:05");
  CHECK(format_date(1'788'000'005'999'999'999) == "2026-08-29 12:40:05 XYZ");
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  CHECK(format_clock(1'788'000'005'999'999'999) == "10:40:05");
}

TEST_CASE("numbers: statuses are added up over routes", "[sinks][numbers]") {
  Report report = test::sample_report();
  report.routes.push_back(test::sample_route("GET", "/x", 503, 1000, 1000));
  report.routes.push_back(test::sample_route("GET", "/y", 500, 1000, 1000));
  report.routes.push_back(test::sample_route("GET", "/z", 502, 7, 1000));
  report.routes.back().role = Role::Client;
  const auto counts = count_statuses(report, Role::Server, WhoseError::Server);
  REQUIRE(counts.size() == 2);
  CHECK(counts[0].status == "503");
  CHECK(counts[0].count == 1021);
  CHECK(counts[1].status == "500");
}
