// Streams by route and language models by model: what is counted, the limits, and new names.
#include "stats/stream_table.h"

#include "unit/stats/requests.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>

using namespace tailwhy;
using tailwhy::test::http_request;

namespace {

StreamFacts facts_of(std::string_view model, std::uint64_t tokens) {
  StreamFacts facts;
  facts.times.kind = StreamKind::Events;
  facts.times.events = 2;
  facts.times.first_event = 1'030'000;
  facts.times.last_event = 1'050'000;
  facts.times.gaps.record(20'000);
  facts.gen_ai.operation = "chat";
  facts.gen_ai.provider = "openai";
  facts.gen_ai.response_model = ModelName(model);
  facts.gen_ai.output_tokens = tokens;
  facts.gen_ai.output_known = tokens > 0;
  return facts;
}

Request request_of(std::string_view route, const StreamFacts& facts) {
  Request request = http_request(route, 1'000'000, 100'000);
  request.route_source = RouteSource::Classified;
  request.stream = &facts;
  return request;
}

}  // namespace

TEST_CASE("stream table: adds up events, gaps and tokens", "[stats][streams]") {
  StreamTable table;
  const StreamFacts known = facts_of("m", 8);
  StreamFacts unknown = facts_of("m", 0);
  unknown.times.complete = false;
  table.add(request_of("/chat", known));
  table.add(request_of("/chat", unknown));
  Request failed = request_of("/chat", known);
  failed.client_error = true;
  table.add(failed);
  Request unmatched = request_of("/chat", known);
  unmatched.outcome = Outcome::Unmatched;
  table.add(unmatched);
  const std::vector<StreamStats> rows = table.streams();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].count == 3);
  CHECK(rows[0].incomplete == 1);
  CHECK(rows[0].events == 6);
  CHECK(rows[0].gaps.count() == 3);
  CHECK(rows[0].time_to_first_event.sum_ns() == 90'000);
  const std::vector<GenAiStats> models = table.gen_ai();
  REQUIRE(models.size() == 1);
  CHECK(models[0].count == 3);
  CHECK(models[0].errors == 1);
  CHECK(models[0].counted == 2);
  CHECK(models[0].output_tokens == 16);
  CHECK(models[0].request_duration.count() == 3);
  CHECK(models[0].time_to_first_token.sum_ns() == 30'000);
  CHECK(models[0].time_per_output_token.sum_ns() == 10'000);  // 70 us for seven
}

TEST_CASE("stream table: routes and models beyond the limits share rows", "[stats][streams]") {
  StreamTable table;
  for (int i = 0; i < 1000; ++i) {
    const StreamFacts facts = facts_of(fmt::format("m{}", i), 1);
    table.add(request_of(fmt::format("/r{}", i), facts));
  }
  const std::vector<StreamStats> rows = table.streams();
  CHECK(rows.size() == StreamTable::kMostRoutes + 1);
  CHECK(rows[0].route == "_OTHER");
  CHECK(rows[0].count == 1000 - StreamTable::kMostRoutes);
  const std::vector<GenAiStats> models = table.gen_ai();
  CHECK(models.size() == StreamTable::kMostModels + 1);
  CHECK(models[0].response_model == "_OTHER");
  CHECK(models[0].count == 1000 - StreamTable::kMostModels);
}

TEST_CASE("stream table: rows whose routes get the same name become one", "[stats][streams]") {
  StreamTable table;
  const StreamFacts facts = facts_of("m", 1);
  for (const char* route : {"/a/x", "/a/y", "/b"})
    table.add(request_of(route, facts));
  Request by_pattern = request_of("/a/z", facts);
  by_pattern.route_source = RouteSource::Pattern;
  table.add(by_pattern);
  table.rename([](Role, const Route& route) {
    return route.view().starts_with("/a/") ? Route("/a/{id}") : route;
  });
  const std::vector<StreamStats> rows = table.streams();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].route == "/a/{id}");
  CHECK(rows[0].count == 2);
  CHECK(rows[0].gaps.count() == 2);
}
