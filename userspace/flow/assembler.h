// Pairs the messages of one connection: opens an exchange for each request, gives it the response
// that answers it, stamps both ends, and hands the finished exchange on. Knows no protocol and no
// event; stamps come from the two Streams.
#pragma once

#include "flow/exchange.h"
#include "flow/ledger.h"
#include "flow/listener.h"
#include "flow/outstanding.h"
#include "flow/stream.h"
#include "model/route_tree.h"
#include "proto/parser.h"

#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tailwhy {

/// What exchanges of one connection have in common.
inline constexpr std::string_view kUnknownProtocol = "unknown";

struct ConnFacts {
  std::uint64_t conn_id = 0;
  Role role = Role::Unknown;
  Endpoint local;
  Endpoint peer;
  Ns established = 0;
  Ns accepted = 0;
  bool accept_exact = false;
  bool existing = false;    ///< open before the attach
  std::string server_name;  ///< that a TLS client asked for; empty: not known
};

/// Limits and counters that all connections share.
struct PendingBudget {
  std::size_t used = 0;
  std::size_t limit = 65536;
  std::size_t streams = 0;  ///< of them, those that have a StreamRecord
  std::size_t most_streams = 8192;
};

/// An answer that comes as a stream of events, or is a language model's, until it has ended.
struct StreamRecord {
  StreamFacts facts;
  bool gap = false;  ///< bytes were not seen since the last event
};

/// The routes of what the target serves, and of what it calls.
struct RouteNames {
  RouteTree served;
  RouteTree called;
};

class Assembler {
 public:
  Assembler(const ConnFacts& facts,
            FlowListener& listener,
            FlowLosses& losses,
            PendingBudget& budget,
            Ledger& ledger,
            RouteNames& routes,
            Work& work)
      : facts_(facts),
        listener_(listener),
        losses_(losses),
        budget_(budget),
        ledger_(ledger),
        routes_(routes),
        work_(work) {}
  ~Assembler() {
    budget_.used -= outstanding_.size();
    budget_.streams -= streams_.size();
  }
  Assembler(const Assembler&) = delete;
  Assembler& operator=(const Assembler&) = delete;

  void set_protocol(std::string_view name, ProtocolFamily family) {
    protocol_ = name;
    family_ = family;
  }

  /// Takes what a parser found. False: too many requests are outstanding here or everywhere; the
  /// exchanges were given up and the connection must not be followed any longer.
  bool apply(const ParseOutput& out, const Stream& requests, const Stream& responses);

  /// The protocol became known by the answer: it is that of the requests too, whose methods nobody
  /// could read.
  void adopt_protocol(const Stream& requests);
  /// The protocol was another one after all: of what is outstanding nothing is known but its bytes
  /// and times, and only the oldest of it can still be answered.
  void disown_protocol();
  /// The next request begins to come, but the parser lost the end of the responses before it: what
  /// is outstanding ends here.
  void requests_turn(const Stream& requests, const Stream& responses);
  /// Response bytes came on a connection that was open before the attach, before any request.
  void answered_before_attach(const Stream& responses);
  /// A part of the stream was not seen: whatever is outstanding is incomplete.
  void mark_incomplete();
  /// Nothing followed for the quiet time: ends what only direction reversal could end.
  void quiet(const Stream& responses);
  /// Gives up what may have been answered unseen, long ago.
  void forget_doubtful(Ns now);
  [[nodiscard]] bool has_doubtful() const { return doubtful_; }
  /// The run ends: what waits only for the peer is handed on.
  void finish();
  /// The connection ended: nothing more will come.
  void close(Failure failure, const Stream& requests, const Stream& responses);

  /// From now on answered requests wait until the peer has their last byte.
  void want_acks() { want_acks_ = true; }
  /// The peer has everything before `offset`.
  void on_ack(std::uint64_t offset, Ns at);

  [[nodiscard]] std::size_t pending() const { return outstanding_.size(); }
  /// The youngest request has not been received whole; one has not been answered whole.
  [[nodiscard]] bool receiving() const {
    return outstanding_.youngest() != nullptr && !outstanding_.youngest()->request_ended;
  }
  [[nodiscard]] bool answering() const {
    const auto ordered = outstanding_.ordered();
    return ordered.empty() ? answering_streams_ > 0 : ordered.front().response_begun;
  }

 private:
  bool begin_request(const Message& message, const Stream& requests, const Stream& responses);
  [[nodiscard]] std::array<Ns, kQueuedWhile> queued_while(const Call& call, Ns arrived) const;
  static void take_head(Request& request, const RequestHead& head);
  static void take_head(Request& request, const ResponseHead& head);
  void on_lost(Side side, Ns at);
  void on_stream(const Message& message, const ParseOutput& out, const Stream& responses);
  StreamRecord* record_of(Exchange& exchange);
  void finish_stream(Exchange& exchange);
  void forget_stream(Exchange& exchange);
  Exchange* answering(std::uint64_t stream_id);
  void begin_unasked(const Message& message, const Stream& responses);
  Exchange* asking(std::uint64_t stream_id);
  void begin_response(Exchange& exchange, std::uint64_t offset, const Stream& responses);
  void end_response(Exchange& exchange,
                    std::uint64_t offset,
                    EndRule rule,
                    const Stream& responses);
  void end_request(Exchange& exchange, std::uint64_t offset, const Stream& requests);
  void emit_ended();
  void emit_if_ended(Exchange& exchange);
  void account_for(Exchange& exchange);
  void emit_matched(Exchange& exchange);
  void emit_unacked(std::size_t most);
  void remove_stream(Exchange& exchange);
  void give_up(Exchange& exchange, const Message& message, const Stream& responses);
  void move_to_stream(std::uint64_t stream_id);
  static void carry_messages(Exchange& exchange);
  static void advance(Exchange& exchange, const Message& message);
  void name_route(Request& request);
  void emit(Exchange& exchange, Outcome outcome, Failure failure);

  const ConnFacts& facts_;
  FlowListener& listener_;
  FlowLosses& losses_;
  PendingBudget& budget_;
  Ledger& ledger_;
  RouteNames& routes_;
  Work& work_;
  std::string_view protocol_ = kUnknownProtocol;
  ProtocolFamily family_ = ProtocolFamily::Unknown;
  Outstanding outstanding_;
  std::size_t answering_streams_ = 0;  // those whose responses have begun
  // Answered, and what its downstream_peer refers to. With want_acks_ only.
  struct Unacked {
    Exchange exchange;
    Endpoint downstream;
  };
  std::list<Unacked> unacked_;
  bool want_acks_ = false;
  std::unordered_map<std::uint64_t, StreamRecord> streams_;  // by the number of their request
  std::uint64_t number_ = 0;
  std::uint64_t first_stream_ = 0;   // that was asked for; 0: none yet
  bool told_before_attach_ = false;  // an answer was, and not which
  std::uint64_t responses_end_ = 0;  // stream offset after the last response that ended
  bool response_lost_ = false;
  bool doubtful_ = false;      // some stream is
  bool out_of_order_ = false;  // one wants no answer, and an older one does
};

}  // namespace tailwhy
