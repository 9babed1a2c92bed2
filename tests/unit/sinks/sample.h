// A plausible run, made up without a clock or random numbers: what reports of it look like is
// fixed.
#pragma once

#include "model/report.h"
#include "model/run_info.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

namespace tailwhy::test {

inline RunInfo sample_run() {
  RunInfo run;
  run.tool_version = "0.1.0";
  run.command_line = "tailwhy --profile -p 1234";
  run.host_name = "web-1";
  run.host_id = "0123456789abcdef0123456789abcdef";
  run.boot_id = "11111111-2222-3333-4444-555555555555";
  run.kernel = "6.18.44";
  run.cpus = 2;
  run.targets = {{1234, "nginx", "/usr/sbin/nginx"}, {1235, "nginx", ""}};
  run.target_text = "nginx (pid 1234 and 1 child)";
  run.clock = {1'788'000'000'000'000'000, 250};
  run.attached_ns = 5'000'000'000;
  run.hooks = {"sock_send_tp", "sock_recv_tp", "sched_switch_tp"};
  return run;
}

// Latencies around `middle_ns` with a long tail, the same each time.
inline Histogram sample_histogram(std::uint64_t count, double middle_ns, double spread = 0.5) {
  Histogram histogram;
  constexpr std::uint64_t kSteps = 2000;
  for (std::uint64_t i = 0; i < kSteps; ++i) {
    // The logistic distribution's quantiles are close to those of a normal one with heavier tails.
    const double rank = (static_cast<double>(i) + 0.5) / kSteps;
    const double value = middle_ns * std::exp(spread * std::log(rank / (1 - rank)));
    const std::uint64_t weight = count * (i + 1) / kSteps - count * i / kSteps;
    if (weight > 0) histogram.record(static_cast<Ns>(value), weight);
  }
  return histogram;
}

inline LatencyParts sample_latency(std::uint64_t count, double middle_ns) {
  return {.duration = sample_histogram(count, middle_ns),
          .queue = sample_histogram(count, middle_ns * 0.1),
          .service = sample_histogram(count, middle_ns * 0.7),
          .send = sample_histogram(count, middle_ns * 0.02, 0.4),
          .ttfb = sample_histogram(count, middle_ns * 0.95)};
}

inline RouteStats sample_route(std::string method,
                               std::string route,
                               std::uint16_t status,
                               std::uint64_t count,
                               double middle_ns) {
  return {.protocol = "http",
          .method = std::move(method),
          .route = std::move(route),
          .status = status,
          .role = Role::Server,
          .count = count,
          .errors = status >= 500 ? count : 0,
          .client_errors = status >= 400 && status < 500 ? count : 0,
          .request_bytes = count * 90,
          .response_bytes = count * 850,
          .latency = sample_latency(count, middle_ns),
          .family = ProtocolFamily::Http};
}

/// What requests of `route` spent their time on: up to twice its middle on the usual, beyond that
/// on what makes them slow.
inline Request sample_request(const RouteStats& route, Ns duration, double middle_ns) {
  Request request;
  request.role = Role::Server;
  request.at.arrived = 1'000'000'000;
  const bool first = duration % 16 == 0;  // of a connection, whose accept took a while
  request.at.established = first ? request.at.arrived - 1'000 - duration / 4 : 0;
  request.at.accepted = first ? request.at.arrived - 1'000 : 0;
  const bool orders = route.method == "POST";
  Budget& budget = request.budget;
  budget.known = true;
  const Ns usual = std::min(duration, static_cast<Ns>(middle_ns * 2));
  budget.of(Part::Queue) = usual / 10;
  budget.queued_ns[static_cast<std::size_t>(QueuedWhile::Asleep)] = usual / 10;
  budget.of(Part::OnCpu) = orders ? usual * 3 / 5 : usual * 17 / 20;
  budget.of(Part::RunQueue) = usual / 20 - usual / 100;
  budget.of(Part::Downstream) = orders ? usual / 4 : 0;
  const Ns rest = duration - usual;
  budget.of(Part::Lock) = orders ? rest / 8 * 6 : 0;
  budget.of(Part::Disk) = orders ? rest / 8 : rest / 8 * 6;
  budget.of(Part::Other) = rest / 16;
  budget.gap = Gap::HandOff;
  budget.of(Part::Unattributed) = duration - budget.sum();
  request.at.read_first = request.at.read_last = request.at.arrived + budget.of(Part::Queue);
  request.at.write_first = request.at.write_last = request.at.arrived + duration;
  return request;
}

/// Adds the budgets of a route's requests, whose durations are those of sample_histogram().
inline void add_sample_budget(Report& report, RouteStats& route, double middle_ns) {
  BudgetStats& all = report.budget;
  sample_histogram(route.count, middle_ns).for_each_bucket([&](const HistogramBucket& bucket) {
    const Request request = sample_request(route, bucket.upper_ns, middle_ns);
    for (std::uint64_t i = 0; i < bucket.count; ++i) {
      all.sums.add(request, {.peer = 0, .call = 0});
      route.budget.add(request, {.peer = 0, .call = 0});
      all.parts.add(request.budget);
      route.parts.add(request.budget);
    }
    if (request.accept_queue_known()) report.accept_queue.record(request.accept_queue());
    if (request.budget.of(Part::Downstream) > 0) {
      all.names.peers[0].requests += bucket.count;
      all.names.peers[0].calls += 2 * bucket.count;
      all.names.peers[0].ns += request.budget.of(Part::Downstream) * bucket.count;
    }
    all.names.calls[0].requests += bucket.count;
    all.names.calls[0].ns += request.budget.of(Part::Other) * bucket.count;
  });
  all.names.peers[0].address = "10.0.0.5";
  all.names.peers[0].port = 5432;
  all.names.peers[0].protocol = "unknown";
  all.names.calls[0].call = "wait4";
  all.names.failures[0] = {"write", "ENOSPC", 21, 42};
}

/// Ten seconds of a busy server.
inline Report make_sample_report() {
  Report report;
  report.total = true;
  report.begin_ns = 5'000'000'000;
  report.end_ns = 15'000'000'000;
  report.begin_wall_ns = 1'788'000'005'000'000'000;
  report.end_wall_ns = 1'788'000'015'000'000'000;
  report.routes = {sample_route("GET", "/api/items/{id}", 200, 412'331, 140'000),
                   sample_route("GET", "/", 200, 51'200, 90'000),
                   sample_route("POST", "/api/orders", 201, 17'500, 900'000),
                   sample_route("GET", "/api/items/{id}", 404, 1'031, 60'000),
                   sample_route("GET", "/api/reports/{id}/monthly", 503, 21, 2'400'000),
                   sample_route("", "", 0, 12, 800'000)};
  report.routes.back().errors = 12;
  constexpr double kMiddles[] = {140'000, 90'000, 900'000, 60'000, 2'400'000, 800'000};
  for (std::size_t i = 0; i < report.routes.size(); ++i) {
    report.latency.merge(report.routes[i].latency);
    add_sample_budget(report, report.routes[i], kMiddles[i]);
  }

  ExchangeCounts& server = report.server;
  server.matched = 412'331 + 51'200 + 17'500 + 1'031 + 21 + 10;
  server.unmatched = 2;
  server.in_flight = 8;
  server.seen = server.matched + server.unmatched + server.in_flight;
  server.in_flight_at_attach = 3;
  server.server_errors = 21;
  server.client_errors = 1'031;
  server.failed = 12;
  server.failures[static_cast<std::size_t>(Failure::ClientAbort)] = 10;
  server.failures[static_cast<std::size_t>(Failure::NoResponse)] = 2;
  server.request_bytes = server.matched * 90;
  server.response_bytes = server.matched * 850;

  report.connections = {.opened = 100,
                        .existing = 12,
                        .closed = 48,
                        .open = 64,
                        .reset_by_peer = 2,
                        .retransmits = 3,
                        .namespace_known = true};
  report.syscalls_known = true;
  report.syscalls = {{.call = "recvfrom",
                      .error = "EAGAIN",
                      .count = 96'123,
                      .expected = true,
                      .threads = {{1234, 1234, 50'000}, {1235, 1235, 46'123}}},
                     {.call = "openat",
                      .error = "EMFILE",
                      .count = 21,
                      .threads = {{1234, 1234, 15}, {1235, 1235, 6}}},
                     {.call = "openat",
                      .error = "ENOENT",
                      .count = 17,
                      .expected = true,
                      .threads = {{1235, 1235, 17}}}};
  report.resources = {.known = true,
                      .cpu_user_ns = 3'100'000'000,
                      .cpu_system_ns = 6'110'000'000,
                      .run_queue_ns = 120'000'000,
                      .voluntary_switches = 121'000,
                      .involuntary_switches = 3'000,
                      .disk_write_bytes = 4 << 20,
                      .network_in_bytes = server.request_bytes,
                      .network_out_bytes = server.response_bytes,
                      .rss_bytes = 12 << 20,
                      .threads = 2,
                      .file_descriptors = 90,
                      .processes = 2};
  report.losses = {{"ring_full", "records dropped: the ring buffer was full", true, 0},
                   {"payload_unreadable", "calls without a readable buffer", false, 0}};
  report.self = {.cpu_ns = 510'000'000,
                 .rss_bytes = 21 << 20,
                 .peak_rss_bytes = 24 << 20,
                 .programs_known = true,
                 .programs_cpu_share = 0.032,
                 .events = 1'930'000,
                 .event_bytes = 400'000'000};
  return report;
}

inline Report sample_report() {
  static const Report kReport = make_sample_report();  // half a million requests: made once
  return kReport;
}

}  // namespace tailwhy::test
