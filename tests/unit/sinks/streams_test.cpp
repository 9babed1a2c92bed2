// Streams and language models: the fields of a request, the rows of a summary, the lines of a
// report.
#include "check_jsonl.h"
#include "sinks/records.h"
#include "sinks/request_line.h"
#include "sinks/streams_json.h"
#include "sinks/streams_section.h"
#include "unit/sinks/hostile.h"
#include "unit/stats/requests.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <string>

using namespace tailwhy;
using nlohmann::json;

namespace {

std::string line_of(const Request& request) {
  fmt::memory_buffer out;
  begin_request_line(out, request, "all", {1'788'000'000'000'000'000, 100}, false);
  end_request_line(out, 1);
  return fmt::to_string(out);
}

StreamFacts chat() {
  StreamFacts facts;
  facts.times.kind = StreamKind::Events;
  facts.times.events = 3;
  facts.times.first_event = 1'040'000;
  facts.times.last_event = 1'090'000;
  facts.times.longest_gap = 30'000;
  facts.times.gaps.record(20'000);
  facts.times.gaps.record(30'000);
  facts.gen_ai.operation = "chat";
  facts.gen_ai.provider = "openai";
  facts.gen_ai.response_model = ModelName("org/m-1:7b");
  facts.gen_ai.input_tokens = 11;
  facts.gen_ai.output_tokens = 31;
  facts.gen_ai.input_known = facts.gen_ai.output_known = true;
  return facts;
}

std::string text_of(const Report& report, std::size_t rows = 5) {
  const Page page{{}, 100};
  return render(streams_section(report, rows, page), page.style, page.width);
}

Report sample() {
  Report report;
  StreamStats stream;
  stream.protocol = "http";
  stream.method = "POST";
  stream.route = "/v1/chat/completions";
  stream.family = ProtocolFamily::Http;
  stream.kind = StreamKind::Events;
  stream.count = 10;
  stream.events = 300;
  for (Ns i = 0; i < 100; ++i) {
    stream.time_to_first_event.record(40'000'000);
    stream.gaps.record(8'000'000);
  }
  stream.gaps.record(200'000'000);
  report.streams.push_back(stream);
  stream.route = "/events";
  stream.incomplete = 1;
  report.streams.push_back(stream);
  GenAiStats model;
  model.operation = "chat";
  model.provider = "openai";
  model.response_model = "m-1";
  model.count = model.counted = 10;
  model.input_tokens = 110;
  model.output_tokens = 12'345;
  model.request_duration.record(300'000'000);
  model.time_to_first_token.record(40'000'000);
  model.time_per_output_token.record(8'000'000);
  report.gen_ai.push_back(model);
  model.counted = 0;
  model.response_model = "_OTHER";
  report.gen_ai.push_back(model);
  return report;
}

}  // namespace

TEST_CASE("streams: the fields of a request are by the conventions' names", "[sinks][streams]") {
  Request request = test::http_request("/v1/chat/completions", 1'000'000, 100'000);
  const StreamFacts facts = chat();
  request.stream = &facts;
  const json record = json::parse(line_of(request));
  CHECK(record["tailwhy.stream.kind"] == "sse");
  CHECK(record["tailwhy.stream.events"] == 3);
  CHECK(record["time_to_first_event_ns"] == 40'000);
  CHECK(record["first_event_ns"] == 1'040'000);
  CHECK(record["last_event_ns"] == 1'090'000);
  CHECK(record["tailwhy.stream.gaps"] == 2);
  CHECK(record["longest_gap_ns"] == 30'000);
  CHECK_FALSE(record.contains("tailwhy.stream.incomplete"));
  CHECK(record["gen_ai.operation.name"] == "chat");
  CHECK(record["gen_ai.provider.name"] == "openai");
  CHECK(record["gen_ai.response.model"] == "org/m-1:7b");
  CHECK_FALSE(record.contains("gen_ai.request.model"));
  CHECK(record["gen_ai.usage.input_tokens"] == 11);
  CHECK(record["gen_ai.usage.output_tokens"] == 31);
  CHECK(record["time_to_first_token_ns"] == 40'000);
  CHECK(record["time_per_output_token_ns"] == 2'000);  // 60 us for 30 tokens
}

TEST_CASE("streams: what is not known of a request is absent", "[sinks][streams]") {
  Request request = test::http_request("/events");
  StreamFacts facts;
  facts.times.kind = StreamKind::Events;
  facts.times.complete = false;
  request.stream = &facts;
  json record = json::parse(line_of(request));
  CHECK(record["tailwhy.stream.events"] == 0);
  CHECK(record["tailwhy.stream.incomplete"] == true);
  for (const char* name : {"time_to_first_event_ns", "first_event_ns", "last_event_ns",
                           "longest_gap_ns", "gen_ai.operation.name", "time_to_first_token_ns"})
    CHECK_FALSE(record.contains(name));
  facts = chat();
  facts.times = {};
  facts.gen_ai.output_known = false;
  record = json::parse(line_of(request));
  for (const char* name : {"tailwhy.stream.kind", "tailwhy.stream.events", "time_to_first_token_ns",
                           "gen_ai.usage.output_tokens"})
    CHECK_FALSE(record.contains(name));
  CHECK(record["gen_ai.usage.input_tokens"] == 11);
}

TEST_CASE("streams: lines and summaries are valid by the schema", "[sinks][streams][schema]") {
  const TempDir dir;
  Request request = test::http_request("/v1/chat/completions");
  const StreamFacts facts = chat();
  request.stream = &facts;
  Report report = sample();
  report.total = true;
  const json summary = summary_record(report, 10, {});
  CHECK(summary["streams"].size() == 2);
  CHECK(summary["gen_ai"].size() == 2);
  CHECK(summary["streams"][0]["inter_chunk_gap"]["count"] == 101);
  CHECK(summary["gen_ai"][0]["gen_ai.server.time_to_first_token"]["count"] == 1);
  CHECK_FALSE(summary_record({}, 10, {}).contains("streams"));
  write_file(dir.path("log"), line_of(request) + to_line(summary));
  const test::Checked checked = test::check_jsonl(dir, dir.path("log"));
  INFO(checked.output);
  CHECK(checked.status == 0);
}

TEST_CASE("streams: the report has a row for each route and each model", "[sinks][streams]") {
  CHECK(text_of(Report{}).empty());
  const std::string text = text_of(sample());
  INFO(text);
  CHECK_THAT(text, Catch::Contains("POST /v1/chat/completions"));
  CHECK_THAT(text, Catch::Contains(">300"));
  CHECK_THAT(text, Catch::Contains("chat m-1"));
  CHECK_THAT(text, Catch::Contains("(all other models)"));
  CHECK_THAT(text_of(sample(), 1), Catch::Contains("1 more"));
}

TEST_CASE("streams: names off the wire cannot steer the terminal", "[sinks][streams]") {
  for (const std::string& name : test::kHostileNames) {
    Report report = sample();
    report.streams[0].route = name;
    report.gen_ai[0].response_model = name;
    test::check_safe(text_of(report));
  }
}
