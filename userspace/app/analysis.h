// The analysis itself, the same for a live trace and for a replay: events become exchanges,
// exchanges become statistics, statistics become reports, and the outputs get all of them. One
// thread.
#pragma once

#include "app/side_data.h"
#include "app/slow_requests.h"
#include "events/event_source.h"
#include "flow/conn_table.h"
#include "flow/listener.h"
#include "model/run_info.h"
#include "sinks/sink.h"
#include "stats/aggregator.h"

#include <functional>
#include <optional>
#include <vector>

namespace tailwhy {

/// Where the numbers come from that are no events.
class SideSource {
 public:
  virtual ~SideSource() = default;
  /// The snapshot that belongs to the interval that ends now.
  virtual SideData take(Ns now_ns) = 0;
};

class Analysis final : public EventHandler, private FlowListener {
 public:
  /// The outputs live longer than the analysis.
  Analysis(std::vector<Sink*> sinks, FlowConfig flow);

  /// Where on_tick() gets its side data (live); a replay gives it through on_side().
  void set_side_source(SideSource* source) { side_source_ = source; }
  /// For the record in the losses: what the source could not give.
  void set_source_stats(std::function<SourceStats()> stats) { source_stats_ = std::move(stats); }
  /// Looks at the stacks of slow requests; its words are in the total. Lives longer.
  void set_slow_requests(SlowRequests* slow);
  /// Ask parsers for the spans that a recording must not keep; see secrets().
  void want_secrets(bool wanted) { conns_.want_secrets(wanted); }
  [[nodiscard]] std::vector<std::uint64_t> unix_connections() const {
    return conns_.unix_connections();
  }
  [[nodiscard]] const std::vector<SecretSpan>& secrets() const { return conns_.secrets(); }

  /// Before the first event.
  void start(const RunInfo& info);
  void on_event(const EventView& event) override;
  void on_tick(Ns now_ns) override;
  void on_side(const SideRecord& record) override;
  /// Something happened to the run that no event tells.
  void on_lifecycle(const LifecycleEvent& event);
  /// The end: closes the last interval and ends the outputs. The error is the first one of them.
  Result<> finish(Ns now_ns);

  [[nodiscard]] const Report& total() const { return total_; }
  /// Wall time is derived with this.
  void set_clock(const ClockOffset& clock) { clock_ = clock; }

 private:
  void on_request_begin(Role role) override { aggregator_->on_request_begin(role); }
  void on_request(const Request& request) override;
  void on_conn_start(ConnStart start) override;
  void on_conn_end(const ConnEnd& end) override;
  void on_retransmit() override { aggregator_->on_retransmit(); }
  void on_socket_error(int error) override;
  void on_bytes(std::uint64_t in_bytes, std::uint64_t out_bytes) override;

  void close_interval(Ns now_ns);
  void rename_routes();
  void add_side_data(Report& interval, Report& total);
  std::vector<LossRow> losses() const;

  std::vector<Sink*> sinks_;
  ConnTable conns_;
  std::optional<Aggregator> aggregator_;  // from start() on
  SyscallTally syscalls_;
  SideSource* side_source_ = nullptr;
  SlowRequests* slow_ = nullptr;
  std::function<SourceStats()> source_stats_;
  SideData side_;
  SideData side_before_;
  std::uint64_t not_parsed_before_ = 0;
  std::uint64_t merges_before_ = 0;
  std::vector<LossRow> losses_before_;
  SourceStats source_before_;
  ClockOffset clock_;
  Report total_;
};

}  // namespace tailwhy
