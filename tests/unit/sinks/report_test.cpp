// The report of one screen: golden texts, small screens, empty runs, hostile names.
#include "sinks/report.h"

#include "unit/sinks/golden.h"
#include "unit/sinks/hostile.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <regex>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;

namespace {

std::string report_text(const Report& total, const RunInfo& run, ReportOptions options = {}) {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  return format_report(total, run, options);
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// A run in which nothing was measured.
Report nothing() {
  Report report;
  report.total = true;
  report.begin_ns = 1;
  report.end_ns = 10'000'000'001;
  return report;
}

}  // namespace

TEST_CASE("report: golden texts at several sizes", "[sinks][report]") {
  const Report total = sample_report();
  const RunInfo run = sample_run();
  check_golden("report_60.txt", report_text(total, run, {.width = 60, .height = 24}));
  check_golden("report_80.txt", report_text(total, run, {.width = 80, .height = 24}));
  check_golden("report_100.txt", report_text(total, run));
  check_golden("report_120.txt", report_text(total, run, {.width = 120, .height = 60}));
  check_golden("report_ascii.txt", report_text(total, run, {.style = {.charset = Charset::Ascii}}));
}

TEST_CASE("report: fits the screen it was told of", "[sinks][report]") {
  Report total = sample_report();
  for (int i = 0; i < 200; ++i) {
    total.routes.push_back(sample_route("GET", "/route/" + std::to_string(i), 200, 5, 1000));
  }
  for (const std::size_t width : {40, 60, 61, 79, 80, 99, 100, 120, 200}) {
    const std::string text = report_text(total, sample_run(), {.width = width});
    check_width(text, width);
    check_safe(text);
    if (width >= 80) CHECK(count_lines(text) <= 41);
  }
}

TEST_CASE("report: ASCII means ASCII", "[sinks][report]") {
  RunInfo run = sample_run();
  run.target_text = "serv\xc3\xa9r";
  const std::string text =
      report_text(sample_report(), run, {.style = {.charset = Charset::Ascii}});
  CHECK(std::all_of(text.begin(), text.end(),
                    [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
}

TEST_CASE("report: colours change nothing but colours", "[sinks][report]") {
  const std::string plain = report_text(sample_report(), sample_run());
  const std::string coloured =
      report_text(sample_report(), sample_run(), {.style = {.colour = true}});
  CHECK(coloured != plain);
  CHECK(std::regex_replace(coloured, std::regex("\x1b\\[[0-9;]*m"), "") == plain);
}

TEST_CASE("report: counts that cannot be trusted are said so", "[sinks][report]") {
  Report total = sample_report();
  total.losses[0].count = 1234;
  total.losses[1].count = 7;
  total.bytes_not_parsed = 4096;
  const std::string text = report_text(total, sample_run());
  CHECK_THAT(text,
             Contains("Lossy        1234 events lost, counts are lower bounds · 1234 ring_full"));
  CHECK_THAT(text, Contains("7 payload_unreadable"));
  CHECK_THAT(text, Contains("4.00 KiB not parsed"));
  CHECK_THAT(text, !Contains("Exact"));
}

TEST_CASE("report: what the kernel could not give is listed", "[sinks][report]") {
  RunInfo run = sample_run();
  run.missing = {"retransmits: this kernel lacks tcp:tcp_retransmit_skb"};
  CHECK_THAT(report_text(sample_report(), run),
             Contains("Missing      retransmits: this kernel lacks tcp:tcp_retransmit_skb\n"));
}

TEST_CASE("report: outgoing calls appear when there are some", "[sinks][report]") {
  Report total = sample_report();
  total.client.seen = total.client.matched = 500;
  total.client.failed = 3;
  total.client_latency = sample_latency(500, 2'000'000);
  total.routes.push_back(sample_route("GET", "/upstream", 200, 500, 2'000'000));
  total.routes.back().role = Role::Client;
  const std::string text = report_text(total, sample_run(), {.height = 60});
  CHECK_THAT(text, Contains("500 outgoing calls"));
  CHECK_THAT(text, Contains("3 of outgoing calls"));
  CHECK_THAT(text, Contains("  outgoing  2.02 ms"));
  CHECK_THAT(text, Contains("→ GET /upstream"));
}

TEST_CASE("report: a part that was not observed is not zero", "[sinks][report]") {
  Report total = sample_report();
  total.latency.queue = {};
  CHECK_THAT(report_text(total, sample_run(), {.height = 60}),
             Contains("  queue           -        -        -        -        -  not observed"));
  total.latency.queue = sample_histogram(total.latency.duration.count() / 2, 10'000);
  CHECK_THAT(report_text(total, sample_run(), {.height = 60}), Contains("known for 50.0 %"));
}

TEST_CASE("report: system calls are said to be fine only where they were watched",
          "[sinks][report]") {
  Report total = sample_report();
  total.syscalls.clear();
  CHECK_THAT(report_text(total, sample_run()), Contains("\nSyscalls     none failed\n"));
  total.syscalls_known = false;
  CHECK_THAT(report_text(total, sample_run()), !Contains("none failed"));
}

TEST_CASE("report: the drain has a row where it was followed", "[sinks][report]") {
  Report total = sample_report();
  CHECK_THAT(report_text(total, sample_run(), {.height = 60}), !Contains("\n  drain "));
  total.drain = sample_histogram(total.latency.duration.count(), 40'000'000);
  CHECK_THAT(report_text(total, sample_run(), {.height = 60}),
             Contains("\n  drain     ") && Contains("last byte written, to its acknowledgement\n"));
}

TEST_CASE("report: an empty run says what there was instead", "[sinks][report]") {
  Report total = nothing();
  const auto text = [&] { return report_text(total, sample_run()); };
  CHECK_THAT(text(), Contains("No requests were measured."));
  CHECK_THAT(text(), Contains("the target had no connection in this time"));
  CHECK_THAT(text(), Contains("--port N"));
  CHECK_THAT(text(), !Contains("Latency"));
  CHECK_THAT(text(), !Contains("Routes"));

  total.connections.opened = total.connections.open = 3;
  CHECK_THAT(text(), Contains("no byte crossed them"));

  total.resources.network_in_bytes = 100;
  total.losses = {{"payload_unreadable", "calls without a readable buffer", false, 12}};
  CHECK_THAT(text(), Contains("no request with an answer could be made out"));
  CHECK_THAT(text(), Contains("12: calls without a readable buffer"));

  total.server.seen = total.server.in_flight = 2;
  CHECK_THAT(text(), Contains("none was answered"));

  total.server = {};
  total.client.seen = total.client.in_flight = 1;
  CHECK_THAT(text(), Contains("called others"));

  total.losses = {{"ring_full", "records dropped", true, 5}};
  CHECK_THAT(text(), Contains("events were lost (see below)"));
  check_golden("report_empty.txt", report_text(nothing(), sample_run()));
}

TEST_CASE("report: a target that only calls others has their latency", "[sinks][report]") {
  Report total = nothing();
  total.client.seen = total.client.matched = 500;
  total.client_latency = sample_latency(500, 2'000'000);
  const std::string text = report_text(total, sample_run());
  CHECK_THAT(text, Contains("  outgoing  2.02 ms"));
  CHECK_THAT(text, !Contains("  duration "));
  CHECK_THAT(text, !Contains("No requests"));
}

TEST_CASE("report: no time and no name make it fail", "[sinks][report]") {
  Report total;
  CHECK_THAT(report_text(total, RunInfo{}), Contains("No requests were measured."));
}

TEST_CASE("report: names off the wire cannot steer the terminal", "[sinks][report]") {
  for (const std::string& name : kHostileNames) {
    Report total = sample_report();
    total.routes[0].method = name;
    total.routes[1].route = name;
    total.routes[2].method = total.routes[2].route = name;
    RunInfo run = sample_run();
    run.target_text = run.host_name = run.kernel = name;
    run.missing = {name};
    for (const std::size_t width : {60, 100}) {
      const std::string text = report_text(total, run, {.width = width});
      check_safe(text);
      check_width(text, width);
      // What a name says must not look like lines of ours either.
      CHECK(text.find("\ntwo") == std::string::npos);
    }
  }
}
