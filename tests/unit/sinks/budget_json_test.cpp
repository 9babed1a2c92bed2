// Budgets in the interval and summary records: sums that add up, names with their bounds, the tail.
#include "sinks/budget_json.h"

#include "sinks/report_json.h"
#include "unit/model/why_run.h"
#include "unit/sinks/check_jsonl.h"
#include "unit/sinks/hostile.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <sys/syscall.h>

#include <cerrno>

using namespace tailwhy;
using namespace tailwhy::test;
using nlohmann::json;

namespace {

json summary_of(const Report& report, const TailSpec& slow = {}) {
  return json::parse(to_line(summary_record(report, 100, slow)));
}

void require_valid(const json& record) {
  TempDir dir;
  write_file(dir.path("one.jsonl"), record.dump() + "\n");
  const Checked checked = check_jsonl(dir, dir.path("one.jsonl"));
  INFO(checked.output);
  REQUIRE(checked.status == 0);
}

std::uint64_t sum_of(const json& object) {
  std::uint64_t sum = 0;
  for (const json& value : object)
    sum += value.get<std::uint64_t>();
  return sum;
}

Report locked_report() {
  WhyRun run;
  run.add_quick(9000);
  Request request = spent({{Part::OnCpu, 100'000}, {Part::Lock, 49'900'000}}, "/cart");
  request.at.established = 1;
  request.at.accepted = 2'000'001;
  request.retransmits = 2;
  run.add(100, request);
  run.add_quick(900, "/cart");
  return run.report();
}

}  // namespace

TEST_CASE("budget json: of a run its sums, which add up, and a distribution of each part",
          "[sinks][json]") {
  const json summary = summary_of(sample_report());
  require_valid(summary);
  const json& budget = summary["budget"];
  CHECK(budget["requests"] == 482'095);
  CHECK(sum_of(budget["parts_ns"]) == budget["duration_ns"]);
  CHECK(sum_of(budget["queued_while_ns"]) == budget["parts_ns"]["queue"]);
  CHECK(sum_of(budget["unattributed_ns"]) == budget["parts_ns"]["unattributed"]);
  CHECK(budget["unattributed_share"].get<double>() ==
        Approx(budget["parts_ns"]["unattributed"].get<double>() /
               budget["duration_ns"].get<double>()));
  for (const PartSpec& spec : kPartSpecs) {
    const json& part = budget["distributions"][std::string(spec.name)];
    CHECK(part["count"] == 482'095);
    CHECK(part["sum_ns"] == budget["parts_ns"][std::string(spec.name)]);
  }
  CHECK(summary["accept_queue"]["count"] > 0);
  std::uint64_t requests = 0, duration = 0;
  for (const json& row : summary["routes"]) {
    CHECK(sum_of(row["budget"]["parts_ns"]) == row["budget"]["duration_ns"]);
    requests += row["budget"]["requests"].get<std::uint64_t>();
    duration += row["budget"]["duration_ns"].get<std::uint64_t>();
  }
  CHECK(requests == budget["requests"]);
  CHECK(duration == budget["duration_ns"]);
}

TEST_CASE("summary: the drain, only where it was followed", "[sinks][json]") {
  Report report = sample_report();
  CHECK_FALSE(summary_of(report).contains("drain"));
  report.drain.record(40'000'000);
  const json summary = summary_of(report);
  require_valid(summary);
  CHECK(summary["drain"]["max_ns"] == 40'000'000);
}

TEST_CASE("budget json: what a request of a route costs", "[sinks][json]") {
  WhyRun run;
  run.add(3, spent({{Part::OnCpu, 100'000}}, "/a"));
  run.add(1, spent({{Part::OnCpu, 500'000}}, "/a"));
  const json row = summary_of(run.report())["routes"][0]["budget"];
  CHECK(row["parts_ns"]["on_cpu"] == 800'000);
  CHECK(row["cpu_ns_per_request"] == 200'000);
}

TEST_CASE("budget json: an interval has the sums, and the tail without a sentence",
          "[sinks][json]") {
  Report interval = sample_report();
  interval.total = false;
  interval.routes.clear();
  const json record = json::parse(to_line(interval_record(interval)));
  require_valid(record);
  CHECK(record["budget"]["requests"] == 482'095);
  CHECK_FALSE(record["budget"].contains("distributions"));
  CHECK(record["tail"]["verdict"] == "tail");
  CHECK_FALSE(record["tail"].contains("sentence"));
}

TEST_CASE("budget json: where no budget is known there is none", "[sinks][json]") {
  Report report = sample_report();
  report.budget = {};
  for (RouteStats& row : report.routes)
    row.budget = BudgetSums(kRouteBudgetScale);
  const json summary = summary_of(report);
  require_valid(summary);
  CHECK_FALSE(summary.contains("budget"));
  CHECK_FALSE(summary.contains("tail"));
  CHECK_FALSE(summary["routes"][0].contains("budget"));
  CHECK(summary.contains("accept_queue"));
}

TEST_CASE("budget json: the tail as a table, with its sentence", "[sinks][json]") {
  const json summary = summary_of(locked_report());
  require_valid(summary);
  const json& tail = summary["tail"];
  CHECK(tail["verdict"] == "tail");
  CHECK(tail["scope"] == "route");
  CHECK(tail["route"]["http.route"] == "/cart");
  CHECK(tail["route"]["share_of_slow"] == 1);
  CHECK(tail["slowest_share"] == 0.01);
  CHECK(tail["sentence"].get<std::string>().starts_with("The slowest 1 % of GET /cart (p99 "));
  CHECK(tail["typical"]["duration_ns"] == 100'000);
  CHECK(tail["slow"]["requests"] == 10);
  CHECK(tail["slow"]["duration_ns"] == 50'000'000);
  CHECK(tail["slow"]["accept_queue_ns"] == 2'000'000);
  CHECK(tail["slow"]["retransmits"] == 2);
  CHECK_FALSE(tail["typical"].contains("accept_queue_ns"));
  REQUIRE(tail["causes"].size() == kCauses);
  CHECK(tail["causes"][0]["cause"] == "lock");
  CHECK(tail["causes"][0]["extra_ns"] == 49'900'000);
  CHECK(tail["causes"][0]["share"] == 1);
  std::int64_t extra = 0;
  for (const json& row : tail["causes"])
    extra += row["extra_ns"].get<std::int64_t>();
  CHECK(extra == 49'900'000);
}

TEST_CASE("budget json: with a threshold, and with nothing to compare", "[sinks][json]") {
  json tail = summary_of(locked_report(), {.slow_ns = 20'000'000})["tail"];
  CHECK(tail["slow_from_ns"] == 20'000'000);
  CHECK(tail["slow"]["requests"] == 100);
  CHECK_FALSE(tail.contains("slowest_share"));
  const json nothing = summary_of(locked_report(), {.slow_ns = 90'000'000'000});
  require_valid(nothing);
  CHECK(nothing["tail"]["verdict"] == "nothing_slow");
  CHECK_FALSE(nothing["tail"].contains("causes"));
  WhyRun few;
  few.add_quick(5);
  const json summary = summary_of(few.report());
  require_valid(summary);
  CHECK(summary["tail"]["verdict"] == "too_few_requests");
  const std::string text =
      format_report_json(locked_report(), sample_run(), {.slow_ns = 20'000'000});
  CHECK(json::parse(text)["tail"]["slow_from_ns"] == 20'000'000);
}

TEST_CASE("budget json: names, most time first, all others last", "[sinks][json]") {
  WhyRun run;
  for (std::uint8_t i = 0; i < 12; ++i) {
    Endpoint peer;
    peer.family = Family::Inet;
    peer.address = {10, 0, 0, i};
    peer.port = 80;
    Request request = spent({{Part::Downstream, 1000u + i}, {Part::Other, 10u * (i + 1)}});
    request.downstream_peer = &peer;
    request.downstream_calls = 2;
    request.downstream_protocol = "http";
    request.other_call = i;
    request.failed_calls = 1u + i;
    request.failed_call = SYS_write;
    request.failed_error = static_cast<std::uint16_t>(i == 0 ? ENOSPC : i);
    run.add(1, request);
  }
  const json summary = summary_of(run.report());
  require_valid(summary);
  const json& budget = summary["budget"];
  REQUIRE(budget["downstream"].size() == 9);
  CHECK(budget["downstream"][0] == json{{"address", "10.0.0.7"},
                                        {"port", 80},
                                        {"protocol", "http"},
                                        {"requests", 1},
                                        {"calls", 2},
                                        {"time_ns", 1007}});
  CHECK(budget["downstream"][8] == json{{"address", "_OTHER"},
                                        {"requests", 4},
                                        {"calls", 8},
                                        {"time_ns", 4 * 1000 + 8 + 9 + 10 + 11}});
  REQUIRE(budget["other_calls"].size() == 9);
  CHECK(budget["other_calls"][0] ==
        json{{"syscall.name", "poll"}, {"requests", 1}, {"time_ns", 80}});
  CHECK(budget["other_calls"][8]["syscall.name"] == "_OTHER");
  REQUIRE(budget["failing_calls"].size() == 9);
  CHECK(budget["failing_calls"][7] ==
        json{{"syscall.name", "write"}, {"error.type", "ENOSPC"}, {"requests", 1}, {"calls", 1}});
  CHECK(budget["failing_calls"][8]["error.type"] == "_OTHER");
}

TEST_CASE("budget json: hostile names stay inside their strings", "[sinks][json]") {
  for (const std::string& name : kHostileNames) {
    Endpoint peer;
    peer.family = Family::Unix;
    peer.path = InlineText<108>(name);
    WhyRun run;
    run.add_quick(900);
    Request request = spent({{Part::Downstream, 50'000'000}}, name);
    request.method = Method(name);
    request.downstream_peer = &peer;
    run.add(100, request);
    const std::string line = to_line(summary_record(run.report(), 10));
    check_safe(line);
    CHECK(line.find('\n') == line.size() - 1);
    require_valid(json::parse(line));
  }
}
