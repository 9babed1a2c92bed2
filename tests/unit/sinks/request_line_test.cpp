// The request record: which fields it has when, and that no name breaks it.
#include "sinks/request_line.h"

#include "unit/sinks/hostile.h"
#include "unit/stats/requests.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace tailwhy;
using nlohmann::json;

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
    const std::string line = line_of(request);
    CHECK(line.size() <= 4096);
    CHECK(line.find('\n') == line.size() - 1);
    test::check_safe(line);
    CHECK_NOTHROW(json::parse(line));
  }
}
