// What one interval, or the whole run, came to: plain values that stats/ fills and sinks/ print.
// Counters of an interval are differences; those of the total run since the attach.
#pragma once

#include "base/histogram.h"
#include "model/budget_stats.h"
#include "model/request.h"
#include "model/slow_stacks.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

// Latency and its parts (MEASUREMENT section 1), in ns. A part that was not observed for a request
// is not recorded in its histogram, so the counts may differ.
struct LatencyParts {
  Histogram duration;
  Histogram queue;
  Histogram service;
  Histogram send;
  Histogram ttfb;
  void merge(const LatencyParts& other);
};

// For outputs that list the parts: name ("duration", "queue", ...) and member, in display order.
struct LatencyPartRow {
  std::string_view name;
  Histogram LatencyParts::*histogram;
};
inline constexpr std::array<LatencyPartRow, 5> kLatencyParts{{
    {"duration", &LatencyParts::duration},
    {"queue", &LatencyParts::queue},
    {"service", &LatencyParts::service},
    {"send", &LatencyParts::send},
    {"ttfb", &LatencyParts::ttfb},
}};

// seen + in_flight at the start = matched + unmatched + in_flight at the end.
struct ExchangeCounts {
  std::uint64_t seen = 0;                 // requests whose first byte was seen
  std::uint64_t matched = 0;              // ended with a response
  std::uint64_t unmatched = 0;            // ended without one
  std::uint64_t in_flight = 0;            // begun and not ended, now
  std::uint64_t in_flight_at_attach = 0;  // answered, but begun before the attach: not in `seen`
  std::uint64_t incomplete = 0;           // of matched: bytes lost or not parsed
  std::uint64_t server_errors = 0;        // of matched: the protocol's server errors (HTTP 5xx)
  std::uint64_t client_errors = 0;  // of matched: HTTP 4xx and the like; not errors of the server
  std::uint64_t failed = 0;  // matched or not: client_abort, connection_reset, no_response, timeout
  std::array<std::uint64_t, 6> failures{};  // `failed` by Failure
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
};

// The sums of a route have buckets four times as wide as those over all: at the finer scale 2000
// busy routes would need 70 MiB, at this one 18 MiB, and what a request waited for differs little
// between durations that are within 9 % of each other.
inline constexpr int kRouteBudgetScale = 3;

// One row of the table by route, method and status (model/protocol_family.h: what these are).
struct RouteStats {
  std::string protocol;
  std::string method;  // empty: unknown
  std::string route;   // empty: unknown; "_OTHER": beyond the cap
  std::uint16_t status = 0;
  Role role = Role::Server;
  std::uint64_t count = 0;
  std::uint64_t errors = 0;         // server errors and failures
  std::uint64_t client_errors = 0;  // of matched; not errors of the server
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  LatencyParts latency;
  BudgetSums budget{kRouteBudgetScale};             // of the requests whose budget is known
  PartHistograms parts;                             // of the same
  ProtocolFamily family = ProtocolFamily::Unknown;  // says what method, route and status are
  std::string status_text;                          // of protocols without numbers
  bool open_ended = false;  // their clients asked to wait: in no sum over all routes
};

// Answers that came as streams, by role, protocol, method and route.
struct StreamStats {
  std::string protocol;
  std::string method;
  std::string route;  // "_OTHER": beyond the cap
  Role role = Role::Server;
  ProtocolFamily family = ProtocolFamily::Unknown;
  StreamKind kind = StreamKind::None;
  std::uint64_t count = 0;
  std::uint64_t incomplete = 0;  // of them: some events may not have been seen
  std::uint64_t events = 0;
  std::uint64_t request_messages = 0;
  Histogram time_to_first_event;  // from the request's arrival
  Histogram gaps;                 // between events of the same answer next to each other
};

// Exchanges with language models, by operation and model; the names are OpenTelemetry's.
struct GenAiStats {
  std::string operation;
  std::string provider;
  std::string request_model;   // empty: unknown; "_OTHER": beyond the cap
  std::string response_model;  // the same
  Role role = Role::Server;
  std::uint64_t count = 0;
  std::uint64_t errors = 0;   // any status above 399, and failures
  std::uint64_t counted = 0;  // the answer said how many tokens it has
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  Histogram request_duration;  // gen_ai.server.request.duration
  // Of streams that were counted and without error:
  Histogram time_to_first_token;    // gen_ai.server.time_to_first_token
  Histogram time_per_output_token;  // gen_ai.server.time_per_output_token
};

struct ConnectionCounts {
  std::uint64_t opened = 0;    // established while traced
  std::uint64_t existing = 0;  // found open at the attach
  std::uint64_t closed = 0;
  std::uint64_t open = 0;  // now
  std::uint64_t reset_by_peer = 0;
  std::uint64_t reset_by_target = 0;
  std::uint64_t refused = 0;         // outgoing connections of the target that were refused
  std::uint64_t connect_failed = 0;  // outgoing connections that failed otherwise
  std::uint64_t timed_out = 0;
  std::uint64_t retransmits = 0;
  std::uint64_t socket_errors =
      0;  // failing socket calls, expected ones (EAGAIN, EINTR) not counted
  // Of the target's network namespace, all its processes together:
  bool namespace_known = false;
  std::uint64_t listen_overflows = 0;
  std::uint64_t listen_drops = 0;
};

struct ThreadCount {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint64_t count = 0;
};

struct SyscallErrors {
  std::string call;   // "openat"
  std::string error;  // "ENOENT"
  std::uint64_t count = 0;
  bool expected = false;  // normal in a healthy server (EAGAIN, EINTR, timeouts, path probing)
  std::vector<ThreadCount> threads;  // most first, at most 16
  std::uint64_t threads_omitted = 0;
};

struct ResourceUse {
  bool known = false;
  bool partial = false;  // some threads or processes could not be read
  std::uint64_t cpu_user_ns = 0;
  std::uint64_t cpu_system_ns = 0;
  std::uint64_t run_queue_ns = 0;  // threads ready to run that waited for a CPU
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t disk_read_bytes = 0;
  std::uint64_t disk_write_bytes = 0;
  std::uint64_t network_in_bytes = 0;  // of the traced sockets
  std::uint64_t network_out_bytes = 0;
  // Levels, now:
  std::uint64_t rss_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t file_descriptors = 0;
  std::uint64_t processes = 0;
};

// One cause of loss, or of an unknown detail.
struct LossRow {
  std::string_view reason;  // "ring_full"; static text
  std::string_view doc;
  bool lost = true;  // false: only a detail is unknown, nothing is missing from the counts
  std::uint64_t count = 0;
};

struct SelfUse {
  std::uint64_t cpu_ns = 0;  // of tailwhy's process
  std::uint64_t rss_bytes = 0;
  std::uint64_t peak_rss_bytes = 0;
  bool programs_known = false;    // sampled in short windows: an estimate
  double programs_cpu_share = 0;  // of one core, run time of all BPF programs
  std::uint64_t events = 0;       // records read
  std::uint64_t event_bytes = 0;
};

struct Report {
  bool total = false;  // false: one interval
  Ns begin_ns = 0;     // CLOCK_MONOTONIC
  Ns end_ns = 0;
  std::uint64_t begin_wall_ns = 0;  // since the epoch, derived
  std::uint64_t end_wall_ns = 0;
  ExchangeCounts server;           // the target answers
  ExchangeCounts client;           // the target asks others
  LatencyParts latency;            // of server exchanges
  LatencyParts client_latency;     // of client exchanges
  BudgetStats budget;              // of server exchanges whose budget is known
  Histogram accept_queue;          // of server exchanges that were the first of a connection
  Histogram drain;                 // of server exchanges whose acknowledgement was seen
  std::vector<RouteStats> routes;  // most requests first; all of them (the cap bounds their number)
  std::vector<StreamStats> streams;  // of the total; most requests first
  std::vector<GenAiStats> gen_ai;    // of the total; most requests first
  ConnectionCounts connections;
  std::vector<SyscallErrors> syscalls;  // most first, at most 256
  bool syscalls_known = false;          // the hook group is on
  ResourceUse resources;
  std::vector<LossRow> losses;  // one row per cause, zero rows included, fixed order
  std::uint64_t bytes_not_parsed = 0;
  SelfUse self;
  SlowStacks slow_stacks;  // of the total, at the end

  // Events lost for any reason: 0 means that every number above is exact.
  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t sum = 0;
    for (const LossRow& row : losses)
      sum += row.lost ? row.count : 0;
    return sum;
  }
  [[nodiscard]] double seconds() const { return static_cast<double>(end_ns - begin_ns) / 1e9; }
};

}  // namespace tailwhy
