// Adds up what the flow layer reports, for the interval that is running and for the whole run.
// Used by one thread. What has other sources (failing system calls, resources, losses, own cost) is
// put into the Report by the caller. Knows nothing of clocks, sockets or outputs.
#pragma once

#include "model/report.h"
#include "model/request.h"
#include "stats/budget_tally.h"
#include "stats/request_run.h"
#include "stats/route_table.h"
#include "stats/stream_table.h"

#include <cstdint>

namespace tailwhy {

/// How a connection ended; several can be true.
struct ConnectionEnd {
  bool reset_by_peer = false;
  bool reset_by_target = false;
  bool timed_out = false;
};

class Aggregator {
 public:
  /// One instant on both clocks.
  struct Moment {
    Ns mono_ns = 0;
    Ns wall_ns = 0;
  };
  enum class Routes { Include, Omit };

  /// The first interval begins at `attached`.
  explicit Aggregator(Moment attached, RouteLimits limits = {});

  /// The first byte of a request was seen. Role::Unknown counts as Server, here and below.
  void on_request_begin(Role role);
  /// An exchange ended. Matched and Unmatched ones have had their begin.
  void on_request(const Request& request);

  /// A connection of the target: established while traced, or found open at the attach.
  void on_connection_opened() { ++interval_.connections.opened; }
  void on_connection_existing() { ++interval_.connections.existing; }
  void on_connection_closed(const ConnectionEnd& end);
  /// An outgoing connection never came about.
  void on_connect_refused() { ++interval_.connections.refused; }
  void on_connect_failed() { ++interval_.connections.connect_failed; }
  void on_retransmit(std::uint64_t segments = 1) { interval_.connections.retransmits += segments; }
  void on_socket_error() { ++interval_.connections.socket_errors; }

  /// Bytes that crossed a traced socket; they show up as the resources' network bytes.
  void on_bytes_in(std::uint64_t bytes) { interval_.resources.network_in_bytes += bytes; }
  void on_bytes_out(std::uint64_t bytes) { interval_.resources.network_out_bytes += bytes; }
  void on_bytes_not_parsed(std::uint64_t bytes) { interval_.bytes_not_parsed += bytes; }

  /// Routes that were counted are called otherwise now; see RouteTable::rename().
  void rename_routes(const RouteTable::Rename& route_of);

  /// Ends the interval and begins the next. Fields of other sources are left as they are by
  /// default.
  Report take_interval(Moment now);

  /// The run from the attach up to the end of the last interval.
  Report total(Routes routes = Routes::Include) const;

 private:
  void count_in_row(const Request& request, std::uint64_t count);
  NameIds add_budget(const Request& request, std::uint64_t count);
  void end_run();

  // Everything but the routes; interval_ is added to total_ when it is taken.
  Report interval_;
  Report total_;
  RouteTable routes_;
  StreamTable streams_;
  BudgetTally budgets_;
  RequestRun run_;  // in no row yet
};

}  // namespace tailwhy
