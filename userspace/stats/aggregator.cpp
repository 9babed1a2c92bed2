// Only the running interval is written to; the total is the sum of the intervals that were taken,
// so the two cannot disagree. See the header.
#include "stats/aggregator.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tailwhy {
namespace {

ExchangeCounts& counts_of(Report& report, Role role) {
  return role == Role::Client ? report.client : report.server;
}

void count_failure(ExchangeCounts& counts, const Request& request) {
  switch (request.failure) {
    case Failure::None:
      break;
    case Failure::ServerError:
      ++counts.server_errors;
      break;
    default:
      ++counts.failed;
      ++counts.failures[static_cast<std::size_t>(request.failure)];
  }
}

// `in_flight` is a level: what the interval ends with.
void add(ExchangeCounts& sum, const ExchangeCounts& other) {
  sum.seen += other.seen;
  sum.matched += other.matched;
  sum.unmatched += other.unmatched;
  sum.in_flight = other.in_flight;
  sum.in_flight_at_attach += other.in_flight_at_attach;
  sum.incomplete += other.incomplete;
  sum.server_errors += other.server_errors;
  sum.client_errors += other.client_errors;
  sum.failed += other.failed;
  for (std::size_t i = 0; i < sum.failures.size(); ++i)
    sum.failures[i] += other.failures[i];
  sum.request_bytes += other.request_bytes;
  sum.response_bytes += other.response_bytes;
}

// `open` is a level.
void add(ConnectionCounts& sum, const ConnectionCounts& other) {
  sum.opened += other.opened;
  sum.existing += other.existing;
  sum.closed += other.closed;
  sum.open = other.open;
  sum.reset_by_peer += other.reset_by_peer;
  sum.reset_by_target += other.reset_by_target;
  sum.refused += other.refused;
  sum.connect_failed += other.connect_failed;
  sum.timed_out += other.timed_out;
  sum.retransmits += other.retransmits;
  sum.socket_errors += other.socket_errors;
}

void add(Report& sum, const Report& interval) {
  sum.end_ns = interval.end_ns;
  sum.end_wall_ns = interval.end_wall_ns;
  add(sum.server, interval.server);
  add(sum.client, interval.client);
  sum.latency.merge(interval.latency);
  sum.client_latency.merge(interval.client_latency);
  sum.budget.merge(interval.budget);
  sum.accept_queue.merge(interval.accept_queue);
  sum.drain.merge(interval.drain);
  add(sum.connections, interval.connections);
  sum.resources.network_in_bytes += interval.resources.network_in_bytes;
  sum.resources.network_out_bytes += interval.resources.network_out_bytes;
  sum.bytes_not_parsed += interval.bytes_not_parsed;
}

std::uint64_t open_connections(const ConnectionCounts& before, const ConnectionCounts& added) {
  const std::uint64_t begun = before.open + added.opened + added.existing;
  assert(begun >= added.closed);
  return begun - std::min(begun, added.closed);
}

}  // namespace

Aggregator::Aggregator(Moment attached, RouteLimits limits) : routes_(limits) {
  interval_.begin_ns = interval_.end_ns = attached.mono_ns;
  interval_.begin_wall_ns = interval_.end_wall_ns = attached.wall_ns;
  total_ = interval_;
  total_.total = true;
}

void Aggregator::on_request_begin(Role role) {
  ExchangeCounts& counts = counts_of(interval_, role);
  ++counts.seen;
  ++counts.in_flight;
}

void Aggregator::on_request(const Request& request) {
  ExchangeCounts& counts = counts_of(interval_, request.role);
  if (request.outcome == Outcome::InFlightAtAttach) {
    ++counts.in_flight_at_attach;
    return;
  }
  assert(counts.in_flight > 0);
  --counts.in_flight;
  if (request.outcome == Outcome::Matched) {
    ++counts.matched;
    counts.incomplete += request.incomplete ? 1 : 0;
    counts.client_errors += request.client_error ? 1 : 0;
  } else {
    ++counts.unmatched;
  }
  count_failure(counts, request);
  counts.request_bytes += request.request_bytes;
  counts.response_bytes += request.response_bytes;
  if (request.stream != nullptr) streams_.add(request);
  if (run_.join(request)) return;
  end_run();
  if (RequestRun::can_begin(request)) {
    run_.begin(request);
  } else {
    count_in_row(request, 1);
  }
}

void Aggregator::end_run() {
  if (run_.count() > 0) count_in_row(run_.sum(), run_.count());
  run_.end();
}

void Aggregator::count_in_row(const Request& request, std::uint64_t count) {
  routes_.add(request, add_budget(request, count), count);
}

NameIds Aggregator::add_budget(const Request& request, std::uint64_t count) {
  if (request.role == Role::Client) return {};
  if (request.accept_queue_known()) interval_.accept_queue.record(request.accept_queue(), count);
  if (request.drain_known()) interval_.drain.record(request.drain(), count);
  if (!request.budget.known || request.outcome != Outcome::Matched) return {};
  if (request.open_ended) return {};
  return budgets_.add(interval_.budget.names, request);
}

void Aggregator::on_connection_closed(const ConnectionEnd& end) {
  ConnectionCounts& counts = interval_.connections;
  ++counts.closed;
  counts.reset_by_peer += end.reset_by_peer ? 1 : 0;
  counts.reset_by_target += end.reset_by_target ? 1 : 0;
  counts.timed_out += end.timed_out ? 1 : 0;
}

void Aggregator::rename_routes(const RouteTable::Rename& route_of) {
  end_run();
  routes_.rename(route_of);
  streams_.rename(route_of);
}

Report Aggregator::take_interval(Moment now) {
  end_run();
  interval_.end_ns = now.mono_ns;
  interval_.end_wall_ns = now.wall_ns;
  interval_.connections.open = open_connections(total_.connections, interval_.connections);
  interval_.routes = routes_.take_interval(&interval_.budget.sums);
  // Merging is exact, so recording each request in its route is enough.
  for (const RouteStats& row : interval_.routes) {
    if (row.open_ended) continue;
    (row.role == Role::Client ? interval_.client_latency : interval_.latency).merge(row.latency);
    interval_.budget.parts.merge(row.parts);
  }
  add(total_, interval_);
  Report taken = std::exchange(interval_, {});

  interval_.begin_ns = now.mono_ns;
  interval_.begin_wall_ns = now.wall_ns;
  // Levels go on.
  interval_.server.in_flight = taken.server.in_flight;
  interval_.client.in_flight = taken.client.in_flight;
  return taken;
}

Report Aggregator::total(Routes routes) const {
  Report report = total_;
  if (routes == Routes::Include) {
    report.routes = routes_.total();
    report.streams = streams_.streams();
    report.gen_ai = streams_.gen_ai();
  }
  return report;
}

}  // namespace tailwhy
