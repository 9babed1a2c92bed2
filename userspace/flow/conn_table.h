// All connections, by socket cookie, bounded: when too many are open the one that was silent
// longest is forgotten, and counted. Turns events into calls of one Conn.
#pragma once

#include "flow/conn.h"
#include "flow/datagrams.h"
#include "flow/stack_samples.h"
#include "model/route_patterns.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tailwhy {

/// Connections to this port speak that protocol, whatever they look like.
struct ProtocolPin {
  std::uint16_t port = 0;  ///< TCP port of the server, be it the target or whom it calls
  const ParserSpec* protocol = nullptr;
};

struct FlowConfig {
  std::size_t connections = 65536;
  std::size_t pending_requests = 65536;
  std::vector<ProtocolPin> pins;
  RoutePatterns routes;
};

class ConnTable {
 public:
  ConnTable(FlowConfig config, FlowListener& listener);

  void on_event(const tw_ev_conn_open& open);
  void on_event(const DataView& data);
  void on_event(const DatagramView& datagram) { datagrams_.on_datagram(datagram, out_); }
  void on_event(const tw_ev_arrival& arrival);
  void on_event(const tw_ev_conn_shut& shut);
  void on_event(const tw_ev_conn_close& close);
  void on_event(const tw_ev_retransmit& retransmit);
  void on_event(const tw_ev_io_error& error);
  void on_event(const tw_ev_ack& ack);
  void on_event(const tw_ev_off_cpu& off);
  void on_event(const tw_ev_stack& stack);
  void on_event(const tw_ev_call_errors& errors) { ledger_.on_call_errors(errors); }
  void on_event(const tw_ev_conn_connect& connect) { ledger_.on_connect(connect); }
  void on_thread_exit(std::uint32_t tid) { ledger_.on_thread_exit(tid); }

  /// Requests get a budget: the records of what threads do come too.
  void want_budgets(bool wanted) { ledger_.enable(wanted); }
  /// Requests end when the peer has acknowledged them.
  void want_acks(bool wanted) { want_acks_ = wanted; }

  /// The records of stacks come too: keep those that for_each_stack() may be asked for.
  void want_stacks(bool wanted);
  using StackVisitor = std::function<void(const StackSample& sample, Part part, Ns ns)>;
  /// Where the threads that served the request were meanwhile: with the part of its time that it
  /// was, and for how long. While the listener is told of the request. False: some are forgotten.
  bool for_each_stack(const Request& request, const StackVisitor& visit);

  void on_tick(Ns now_ns);
  /// The run ends. What is still outstanding stays in flight.
  void finish();

  /// Asks parsers for the spans that a recording must not keep (secrets()).
  void want_secrets(bool wanted) { out_.want_secrets = wanted; }
  /// Of the payload of the data event that was handled last.
  [[nodiscard]] const std::vector<SecretSpan>& secrets() const { return out_.secrets; }

  /// What the routes of answered requests are by now.
  [[nodiscard]] const RouteNames& routes() const { return routes_; }

  [[nodiscard]] FlowLosses losses() const;
  [[nodiscard]] std::size_t size() const { return conns_.size(); }
  /// Ids of the Unix connections that have not ended.
  [[nodiscard]] std::vector<std::uint64_t> unix_connections() const;

 private:
  struct Entry {
    std::unique_ptr<Conn> conn;
    std::list<std::uint64_t>::iterator place;  // in by_use_
  };
  using Map = std::unordered_map<std::uint64_t, Entry>;

  Conn& add(ConnFacts facts, FirstSeen first_seen);
  [[nodiscard]] const ParserSpec* pinned(const ConnFacts& facts) const;
  Conn* find(std::uint64_t conn_id);
  Work* work_of(std::uint64_t conn_id);
  void make_room();
  void remember_closed(std::uint64_t conn_id);
  void end(const tw_ev_conn_close& close);
  void end_reset_before(Ns now_ns);
  void end_first_reset();
  void end_all_reset();
  void find_owners(std::uint32_t tid, Ns from);

  FlowConfig config_;
  FlowListener& listener_;
  FlowLosses losses_;
  PendingBudget budget_;
  RouteNames routes_;
  bool want_acks_ = false;
  Ledger ledger_;  // outlives the connections
  bool want_stacks_ = false;
  StackSamples stacks_;
  Datagrams datagrams_;
  Map conns_;
  std::list<std::uint64_t> by_use_;  // most recently used first
  // Connections that their peers reset a moment ago: what a thread was sending meanwhile is told
  // after the close, so they end a little later.
  std::deque<tw_ev_conn_close> reset_;
  // The last connections that ended, for what comes later still.
  std::unordered_set<std::uint64_t> closed_;
  std::deque<std::uint64_t> closed_order_;
  Conn* last_ = nullptr;  // events of one connection come in runs
  std::uint64_t last_id_ = 0;
  ParseOutput out_;
};

}  // namespace tailwhy
