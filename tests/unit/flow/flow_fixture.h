// A connection table that is fed by an EventBuilder and remembers what it told its listener.
#pragma once

#include "flow/conn_table.h"
#include "support/event_builder.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace tailwhy::test {

class Flow : public EventHandler, public FlowListener {
 public:
  explicit Flow(FlowConfig config = {}) : table(std::move(config), *this) {}

  /// Feeds what the builder holds and empties it.
  void feed(EventBuilder& builder) {
    builder.feed(*this);
    builder = {};
  }

  void on_event(const EventView& event) override {
    std::visit(
        [this]<class Event>(const Event& e) {
          if constexpr (std::is_same_v<Event, DataView> || std::is_same_v<Event, DatagramView>) {
            table.on_event(e);
          } else if constexpr (requires { table.on_event(*e); }) {
            table.on_event(*e);
          } else if constexpr (std::is_same_v<Event, const tw_ev_task_exit*>) {
            table.on_thread_exit(e->tid);
          }
        },
        event);
  }
  void on_tick(Ns now_ns) override { table.on_tick(now_ns); }

  void on_request_begin(Role /*role*/) override { ++seen; }
  void on_request(const Request& request) override {
    requests.push_back(request);
    requests.back().peer = nullptr;  // lives only as long as the call
    requests.back().local = nullptr;
    requests.back().downstream_peer = nullptr;
    requests.back().stream = nullptr;
    streams.push_back(request.stream == nullptr ? StreamFacts{} : *request.stream);
    downstream.push_back(request.downstream_peer == nullptr ? ""
                                                            : to_string(*request.downstream_peer));
    switch (request.outcome) {
      case Outcome::Matched:
        ++matched;
        break;
      case Outcome::Unmatched:
        ++unmatched;
        break;
      case Outcome::InFlightAtAttach:
        ++in_flight_at_attach;
        break;
    }
  }
  void on_conn_start(ConnStart start) override { starts.push_back(start); }
  void on_conn_end(const ConnEnd& end) override { ends.push_back(end); }
  void on_retransmit() override { ++retransmits; }
  void on_socket_error(int error) override { errors.push_back(error); }
  void on_bytes(std::uint64_t in, std::uint64_t out) override {
    in_bytes += in;
    out_bytes += out;
  }

  /// Requests that have begun and not ended, as the identity of the counts has it.
  [[nodiscard]] std::uint64_t in_flight() const { return seen - matched - unmatched; }

  std::vector<Request> requests;
  std::vector<std::string> downstream;  // peer of the longest call that each request waited for
  std::vector<StreamFacts> streams;     // of each request; of no kind: it has none
  std::vector<ConnStart> starts;
  std::vector<ConnEnd> ends;
  std::vector<int> errors;
  std::uint64_t seen = 0;
  std::uint64_t matched = 0;
  std::uint64_t unmatched = 0;
  std::uint64_t in_flight_at_attach = 0;
  std::uint64_t retransmits = 0;
  std::uint64_t in_bytes = 0;
  std::uint64_t out_bytes = 0;
  ConnTable table;
};

inline constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace tailwhy::test
