// Answers that are streams of events: each event has the time of the call that wrote its end.
#include "flow_fixture.h"
#include "unit/proto/http2_wire.h"
#include "unit/proto/stream_goldens.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr Ns kMs = 1'000'000;

std::string delta(std::string_view content) {
  return fmt::format(R"(data: {{"model":"m-1","choices":[{{"delta":{{"content":"{}"}}}}]}})",
                     content) +
         "\n\n";
}

}  // namespace

TEST_CASE("streams: first event, gaps and last event are those of the calls", "[flow][streams]") {
  Flow flow;
  EventBuilder b;
  const std::string usage = "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":4}}\n\n";
  b.open(1, TW_ROLE_SERVER)
      .in(1, 12 * kMs, post("/v1/chat/completions", R"({"model":"m"})"), {.arrived_ns = 10 * kMs})
      .out(1, 20 * kMs, chunked("text/event-stream"))
      .out(1, 30 * kMs, chunk(": ping\n\n"))
      .out(1, 40 * kMs, chunk(delta("")))
      .out(1, 50 * kMs, chunk(delta("a")))
      .out(1, 60 * kMs, chunk(delta("b").substr(0, 20)))
      .out(1, 70 * kMs, chunk(delta("b").substr(20)))
      .out(1, 80 * kMs, chunk(": ping\n\n"))
      .out(1, 100 * kMs, chunk(delta("c") + delta("d")))
      .out(1, 110 * kMs, chunk(usage) + chunk(""));
  flow.feed(b);
  REQUIRE(flow.streams.size() == 1);
  const StreamTimes& times = flow.streams[0].times;
  CHECK(times.kind == StreamKind::Events);
  CHECK(times.complete);
  CHECK(times.events == 4);
  CHECK(times.first_event == 50 * kMs);
  CHECK(times.last_event == 100 * kMs);
  CHECK(times.longest_gap == 30 * kMs);
  CHECK(times.gaps.count() == 3);
  CHECK(times.gaps.sum_ns() == 50 * kMs);
  CHECK(times.gaps.zero_count() == 1);
  const GenAi& facts = flow.streams[0].gen_ai;
  CHECK(facts.operation == "chat");
  CHECK(facts.request_model.view() == "m");
  CHECK(facts.response_model.view() == "m-1");
  CHECK(facts.input_tokens == 5);
  CHECK(facts.output_tokens == 4);
  Request request = flow.requests[0];
  request.stream = &flow.streams[0];
  CHECK(time_to_first_event(request) == 40 * kMs);
  CHECK(time_to_first_token(request) == 40 * kMs);
  CHECK(time_per_output_token(request) == 20 * kMs);  // (100 - 40) / 3
  request.failure = Failure::ServerError;
  CHECK(time_to_first_event(request) == 40 * kMs);
  CHECK(time_to_first_token(request) == 0);
  CHECK(time_per_output_token(request) == 0);
}

TEST_CASE("streams: a gap across bytes that were not seen is none", "[flow][streams]") {
  Flow flow;
  EventBuilder b;
  const std::string event = chunk("data: " + std::string(100, 'a') + "\n\n");
  b.open(1, TW_ROLE_SERVER)
      .in(1, 10, "GET /events HTTP/1.1\r\n\r\n", {.arrived_ns = 5})
      .out(1, 20, chunked("text/event-stream"))
      .out(1, 100, event)
      .out(1, 200, event)
      .out(1, 300, event, {.capture_bytes = 20})
      .out(1, 400, event)
      .out(1, 1000, event)
      .out(1, 1100, chunk(""));
  flow.feed(b);
  REQUIRE(flow.streams.size() == 1);
  const StreamTimes& times = flow.streams[0].times;
  CHECK_FALSE(times.complete);
  CHECK(times.events == 5);
  CHECK(times.first_event == 100);
  CHECK(times.last_event == 1000);
  CHECK(times.gaps.count() == 3);
  CHECK(times.longest_gap == 600);
  CHECK(flow.requests[0].open_ended);
}

TEST_CASE("streams: who leaves a subscription has not failed", "[flow][streams]") {
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 10, "GET /events HTTP/1.1\r\n\r\n", {.arrived_ns = 5})
      .out(1, 20, chunked("text/event-stream") + chunk("data: a\n\n"))
      .out(1, 30, chunk("data: b\n\n"))
      .shut(1, TW_DIR_IN, 40)
      .close(1, 50);
  flow.feed(b);
  REQUIRE(flow.streams.size() == 1);
  CHECK(flow.streams[0].times.events == 2);
  CHECK(flow.requests[0].failure == Failure::None);
}

TEST_CASE("streams: a gRPC call of one message each way is none", "[flow][streams]") {
  const auto message = [](std::string_view bytes) {
    return '\0' + number(static_cast<std::uint32_t>(bytes.size())) + std::string(bytes);
  };
  Flow flow;
  EventBuilder b;
  Talk t;
  const std::string ask1 = t.head(1, call("/a.B/One"), false) + data(1, message("ask"), true);
  const std::string ask3 = t.head(3, call("/a.B/Many"), false) + data(3, message("ask"), true);
  const std::string head1 = t.reply(1, grpc_ok());
  const std::string head3 = t.reply(3, grpc_ok());
  const std::string end1 = t.reply(1, {{"grpc-status", "0"}}, true);
  const std::string end3 = t.reply(3, {{"grpc-status", "0"}}, true);
  b.open(1, TW_ROLE_SERVER)
      .in(1, 10, t.turns[0].bytes)
      .out(1, 20, t.turns[1].bytes)
      .in(1, 100, ask1 + ask3, {.arrived_ns = 90})
      .out(1, 200, head1 + head3 + data(3, message("a"), false))
      .out(1, 300, data(1, message("b"), false) + end1)
      .out(1, 500, data(3, message("c"), false))
      .out(1, 600, end3);
  flow.feed(b);
  REQUIRE(flow.streams.size() == 2);
  CHECK(flow.streams[0].times.kind == StreamKind::None);
  const StreamTimes& times = flow.streams[1].times;
  CHECK(times.kind == StreamKind::Messages);
  CHECK(times.events == 2);
  CHECK(times.request_messages == 1);
  CHECK(times.first_event == 200);
  CHECK(times.longest_gap == 300);
}

TEST_CASE("streams: those beyond the limit have no times, and are counted", "[flow][streams]") {
  Flow flow;
  EventBuilder b;
  constexpr std::uint64_t kStreams = 8200;
  for (std::uint64_t conn = 1; conn <= kStreams; ++conn) {
    b.open(conn, TW_ROLE_SERVER)
        .in(conn, conn, "GET /events HTTP/1.1\r\n\r\n")
        .out(conn, conn, chunked("text/event-stream"));
  }
  for (std::uint64_t conn = 1; conn <= kStreams; ++conn)
    b.out(conn, 10000 + conn, chunk("data: a\n\n") + chunk(""));
  // those that have ended make room
  b.in(1, 30000, "GET /events HTTP/1.1\r\n\r\n")
      .out(1, 30001, chunked("text/event-stream") + chunk("data: a\n\n") + chunk(""));
  flow.feed(b);
  REQUIRE(flow.streams.size() == kStreams + 1);
  CHECK(flow.table.losses().streams_full == 8);
  const auto timed =
      std::count_if(flow.streams.begin(), flow.streams.end(),
                    [](const StreamFacts& facts) { return facts.times.events == 1; });
  CHECK(timed == 8192 + 1);
  CHECK(flow.streams.back().times.events == 1);
}
