// The structured log as a file: which lines, in which order, valid by the schema; and what happens
// when the file cannot be written.
#include "sinks/json_log_sink.h"
#include "sinks/records.h"
#include "sinks/report_json.h"
#include "unit/model/budgets.h"
#include "unit/sinks/check_jsonl.h"
#include "unit/sinks/hostile.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <sstream>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

std::unique_ptr<JsonLogSink> make_sink(JsonLogOptions options) {
  auto sink = JsonLogSink::create(std::move(options));
  REQUIRE(sink);
  (*sink)->on_start(sample_run());
  return *std::move(sink);
}

std::vector<json> read_log(const std::string& path) {
  std::vector<json> records;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);)
    records.push_back(json::parse(line));
  return records;
}

std::vector<json> requests_in(const std::vector<json>& records) {
  std::vector<json> requests;
  for (const json& record : records) {
    if (record["record"] == "request") requests.push_back(record);
  }
  return requests;
}

std::map<std::string, double> weights_by_reason(const std::vector<json>& records) {
  std::map<std::string, double> sums;
  for (const json& request : requests_in(records)) {
    sums[request["tailwhy.log.reason"]] += request["tailwhy.sample.weight"].get<double>();
  }
  return sums;
}

Report sample_interval() {
  Report report = sample_report();
  report.total = false;
  report.routes.clear();
  return report;
}

// Waits for the writer's thread, but not for ever.
bool appears(const std::string& path, std::string_view text) {
  for (int i = 0; i < 20'000; ++i) {
    if (read_file(path).find(text) != std::string::npos) return true;
    ::usleep(1000);
  }
  return false;
}

void require_valid(const TempDir& dir,
                   const std::string& log,
                   const std::string& options = "--complete") {
  const Checked checked = check_jsonl(dir, log, options);
  INFO(checked.output);
  REQUIRE(checked.status == 0);
}

}  // namespace

TEST_CASE("json log: every kind of record, valid by the schema", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  auto sink = make_sink({.path = path, .all = true});
  sink->on_lifecycle({LifecycleEvent::Kind::Attached, 5'000'000'000, 0, "attached"});
  sink->on_request(http_request("/a"));
  Endpoint database;
  database.family = Family::Inet;
  Request explained = spent({{Part::Queue, 1000}, {Part::Downstream, 9000}, {Part::Other, 7}});
  explained.budget.gap = Gap::HandOff;
  explained.other_call = 7;
  explained.downstream_calls = explained.failed_calls = explained.retransmits = 1;
  explained.failed_call = 1;
  explained.failed_error = 28;
  explained.downstream_peer = &database;
  explained.downstream_protocol = "unknown";
  sink->on_request(explained);
  Request failed = http_request("/b");
  failed.outcome = Outcome::Unmatched;
  failed.failure = Failure::ConnectionReset;
  failed.at.write_first = failed.at.write_last = 0;
  sink->on_request(failed);
  Request early = http_request("/c");
  early.outcome = Outcome::InFlightAtAttach;
  sink->on_request(early);
  sink->on_lifecycle(
      {LifecycleEvent::Kind::TargetExit, 6'000'000'000, 1235, "exited with status 0"});
  Report interval = sample_interval();
  interval.losses[0].count = 17;
  interval.losses[1].count = 3;
  interval.connections.refused = 2;
  sink->on_interval(interval, sample_report());
  interval = sample_interval();
  interval.syscalls_known = false;
  interval.resources = {};
  interval.self.programs_known = false;
  interval.connections = {};
  sink->on_interval(interval, sample_report());
  REQUIRE(sink->on_end(sample_report()));
  CHECK(sink->dropped() == 0);

  require_valid(dir, path);
  const auto records = read_log(path);
  std::vector<std::string> kinds;
  for (const json& record : records)
    kinds.push_back(record["record"]);
  CHECK(kinds == std::vector<std::string>{"header", "lifecycle", "request", "request", "request",
                                          "request", "lifecycle", "error", "error", "loss",
                                          "interval", "interval", "summary"});
  CHECK(records[0]["target"]["processes"][0]["process.executable.name"] == "nginx");
  CHECK(records[7]["error.type"] == "connection_reset");
  CHECK(records[7]["count"] == 2);
  CHECK(records[8]["error.type"] == "connection_refused");
  CHECK(records[9]["losses"] == json{{"ring_full", 17}});
  const json& first = records[10];
  CHECK(first["lost"] == 17);
  CHECK(first["loss"] == json{{"ring_full", 17}});
  CHECK(first["unknown_details"] == json{{"payload_unreadable", 3}});
  CHECK(first["requests"]["seen"] == 482'103);
  CHECK(first["requests"]["failures"]["client_abort"] == 10);
  CHECK(first["throughput_rps"].get<double>() == Approx(48'209.3));
  CHECK(first["syscall_errors"][1]["error.type"] == "EMFILE");
  CHECK(first["timestamp"] == "2026-08-29T10:40:15.000000000Z");
  const json& second = records[11];
  CHECK_FALSE(second.contains("syscall_errors"));  // not traced is not "none"
  CHECK_FALSE(second["resources"].contains("rss_bytes"));
  const json& summary = records[12];
  CHECK(summary["duration_ns"] == 10'000'000'000);
  CHECK(summary["routes"].size() == 6);
  CHECK(summary["routes"][0]["http.route"] == "/api/items/{id}");
  CHECK(summary["routes_omitted"]["routes"] == 0);
}

TEST_CASE("json log: histograms on the wire merge by adding counts", "[sinks][json]") {
  Report a, b, both;
  a.latency = sample_latency(1000, 50'000);
  b.latency = sample_latency(777, 3'000'000);
  b.latency.duration.record(0, 5);
  both.latency = a.latency;
  both.latency.merge(b.latency);
  const auto duration = [](const Report& report) {
    return json::parse(to_line(interval_record(report)))["latency"]["duration"];
  };
  const json x = duration(a), y = duration(b), z = duration(both);
  std::map<int, std::uint64_t> sums;
  for (const json* part : {&x, &y}) {
    for (const json& bucket : (*part)["histogram"]["buckets"]) {
      sums[bucket[0].get<int>()] += bucket[1].get<std::uint64_t>();
    }
  }
  json buckets = json::array();
  for (const auto& [index, count] : sums)
    buckets.push_back({index, count});
  CHECK(z["histogram"]["buckets"] == buckets);
  CHECK(z["histogram"]["zero_count"] == 5);
  CHECK(z["count"] == 1782);
  CHECK(z["sum_ns"].get<std::uint64_t>() ==
        x["sum_ns"].get<std::uint64_t>() + y["sum_ns"].get<std::uint64_t>());
  CHECK(z["max_ns"] == y["max_ns"]);
  CHECK(z["p99_ns"] == both.latency.duration.percentile(99));
  CHECK(z["histogram"]["scale"] == 5);
}

TEST_CASE("json log: by default slow, failed and a weighted sample of the rest", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  auto sink = make_sink({.path = path, .slow_ns = 1'000'000});
  for (int i = 0; i < 3000; ++i) {  // three seconds
    const Ns at = 10'000'000'000 + static_cast<Ns>(i) * 1'000'000;
    Request request = http_request("/a", at, i % 100 == 0 ? 1'000'000 : 999'999);
    if (i % 500 == 7) request.failure = Failure::ServerError;
    sink->on_request(request);
  }
  REQUIRE(sink->on_end(sample_report()));
  require_valid(dir, path);
  const auto records = read_log(path);
  const auto weights = weights_by_reason(records);
  CHECK(weights.at("slow") == 30);
  CHECK(weights.at("failed") == 6);
  CHECK(weights.at("sampled") == Approx(3000 - 36));
  const auto requests = requests_in(records);
  CHECK(requests.size() <= 36 + 3 * 50 + 50);  // the clock's seconds and ours need not agree
  CHECK(requests.size() >= 36 + 3 * 50);
  for (std::size_t i = 1; i < requests.size(); ++i) {
    CHECK(requests[i - 1]["mono_ns"] <= requests[i]["mono_ns"]);
  }
}

TEST_CASE("json log: even slow and failed requests are bounded, then weighted", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  auto sink = make_sink({.path = path, .most_per_second = 20});
  for (int i = 0; i < 500; ++i) {
    Request request = http_request("/a", 10'000'000'000 + static_cast<Ns>(i));
    request.failure = Failure::ClientAbort;
    sink->on_request(request);
  }
  REQUIRE(sink->on_end(sample_report()));
  const auto records = read_log(path);
  CHECK(requests_in(records).size() == 20);
  CHECK(weights_by_reason(records).at("failed") == Approx(500));
}

TEST_CASE("json log: the same requests give the same log", "[sinks][json]") {
  TempDir dir;
  std::string logs[2];
  for (std::string& log : logs) {
    const std::string path = dir.path(log.data() == logs[0].data() ? "a" : "b");
    auto sink = make_sink({.path = path, .seed = 99});
    for (int i = 0; i < 5000; ++i) {
      sink->on_request(http_request("/a", 10'000'000'000 + static_cast<Ns>(i) * 100'000));
    }
    REQUIRE(sink->on_end(sample_report()));
    log = read_file(path);
  }
  CHECK(logs[0] == logs[1]);
}

TEST_CASE("json log: a quiet server's requests do not wait for the next one", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  auto sink = make_sink({.path = path});
  sink->on_request(http_request("/a", 5'500'000'000));
  Report interval = sample_interval();
  interval.end_ns = 5'900'000'000;
  sink->on_interval(interval, interval);
  interval.end_ns = 6'900'000'000;
  sink->on_interval(interval, interval);
  REQUIRE(sink->on_end(sample_report()));
  std::vector<std::string> kinds;
  for (const json& record : read_log(path)) {
    if (record["record"] != "error") kinds.push_back(record["record"]);
  }
  CHECK(kinds == std::vector<std::string>{"header", "interval", "request", "interval", "summary"});
}

TEST_CASE("json log: later records follow the clock of the latest interval", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  auto sink = make_sink({.path = path, .all = true});
  Report interval = sample_interval();
  interval.end_wall_ns += 3'000'000'000;  // the wall clock was set
  sink->on_interval(interval, interval);
  sink->on_request(http_request("/a", 15'000'000'000, 1000));
  REQUIRE(sink->on_end(sample_report()));
  CHECK(requests_in(read_log(path))[0]["timestamp"] == "2026-08-29T10:40:18.000001000Z");
}

TEST_CASE("json log: hostile names stay inside their strings", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  auto sink = JsonLogSink::create({.path = path, .all = true});
  REQUIRE(sink);
  RunInfo run = sample_run();
  for (const std::string& name : kHostileNames) {
    run.targets.push_back({1, name, name});
    run.target_text += name;
    run.missing.push_back(name);
  }
  (*sink)->on_start(run);
  Report total = sample_report();
  total.routes.clear();
  for (const std::string& name : kHostileNames) {
    (*sink)->on_request(http_request(name));
    (*sink)->on_lifecycle({LifecycleEvent::Kind::TargetExec, 1, 1, name});
    // As the aggregator does, from texts that were cut to fit.
    total.routes.push_back(sample_route(std::string(Method(name).view()),
                                        std::string(Route(name).view()), 200, 1, 1000));
  }
  REQUIRE((*sink)->on_end(total));
  check_safe(read_file(path));
  require_valid(dir, path);
}

TEST_CASE("json log: a summary of many routes is cut, and says what it left out", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  auto sink = make_sink({.path = path});
  Report total = sample_report();
  RouteStats more = sample_route("GET", "", 200, 3000, 90'000);
  for (int i = 0; i < 1994; ++i) {
    more.route = fmt::format("/{}", i);
    total.routes.push_back(more);
  }
  REQUIRE(sink->on_end(total));
  require_valid(dir, path);
  const json summary = read_log(path).back();
  const std::size_t shown = summary["routes"].size();
  CHECK(shown >= 50);
  CHECK(shown <= 200);
  CHECK(summary["routes_omitted"]["routes"] == 2000 - shown);
  std::uint64_t sum = summary["routes_omitted"]["count"];
  for (const json& row : summary["routes"])
    sum += row["count"].get<std::uint64_t>();
  CHECK(sum == 482'095 + 1994 * 3000);
  CHECK(read_file(path).size() < (3 << 20));
}

TEST_CASE("json log: a reopened file begins with the header", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  auto sink = make_sink({.path = path, .all = true});
  sink->on_request(http_request("/before"));
  REQUIRE(appears(path, "/before"));
  REQUIRE(std::rename(path.c_str(), dir.path("log.1").c_str()) == 0);
  sink->reopen();
  REQUIRE(appears(path, "\"header\""));
  sink->on_request(http_request("/after"));
  REQUIRE(sink->on_end(sample_report()));
  require_valid(dir, path);
  require_valid(dir, dir.path("log.1"), "");
  CHECK_THAT(read_file(path), Contains("/after") && !Contains("/before"));
}

TEST_CASE("json log: a file that cannot be opened is an error with its name", "[sinks][json]") {
  const auto sink = JsonLogSink::create({.path = "/nonexistent/log.jsonl"});
  REQUIRE_FALSE(sink);
  CHECK_THAT(sink.error().to_string(), Contains("/nonexistent/log.jsonl"));
}

TEST_CASE("json log: a full disk is told at the end and never waited for", "[sinks][json]") {
  auto sink = make_sink({.path = "/dev/full", .all = true});
  for (int i = 0; i < 1000; ++i)
    sink->on_request(http_request("/a"));
  const Result<> ended = sink->on_end(sample_report());
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code() == ErrorCode::Io);
  CHECK_THAT(ended.error().to_string(), Contains("write the log") && Contains("ENOSPC"));
  CHECK(sink->dropped() > 0);
}

TEST_CASE("json log: a closed pipe is told at the end and does not kill", "[sinks][json]") {
  TempDir dir;
  const std::string path = dir.path("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK));
  auto sink = make_sink({.path = path, .all = true});
  reader.reset();
  for (int i = 0; i < 100; ++i)
    sink->on_request(http_request("/a"));
  const Result<> ended = sink->on_end(sample_report());
  REQUIRE_FALSE(ended);
  CHECK_THAT(ended.error().to_string(), Contains("EPIPE"));
}

TEST_CASE("json report: pretty, and a valid summary record with its run", "[sinks][json]") {
  TempDir dir;
  const std::string text = format_report_json(sample_report(), sample_run());
  CHECK_THAT(text, Catch::StartsWith("{\n  \"record\": \"summary\",\n"));
  const json document = json::parse(text);
  CHECK(document["run"]["host.name"] == "web-1");
  write_file(dir.path("one.jsonl"), document.dump() + "\n");
  require_valid(dir, dir.path("one.jsonl"), "");
}
