// See the header. Counters are written from tables of name and member.
#include "sinks/records.h"

#include "base/clock.h"
#include "sinks/budget_json.h"
#include "sinks/numbers.h"
#include "sinks/slow_stacks_section.h"
#include "sinks/streams_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace tailwhy {
namespace {

template <class T>
struct Field {
  std::string_view name;
  std::uint64_t T::*member;
};

constexpr Field<ExchangeCounts> kExchangeFields[] = {
    {"seen", &ExchangeCounts::seen},
    {"matched", &ExchangeCounts::matched},
    {"unmatched", &ExchangeCounts::unmatched},
    {"in_flight", &ExchangeCounts::in_flight},
    {"in_flight_at_attach", &ExchangeCounts::in_flight_at_attach},
    {"incomplete", &ExchangeCounts::incomplete},
    {"server_errors", &ExchangeCounts::server_errors},
    {"client_errors", &ExchangeCounts::client_errors},
    {"failed", &ExchangeCounts::failed},
    {"request_bytes", &ExchangeCounts::request_bytes},
    {"response_bytes", &ExchangeCounts::response_bytes},
};

constexpr Field<ConnectionCounts> kConnectionFields[] = {
    {"opened", &ConnectionCounts::opened},
    {"existing", &ConnectionCounts::existing},
    {"closed", &ConnectionCounts::closed},
    {"open", &ConnectionCounts::open},
    {"reset_by_peer", &ConnectionCounts::reset_by_peer},
    {"reset_by_target", &ConnectionCounts::reset_by_target},
    {"refused", &ConnectionCounts::refused},
    {"connect_failed", &ConnectionCounts::connect_failed},
    {"timed_out", &ConnectionCounts::timed_out},
    {"retransmits", &ConnectionCounts::retransmits},
    {"socket_errors", &ConnectionCounts::socket_errors},
};
// Only when the namespace's counters could be read.
constexpr Field<ConnectionCounts> kListenFields[] = {
    {"listen_overflows", &ConnectionCounts::listen_overflows},
    {"listen_drops", &ConnectionCounts::listen_drops},
};

constexpr Field<ResourceUse> kNetworkFields[] = {
    {"network_in_bytes", &ResourceUse::network_in_bytes},
    {"network_out_bytes", &ResourceUse::network_out_bytes},
};
// Only when they are known.
constexpr Field<ResourceUse> kResourceFields[] = {
    {"cpu_user_ns", &ResourceUse::cpu_user_ns},
    {"cpu_system_ns", &ResourceUse::cpu_system_ns},
    {"run_queue_ns", &ResourceUse::run_queue_ns},
    {"voluntary_switches", &ResourceUse::voluntary_switches},
    {"involuntary_switches", &ResourceUse::involuntary_switches},
    {"minor_faults", &ResourceUse::minor_faults},
    {"major_faults", &ResourceUse::major_faults},
    {"disk_read_bytes", &ResourceUse::disk_read_bytes},
    {"disk_write_bytes", &ResourceUse::disk_write_bytes},
    {"rss_bytes", &ResourceUse::rss_bytes},
    {"threads", &ResourceUse::threads},
    {"file_descriptors", &ResourceUse::file_descriptors},
    {"processes", &ResourceUse::processes},
};

template <class T, std::size_t N>
void add_fields(Json& json, const T& from, const Field<T> (&fields)[N]) {
  for (const Field<T>& field : fields)
    json[std::string(field.name)] = from.*field.member;
}

Json envelope(std::string_view kind, std::uint64_t wall_ns, Ns mono_ns) {
  return {{"record", kind}, {"timestamp", rfc3339(wall_ns)}, {"mono_ns", mono_ns}};
}

Json exchanges_json(const ExchangeCounts& counts) {
  Json json = Json::object();
  add_fields(json, counts, kExchangeFields);
  Json failures = Json::object();
  for (std::size_t i = 0; i < counts.failures.size(); ++i) {
    const std::string_view word = to_string(static_cast<Failure>(i));
    if (!word.empty()) failures[std::string(word)] = counts.failures[i];
  }
  json["failures"] = std::move(failures);
  return json;
}

Json latency_json(const LatencyParts& parts) {
  Json json = Json::object();
  for (const LatencyPartRow& part : kLatencyParts) {
    json[std::string(part.name)] = histogram_json(parts.*part.histogram);
  }
  return json;
}

Json connections_json(const ConnectionCounts& counts) {
  Json json = Json::object();
  add_fields(json, counts, kConnectionFields);
  if (counts.namespace_known) add_fields(json, counts, kListenFields);
  return json;
}

Json syscalls_json(const std::vector<SyscallErrors>& rows) {
  Json json = Json::array();
  for (const SyscallErrors& row : rows) {
    Json threads = Json::array();
    for (const ThreadCount& thread : row.threads) {
      threads.push_back(
          {{"process.pid", thread.pid}, {"thread.id", thread.tid}, {"count", thread.count}});
    }
    json.push_back({{"syscall.name", row.call},
                    {"error.type", row.error},
                    {"count", row.count},
                    {"expected", row.expected},
                    {"threads", std::move(threads)},
                    {"threads_omitted", row.threads_omitted}});
  }
  return json;
}

Json resources_json(const ResourceUse& use) {
  Json json = {{"known", use.known}, {"partial", use.partial}};
  add_fields(json, use, kNetworkFields);
  if (use.known) add_fields(json, use, kResourceFields);
  return json;
}

Json self_json(const SelfUse& self) {
  Json json = {{"cpu_ns", self.cpu_ns},
               {"rss_bytes", self.rss_bytes},
               {"peak_rss_bytes", self.peak_rss_bytes},
               {"events", self.events},
               {"event_bytes", self.event_bytes},
               {"programs_known", self.programs_known}};
  if (self.programs_known) json["programs_cpu_share"] = self.programs_cpu_share;
  return json;
}

// Causes of loss with lost = `lost`; the others are details that are unknown.
Json losses_json(const Report& report, bool lost, bool zeros) {
  Json json = Json::object();
  for (const LossRow& row : report.losses) {
    if (row.lost == lost && (zeros || row.count > 0)) json[std::string(row.reason)] = row.count;
  }
  return json;
}

Json route_json(const RouteStats& row) {
  Json json = {{"network.protocol.name", row.protocol},
               {"tailwhy.role", row.role == Role::Client ? "client" : "server"}};
  add_names(json, row.family, row.protocol, row.method, row.route);
  const FamilyNames& names = family_names(row.family);
  if (row.status != 0 && !names.status.empty()) json[std::string(names.status)] = row.status;
  if (!row.status_text.empty() && !names.status.empty())
    json[std::string(names.status)] = row.status_text;
  if (row.open_ended) json["open_ended"] = true;
  json["count"] = row.count;
  json["errors"] = row.errors;
  json["request_bytes"] = row.request_bytes;
  json["response_bytes"] = row.response_bytes;
  json["latency"] = latency_json(row.latency);
  if (row.budget.requests() > 0) json["budget"] = route_budget_json(row);
  return json;
}

// Nothing when no budget is known: nobody looked.
void add_budget(Json& json, const Report& report, const TailSpec& slow) {
  if (report.budget.sums.requests() == 0) return;
  const auto distributions = report.total ? WithDistributions::Yes : WithDistributions::No;
  json["budget"] = budget_json(report.budget, distributions);
  json["tail"] = tail_json(explain_slow(report, slow), report);
}

void add_report(Json& json, const Report& report, const TailSpec& slow) {
  json["begin_ns"] = report.begin_ns;
  json["end_ns"] = report.end_ns;
  json["duration_ns"] = report.end_ns - report.begin_ns;
  json["throughput_rps"] = throughput(report.server, report.seconds());
  json["error_rate"] = error_rate(report.server);
  json["requests"] = exchanges_json(report.server);
  json["client_requests"] = exchanges_json(report.client);
  json["latency"] = latency_json(report.latency);
  json["client_latency"] = latency_json(report.client_latency);
  json["accept_queue"] = histogram_json(report.accept_queue);
  if (!report.drain.empty()) json["drain"] = histogram_json(report.drain);
  add_budget(json, report, slow);
  json["connections"] = connections_json(report.connections);
  if (report.syscalls_known) json["syscall_errors"] = syscalls_json(report.syscalls);
  json["resources"] = resources_json(report.resources);
  json["lost"] = report.lost();
  json["loss"] = losses_json(report, true, true);
  json["unknown_details"] = losses_json(report, false, true);
  json["bytes_not_parsed"] = report.bytes_not_parsed;
  json["self"] = self_json(report.self);
}

}  // namespace

Json histogram_json(const Histogram& histogram) {
  Json buckets = Json::array();
  histogram.for_each_bucket([&](const HistogramBucket& b) {
    buckets.push_back(Json::array({b.index, b.count}));
  });
  return {{"count", histogram.count()},
          {"sum_ns", histogram.sum_ns()},
          {"min_ns", histogram.min_ns()},
          {"max_ns", histogram.max_ns()},
          {"p50_ns", histogram.percentile(50)},
          {"p90_ns", histogram.percentile(90)},
          {"p99_ns", histogram.percentile(99)},
          {"p999_ns", histogram.percentile(99.9)},
          {"histogram",
           {{"scale", kBucketScale},
            {"zero_count", histogram.zero_count()},
            {"buckets", std::move(buckets)}}}};
}

std::string rfc3339(std::uint64_t wall_ns) {
  char text[kRfc3339Size];
  return {text, format_rfc3339(wall_ns, text)};
}

std::string to_line(const Json& record) {
  return record.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

Json header_record(const RunInfo& run) {
  Json json = envelope("header", run.clock.to_real(run.attached_ns), run.attached_ns);
  json["schema"] = kLogSchema;
  json["tool_version"] = run.tool_version;
  json["host.name"] = run.host_name;
  json["host.id"] = run.host_id;
  json["boot_id"] = run.boot_id;
  json["kernel"] = run.kernel;
  Json processes = Json::array();
  for (const ProcessInfo& process : run.targets) {
    processes.push_back(
        {{"process.pid", process.pid},
         {"process.executable.name", process.comm.empty() ? process.exe : process.comm}});
  }
  json["target"] = {{"text", run.target_text}, {"processes", std::move(processes)}};
  json["hooks"] = run.hooks;
  json["missing"] = run.missing;
  if (!run.tls.empty()) json["tls"] = run.tls;
  json["clock"] = {{"realtime_minus_mono_ns", run.clock.realtime_minus_mono_ns},
                   {"uncertainty_ns", run.clock.uncertainty_ns}};
  json["replayed"] = run.replayed;
  return json;
}

Json interval_record(const Report& interval, const TailSpec& slow) {
  Json json = envelope("interval", interval.end_wall_ns, interval.end_ns);
  add_report(json, interval, slow);
  return json;
}

Json summary_record(const Report& total, std::size_t max_routes, const TailSpec& slow) {
  Json json = envelope("summary", total.end_wall_ns, total.end_ns);
  add_report(json, total, slow);
  Json routes = Json::array();
  std::uint64_t omitted = 0, omitted_requests = 0;
  for (const RouteStats& row : total.routes) {
    if (routes.size() < max_routes) {
      routes.push_back(route_json(row));
    } else {
      ++omitted;
      omitted_requests += row.count;
    }
  }
  json["routes"] = std::move(routes);
  json["routes_omitted"] = {{"routes", omitted}, {"count", omitted_requests}};
  add_streams(json, total, max_routes);
  add_slow_stacks(json, total.slow_stacks, max_routes);
  return json;
}

std::optional<Json> loss_record(const Report& interval) {
  Json losses = losses_json(interval, true, false);
  if (losses.empty()) return std::nullopt;
  Json json = envelope("loss", interval.end_wall_ns, interval.end_ns);
  json["losses"] = std::move(losses);
  return json;
}

std::vector<Json> error_records(const Report& interval) {
  struct Kind {
    std::uint64_t count;
    std::string_view type;
    std::string_view message;
  };
  const ConnectionCounts& c = interval.connections;
  const Kind kinds[] = {
      {c.reset_by_peer, "connection_reset", "connections were reset by their peers"},
      {c.reset_by_target, "connection_reset", "connections were reset by the target"},
      {c.refused, "connection_refused", "outgoing connections were refused"},
      {c.connect_failed, "connect_failed", "outgoing connections failed"},
      {c.timed_out, "timeout", "connections timed out"},
      {c.socket_errors, "socket_error", "socket calls failed"},
      {c.listen_overflows, "listen_overflow", "connections met a full accept queue"},
      {c.listen_drops, "listen_drop", "connection attempts were dropped"},
  };
  std::vector<Json> records;
  for (const Kind& kind : kinds) {
    if (kind.count == 0) continue;
    Json json = envelope("error", interval.end_wall_ns, interval.end_ns);
    json["error.type"] = kind.type;
    json["message"] = std::to_string(kind.count) + " " + std::string(kind.message);
    json["count"] = kind.count;
    records.push_back(std::move(json));
  }
  return records;
}

Json lifecycle_record(const LifecycleEvent& event, const ClockOffset& clock) {
  Json json = envelope("lifecycle", clock.to_real(event.at_ns), event.at_ns);
  json["event"] = to_string(event.kind);
  if (event.pid != 0) json["process.pid"] = event.pid;
  constexpr std::size_t kLongestText = 1000;  // a line has at most 8 KiB, an escape six bytes
  json["text"] = event.text.substr(0, kLongestText);
  return json;
}

}  // namespace tailwhy
