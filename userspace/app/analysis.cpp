#include "app/analysis.h"

#include <algorithm>
#include <utility>

namespace tailwhy {

namespace {

constexpr LossRow kKernelRows[] = {
#define TW_ROW(NAME, reason, doc, lost) {reason, doc, lost != 0, 0},
    TW_COUNTERS(TW_ROW)
#undef TW_ROW
};

}  // namespace

Analysis::Analysis(std::vector<Sink*> sinks, FlowConfig flow)
    : sinks_(std::move(sinks)), conns_(std::move(flow), *this) {}

void Analysis::start(const RunInfo& info) {
  clock_ = info.clock;
  aggregator_.emplace(Aggregator::Moment{info.attached_ns, clock_.to_real(info.attached_ns)});
  // Where the kernel side told of every switch: also a recording's.
  const auto& hooks = info.hooks;
  const auto used = [&](std::string_view program) {
    return std::find(hooks.begin(), hooks.end(), program) != hooks.end();
  };
  conns_.want_budgets(used("waking_tp"));
  conns_.want_acks(used("ack_tp"));
  losses_before_ = losses();
  for (Sink* sink : sinks_)
    sink->on_start(info);
}

void Analysis::on_event(const EventView& event) {
  std::visit(
      [this]<class Event>(const Event& e) {
        using T = std::remove_cvref_t<Event>;
        if constexpr (std::is_same_v<T, DataView> || std::is_same_v<T, DatagramView>) {
          conns_.on_event(e);
        } else if constexpr (requires { conns_.on_event(*e); }) {
          conns_.on_event(*e);
        } else if constexpr (std::is_same_v<T, const tw_ev_task_fork*>) {
          on_lifecycle({LifecycleEvent::Kind::TargetFork, e->hdr.ts_ns, e->pid,
                        std::string(text_of(e->comm))});
        } else if constexpr (std::is_same_v<T, const tw_ev_task_exec*>) {
          on_lifecycle({LifecycleEvent::Kind::TargetExec, e->hdr.ts_ns, e->pid,
                        std::string(text_of(e->comm))});
        } else if constexpr (std::is_same_v<T, const tw_ev_task_exit*>) {
          conns_.on_thread_exit(e->tid);
          if (e->process_ended != 0) {
            on_lifecycle({LifecycleEvent::Kind::TargetExit, e->hdr.ts_ns, e->pid, {}});
          }
        }
      },
      event);
}

void Analysis::on_lifecycle(const LifecycleEvent& event) {
  for (Sink* sink : sinks_)
    sink->on_lifecycle(event);
}

void Analysis::set_slow_requests(SlowRequests* slow) {
  slow_ = slow;
  conns_.want_stacks(slow != nullptr);
}

void Analysis::on_request(const Request& request) {
  aggregator_->on_request(request);
  if (slow_ != nullptr) slow_->on_request(request, conns_);
  for (Sink* sink : sinks_)
    sink->on_request(request);
}

void Analysis::on_conn_start(ConnStart start) {
  switch (start) {
    case ConnStart::Established:
      aggregator_->on_connection_opened();
      break;
    case ConnStart::Existing:
      aggregator_->on_connection_existing();
      break;
    case ConnStart::Refused:
      aggregator_->on_connect_refused();
      break;
    case ConnStart::ConnectFailed:
      aggregator_->on_connect_failed();
      break;
  }
}

void Analysis::on_conn_end(const ConnEnd& end) {
  aggregator_->on_connection_closed({end.reset_by_peer, end.reset_by_target, end.timed_out});
}

void Analysis::on_socket_error(int /*error*/) {
  aggregator_->on_socket_error();
}

void Analysis::on_bytes(std::uint64_t in_bytes, std::uint64_t out_bytes) {
  aggregator_->on_bytes_in(in_bytes);
  aggregator_->on_bytes_out(out_bytes);
}

void Analysis::on_side(const SideRecord& record) {
  if (record.name != kSideDataName) return;
  if (auto side = side_data_from_json(record.payload)) side_ = std::move(*side);
}

std::vector<LossRow> Analysis::losses() const {
  std::vector<LossRow> rows(std::begin(kKernelRows), std::end(kKernelRows));
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i].count = side_.counters[i];
  const SourceStats source = source_stats_ ? source_stats_() : SourceStats{};
  const FlowLosses flow = conns_.losses();
  std::uint64_t dropped = 0;
  for (const Sink* sink : sinks_)
    dropped += sink->dropped();
  const LossRow own[] = {
      {"malformed", "records that contradict themselves", true, source.malformed},
      {"unknown_event", "records of kinds that this build does not know", true, source.unknown},
      {"not_recorded", "events that a recording had to drop", true,
       std::max(side_.not_recorded, source.not_recorded)},
      {"connections_evicted", "connections forgotten: too many were open", true,
       flow.connections_evicted},
      {"pending_full", "requests not followed: too many were outstanding", true, flow.pending_full},
      {"unannounced", "connections whose opening was not seen", true, flow.unannounced},
      {"stream_gap", "places where bytes of a stream were not seen", false, flow.stream_gaps},
      {"unsolicited", "responses that no request explains", false, flow.unsolicited},
      {"streams_full", "streams whose events have no times: too many at once", false,
       flow.streams_full},
      {"ledger_full", "threads and connects whose time is not followed: too many", false,
       flow.ledger_full},
      {"routes_full", "paths cut short with \"/*\": too many routes", false,
       conns_.routes().served.overflows() + conns_.routes().called.overflows()},
      {"output_dropped", "records that an output had to drop", false, dropped},
  };
  rows.insert(rows.end(), std::begin(own), std::end(own));
  return rows;
}

void Analysis::add_side_data(Report& interval, Report& total) {
  const SourceStats source = source_stats_ ? source_stats_() : SourceStats{};
  const auto fill = [&](Report& report, const ResourceUse& resources) {
    const std::uint64_t in = report.resources.network_in_bytes;
    const std::uint64_t out = report.resources.network_out_bytes;
    report.resources = resources;
    report.resources.network_in_bytes = in;
    report.resources.network_out_bytes = out;
    report.syscalls_known = side_.syscalls_known;
    report.connections.namespace_known = side_.namespace_known;
    report.self = side_.self;
  };
  fill(interval, difference(side_before_.resources, side_.resources));
  fill(total, side_.resources);
  interval.self.cpu_ns = side_.self.cpu_ns - std::min(side_before_.self.cpu_ns, side_.self.cpu_ns);
  interval.self.events = source.events - source_before_.events;
  interval.self.event_bytes = source.event_bytes - source_before_.event_bytes;
  total.self.events = source.events;
  total.self.event_bytes = source.event_bytes;
  interval.connections.listen_overflows = side_.listen_overflows - side_before_.listen_overflows;
  interval.connections.listen_drops = side_.listen_drops - side_before_.listen_drops;
  total.connections.listen_overflows = side_.listen_overflows;
  total.connections.listen_drops = side_.listen_drops;

  syscalls_.update(side_.syscalls);
  interval.syscalls = syscalls_.take_interval();
  total.syscalls = syscalls_.total();

  total.losses = losses();
  interval.losses = total.losses;
  for (std::size_t i = 0; i < interval.losses.size(); ++i) {
    interval.losses[i].count -= losses_before_[i].count;
  }
  losses_before_ = total.losses;
  side_before_ = side_;
  source_before_ = source;
}

// What was learned of routes since the last time holds for those before it, too.
void Analysis::rename_routes() {
  const RouteNames& names = conns_.routes();
  const std::uint64_t merges = names.served.merges() + names.called.merges();
  if (std::exchange(merges_before_, merges) == merges) return;
  aggregator_->rename_routes([&](Role role, const Route& route) {
    return (role == Role::Client ? names.called : names.served).find(route);
  });
}

void Analysis::close_interval(Ns now_ns) {
  rename_routes();
  if (side_source_ != nullptr) side_ = side_source_->take(now_ns);
  const std::uint64_t not_parsed = conns_.losses().bytes_not_parsed;
  aggregator_->on_bytes_not_parsed(not_parsed - std::exchange(not_parsed_before_, not_parsed));
  Report interval = aggregator_->take_interval({now_ns, clock_.to_real(now_ns)});
  total_ = aggregator_->total();
  add_side_data(interval, total_);
  for (Sink* sink : sinks_)
    sink->on_interval(interval, total_);
}

void Analysis::on_tick(Ns now_ns) {
  conns_.on_tick(now_ns);
  close_interval(now_ns);
}

Result<> Analysis::finish(Ns now_ns) {
  conns_.finish();
  close_interval(now_ns);
  if (slow_ != nullptr) total_.slow_stacks = slow_->finish();
  Result<> result;
  for (Sink* sink : sinks_) {
    auto ended = sink->on_end(total_);
    if (!ended && result) result = std::move(ended);
  }
  return result;
}

}  // namespace tailwhy
