// The request record: which fields it has when, and that no name breaks it.
#include "sinks/request_line.h"

#include "unit/model/budgets.h"
#include "unit/sinks/hostile.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <sys/syscall.h>

#include <cerrno>
#include <numeric>

using namespace tailwhy;
using nlohmann::json;
using tailwhy::test::Parts;

namespace {

std::string line_of(const Request& request, bool peer_address = false, double weight = 1) {
  fmt::memory_buffer out;
  begin_request_line(out, request, "all", {1'788'000'000'000'000'000, 100}, peer_address);
  end_request_line(out, weight);
  return fmt::to_string(out);
}

json record_of(const Request& request, bool peer_address = false) {
  return json::parse(line_of(request, peer_address));
}

Endpoint ip(std::uint8_t last, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.family = Family::Inet;
  endpoint.address = {10, 0, 0, last};
  endpoint.port = port;
  return endpoint;
}

}  // namespace

TEST_CASE("request line: the usual request, to the byte", "[sinks][request_line]") {
  const Request request = test::http_request("/items/{id}", 5'000'000'000, 123'456);
  CHECK(line_of(request) ==
        R"({"record":"request","timestamp":"2026-08-29T10:40:05.000123456Z","mono_ns":5000123456,)"
        R"("event_name":"tailwhy.request","tailwhy.role":"server","tailwhy.connection.id":7,)"
        R"("tailwhy.request.number":1,"process.pid":100,"thread.id":101,)"
        R"("network.protocol.name":"http","network.protocol.version":"1.1",)"
        R"("http.request.method":"GET","http.route":"/items/{id}","http.response.status_code":200,)"
        R"("network.transport":"tcp","duration_ns":123456,"queue_known":true,"queue_ns":1000,)"
        R"("receive_ns":0,"service_ns":122456,"send_ns":0,"ttfb_ns":123456,)"
        R"("arrived_ns":5000000000,"read_first_ns":5000001000,"read_last_ns":5000001000,)"
        R"("write_first_ns":5000123456,"write_last_ns":5000123456,)"
        R"("tailwhy.request.bytes":100,"tailwhy.response.bytes":1000,"tailwhy.pipeline.depth":1,)"
        R"("tailwhy.end_rule":"framing","tailwhy.outcome":"matched","tailwhy.log.reason":"all",)"
        R"("tailwhy.sample.weight":1})"
        "\n");
}

TEST_CASE("request line: what was not observed is absent, never zero", "[sinks][request_line]") {
  Request request = test::http_request("");
  request.protocol = "unknown";
  request.protocol_version = {};
  request.method.clear();
  request.status = 0;
  request.outcome = Outcome::Unmatched;
  request.failure = Failure::NoResponse;
  request.end_rule = EndRule::None;
  request.at = {.read_first = 5000, .read_last = 6000};
  const json record = record_of(request);
  for (const char* name :
       {"duration_ns", "queue_ns", "service_ns", "send_ns", "ttfb_ns", "accept_queue_ns",
        "arrived_ns", "write_first_ns", "write_last_ns", "http.request.method", "http.route",
        "http.response.status_code", "network.protocol.version", "trace_id", "incomplete",
        "network.peer.address", "http.request.header.x-request-id"}) {
    INFO(name);
    CHECK_FALSE(record.contains(name));
  }
  CHECK(record["queue_known"] == false);
  CHECK(record["receive_ns"] == 1000);
  CHECK(record["error.type"] == "no_response");
  CHECK(record["mono_ns"] == 6000);
}

TEST_CASE("request line: duration begins at the first read if the arrival was not seen",
          "[sinks][request_line]") {
  Request request = test::http_request("/a", 1'000'000, 100'000);
  request.at.arrived = 0;
  const json record = record_of(request);
  CHECK(record["duration_ns"] == 99'000);
  CHECK(record["queue_known"] == false);
}

TEST_CASE("request line: error.type is the status, the failure, or absent",
          "[sinks][request_line]") {
  Request request = test::http_request("/a");
  CHECK_FALSE(record_of(request).contains("error.type"));
  request.status = 404;
  CHECK_FALSE(record_of(request).contains("error.type"));  // no error of the server
  request.status = 503;
  request.failure = Failure::ServerError;
  CHECK(record_of(request)["error.type"] == "503");
  request.status = 0;
  CHECK(record_of(request)["error.type"] == "_OTHER");
  request.failure = Failure::ClientAbort;
  CHECK(record_of(request)["error.type"] == "client_abort");
}

TEST_CASE("request line: clients are named only on request, servers always",
          "[sinks][request_line]") {
  const Endpoint peer = ip(9, 4321), local = ip(1, 80);
  Request request = test::http_request("/a");
  request.peer = &peer;
  request.local = &local;
  CHECK_FALSE(record_of(request).contains("network.peer.address"));
  CHECK(line_of(request).find("10.0.0.9") == std::string::npos);
  CHECK(record_of(request, true)["network.peer.address"] == "10.0.0.9");
  CHECK(record_of(request, true)["network.peer.port"] == 4321);
  request.role = Role::Client;
  CHECK(record_of(request)["network.peer.address"] == "10.0.0.9");
  CHECK(record_of(request)["tailwhy.role"] == "client");
  CHECK_FALSE(record_of(request).contains("queue_ns"));

  Endpoint socket;
  socket.family = Family::Unix;
  socket.path = InlineText<108>("/run/app.sock");
  request.peer = request.local = &socket;
  const json record = record_of(request);
  CHECK(record["network.transport"] == "unix");
  CHECK(record["network.peer.address"] == "unix:/run/app.sock");
  CHECK_FALSE(record.contains("network.peer.port"));
}

TEST_CASE("request line: until its client had all of it", "[sinks][request_line]") {
  Request request = test::http_request("/a", 1'000'000, 100'000);
  request.at.acked = request.at.write_last + 40'000'000;
  const json record = record_of(request);
  CHECK(record["drain_ns"] == 40'000'000);
  CHECK(record["acked_ns"] == request.at.acked);
  CHECK(record["duration_ns"] == 100'000);  // is no part of it
}

TEST_CASE("request line: trace context and request id", "[sinks][request_line]") {
  Request request = test::http_request("/a");
  request.trace.valid = true;
  request.trace.flags = 1;
  for (std::uint8_t i = 0; i < 16; ++i)
    request.trace.trace_id[i] = static_cast<std::uint8_t>(i * 17);
  request.trace.parent_span_id = {0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3};
  request.request_id = RequestId("req-42");
  request.incomplete = true;
  request.at.established = 100;
  request.at.accepted = 350;
  const json record = record_of(request);
  CHECK(record["trace_id"] == "00112233445566778899aabbccddeeff");
  CHECK(record["parent_span_id"] == "deadbeef00010203");
  CHECK(record["trace_flags"] == "01");
  CHECK(record["http.request.header.x-request-id"] == "req-42");
  CHECK(record["incomplete"] == true);
  CHECK(record["accept_queue_ns"] == 250);
}

TEST_CASE("request line: the parts of the duration, all of them, in their order",
          "[sinks][request_line]") {
  Parts parts;
  Ns ns = 100;
  for (const PartSpec& spec : kPartSpecs)
    parts.emplace_back(spec.part, ns *= 2);
  Request request = test::spent(parts, "/a", QueuedWhile::Busy);
  request.budget.gap = Gap::HandOff;
  request.other_call = SYS_wait4;
  const auto record = nlohmann::ordered_json::parse(line_of(request));
  const auto& budget = record["tailwhy.budget"];
  REQUIRE(budget.size() == kParts);
  std::size_t i = 0;
  std::uint64_t sum = 0;
  for (const auto& [name, value] : budget.items()) {
    CHECK(name == kPartSpecs[i].name);
    CHECK(value == request.budget.ns[i++]);
    sum += value.get<std::uint64_t>();
  }
  CHECK(sum == record["duration_ns"]);
  const auto& queued = record["tailwhy.budget.queued_while"];
  REQUIRE(queued.size() == kQueuedWhile);
  i = 0;
  for (const auto& [name, value] : queued.items()) {
    CHECK(name == to_string(static_cast<QueuedWhile>(i)));
    CHECK(value == request.budget.queued_ns[i++]);
  }
  CHECK(queued["busy"] == budget["queue"]);
  CHECK(record["tailwhy.budget.gap"] == "hand_off");
  CHECK(record["tailwhy.budget.other_call"] == "wait4");
}

TEST_CASE("request line: of the parts only what is known", "[sinks][request_line]") {
  Request request = test::spent({{Part::OnCpu, 1000}});
  request.other_call = SYS_wait4;  // not slept in
  json record = record_of(request);
  CHECK(record["tailwhy.budget"]["lock"] == 0);
  for (const char* name :
       {"tailwhy.budget.queued_while", "tailwhy.budget.gap", "tailwhy.budget.other_call",
        "tailwhy.downstream.calls", "tailwhy.downstream.address", "tailwhy.failed_calls",
        "tailwhy.failed_call.name", "tailwhy.retransmits", "tailwhy.zero_windows", "drain_ns",
        "acked_ns"}) {
    INFO(name);
    CHECK_FALSE(record.contains(name));
  }
  request.budget.known = false;
  CHECK_FALSE(record_of(request).contains("tailwhy.budget"));
}

TEST_CASE("request line: messages of a web socket", "[sinks][request_line]") {
  Request request = test::http_request("/chat");
  CHECK_FALSE(record_of(request).contains("tailwhy.request.messages"));
  request.open_ended = true;
  request.messages = {.known = true,
                      .requests = 1,
                      .request_bytes = 20,
                      .responses = 3,
                      .response_bytes = 40,
                      .close_code = 1001};
  json record = record_of(request);
  CHECK(record["tailwhy.request.messages"] == 1);
  CHECK(record["tailwhy.request.message_bytes"] == 20);
  CHECK(record["tailwhy.response.messages"] == 3);
  CHECK(record["tailwhy.response.message_bytes"] == 40);
  CHECK(record["tailwhy.websocket.close_code"] == 1001);
  request.messages.close_code = 0;
  CHECK_FALSE(record_of(request).contains("tailwhy.websocket.close_code"));
}

TEST_CASE("request line: calls made, calls that failed, segments sent again",
          "[sinks][request_line]") {
  Request request = test::http_request("/a");
  const Endpoint peer = ip(5, 5432);
  request.downstream_calls = 3;
  request.failed_calls = 2;
  request.failed_call = SYS_write;
  request.failed_error = ENOSPC;
  request.retransmits = 4;
  request.zero_windows = 2;
  json record = record_of(request);
  CHECK(record["tailwhy.downstream.calls"] == 3);
  CHECK_FALSE(record.contains("tailwhy.downstream.address"));
  CHECK(record["tailwhy.failed_calls"] == 2);
  CHECK(record["tailwhy.failed_call.name"] == "write");
  CHECK(record["tailwhy.failed_call.error"] == "ENOSPC");
  CHECK(record["tailwhy.retransmits"] == 4);
  CHECK(record["tailwhy.zero_windows"] == 2);
  request.downstream_peer = &peer;
  request.downstream_protocol = "http";
  record = record_of(request);
  CHECK(record["tailwhy.downstream.address"] == "10.0.0.5");
  CHECK(record["tailwhy.downstream.port"] == 5432);
  CHECK(record["tailwhy.downstream.protocol"] == "http");
  Endpoint socket;
  socket.family = Family::Unix;
  socket.path = InlineText<108>("/run/db.sock");
  request.downstream_peer = &socket;
  record = record_of(request);
  CHECK(record["tailwhy.downstream.address"] == "unix:/run/db.sock");
  CHECK_FALSE(record.contains("tailwhy.downstream.port"));
}

TEST_CASE("request line: weights are whole numbers or not", "[sinks][request_line]") {
  const Request request = test::http_request("/a");
  CHECK_THAT(line_of(request, false, 20), Catch::EndsWith(R"("tailwhy.sample.weight":20})"
                                                          "\n"));
  CHECK_THAT(line_of(request, false, 24.68), Catch::EndsWith(R"("tailwhy.sample.weight":24.68})"
                                                             "\n"));
}

TEST_CASE("request line: one short, valid, harmless line whatever the names are",
          "[sinks][request_line]") {
  for (const std::string& name : test::kHostileNames) {
    Request request = test::http_request(name);
    request.method = Method(name);
    request.request_id = RequestId(name);
    request.at.accepted = request.at.established = ~Ns{0} >> 1;
    Endpoint socket;
    socket.family = Family::Unix;
    socket.path = InlineText<108>(name);
    request.peer = request.local = &socket;
    request.role = Role::Client;
    request.conn_id = request.number = request.request_bytes = request.response_bytes = ~0ULL;
    request.budget.known = true;
    request.budget.gap = Gap::HandOff;
    request.budget.ns.fill(~0ULL);
    request.budget.queued_ns.fill(~0ULL);
    request.other_call = request.failed_call = 0xfffe;
    request.failed_error = 0xffff;
    request.downstream_calls = request.failed_calls = request.retransmits = ~0U;
    request.zero_windows = ~0U;
    request.messages = {true, ~0ULL, ~0ULL, ~0ULL, ~0ULL, 0xffff};
    request.at.acked = ~Ns{0};
    request.downstream_peer = &socket;
    request.downstream_protocol = "unknown";
    StreamFacts facts;
    facts.times = {.kind = StreamKind::Messages,
                   .complete = false,
                   .events = ~0ULL,
                   .request_messages = ~0ULL,
                   .first_event = ~0ULL,
                   .last_event = ~0ULL,
                   .longest_gap = ~0ULL,
                   .gaps = {}};
    facts.times.gaps.record(~0ULL);
    facts.gen_ai.operation = "text_completion";
    facts.gen_ai.provider = "llama.cpp";
    facts.gen_ai.request_model = facts.gen_ai.response_model = ModelName(std::string(96, 'm'));
    facts.gen_ai.input_tokens = facts.gen_ai.output_tokens = ~0ULL;
    facts.gen_ai.input_known = facts.gen_ai.output_known = true;
    request.stream = &facts;
    const std::string line = line_of(request);
    CHECK(line.size() <= 6 * 1024);
    CHECK(line.find('\n') == line.size() - 1);
    test::check_safe(line);
    CHECK_NOTHROW(json::parse(line));
  }
}
