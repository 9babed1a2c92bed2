// One exchange on a connection: what was asked, what came back, and its stamps. Plain values that
// flow/ fills and stats/ and sinks/ read; MEASUREMENT definitions are repeated at each field.
#pragma once

#include "base/clock.h"
#include "base/inline_text.h"
#include "model/budget.h"
#include "model/endpoint.h"
#include "model/protocol_family.h"
#include "model/stream.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace tailwhy {

// Which end of the connection the target is.
enum class Role : std::uint8_t { Unknown, Server, Client };

// How the end of the response was known.
enum class EndRule : std::uint8_t {
  None,               // no response, or not ended
  Framing,            // the protocol's own framing
  LastChunk,          // the last bytes of a body that was not captured whole end a chunked body
  Upgrade,            // the connection became a tunnel (101, CONNECT 2xx)
  DirectionReversal,  // the next request began
  Close,              // the connection ended
  Quiet,              // nothing followed for the quiet time, or until the end of the run
};
std::string_view to_string(EndRule rule);

// Why an exchange counts as failed. Statuses are told by `status` and `status_text`, not here.
enum class Failure : std::uint8_t {
  None,
  ServerError,  // the protocol calls the answer an error (HTTP 5xx, an error reply, an SQLSTATE)
  ClientAbort,  // the client closed before the response was complete
  ConnectionReset,  // a reset ended it
  NoResponse,       // the server closed without (a whole) response
  Timeout,          // TCP gave up
};
// Low-cardinality word for `error.type`: "client_abort", "connection_reset", "no_response",
// "timeout"; empty for None and ServerError (whose error.type is the status).
std::string_view to_string(Failure failure);

// The state of one exchange when it is handed on.
enum class Outcome : std::uint8_t {
  // Request and response were both seen (a failed response is matched too), or nothing is missing:
  // of a request that wants no answer and gets none there are no stamps of writing.
  Matched,
  Unmatched,         // it ended without a response
  InFlightAtAttach,  // its request had come before the attach: counted apart, not measured
};

// W3C trace context of the request, as received.
struct TraceContext {
  bool valid = false;
  std::uint8_t flags = 0;
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> parent_span_id{};
};

using Method = InlineText<32>;
using StatusText = InlineText<24>;
using Route = InlineText<160>;
using RequestId = InlineText<64>;

// Stamps in CLOCK_MONOTONIC ns; 0 = not observed.
struct Stamps {
  Ns established = 0;  // connection ready to be accepted; first request of a connection only
  Ns accepted = 0;     // taken from the accept queue; first request of a connection only
  Ns arrived = 0;      // first byte of the request readable
  Ns read_first = 0;   // the call that delivered the first byte of the request returned
  Ns read_last = 0;    // … the last byte
  Ns write_first = 0;  // the call that handed over the first byte of the response returned
  Ns write_last = 0;   // … the last byte
  Ns acked = 0;        // the peer acknowledged the last byte; only where that is asked for

  bool operator==(const Stamps&) const = default;
};
// For role Client the request's side is the writing one: read_first/read_last are then the calls
// that sent the request's first and last byte, write_first/write_last those that read the first and
// last byte of the response, and `arrived` is when the response's first byte became readable.

// By what a route was made.
enum class RouteSource : std::uint8_t {
  None,        // it is no path
  Classified,  // fixed rules for each segment (proto/route.h)
  Learned,     // and a place that turned out to have too many names (model/route_tree.h)
  Pattern,     // the user gave it
};
// "classified", "learned", "pattern"; empty for None.
std::string_view to_string(RouteSource source);

// Of an exchange in which both sides send messages until one of them ends it (a web socket).
struct MessageCounts {
  bool known = false;          // it is one
  std::uint64_t requests = 0;  // whole messages of the client, without those that only keep it open
  std::uint64_t request_bytes = 0;  // their payload as it was sent, compressed or not
  std::uint64_t responses = 0;      // the same of the server
  std::uint64_t response_bytes = 0;
  std::uint16_t close_code = 0;  // of who ended it first (RFC 6455, 7.4); 0: nobody said

  bool operator==(const MessageCounts&) const = default;
};

struct Request {
  std::uint64_t conn_id = 0;
  std::uint64_t number = 0;  // on its connection, from 1
  // Role Client: the request that it was made for, by connection and number; 0: nobody knows.
  std::uint64_t parent_conn_id = 0;
  std::uint64_t parent_number = 0;
  Role role = Role::Unknown;
  Outcome outcome = Outcome::Matched;
  EndRule end_rule = EndRule::None;
  Failure failure = Failure::None;
  std::uint32_t pid = 0;  // process and thread of the first read (Client: first write)
  std::uint32_t tid = 0;
  const Endpoint* peer = nullptr;   // never null; lives as long as the callback
  const Endpoint* local = nullptr;  // never null
  // That a TLS client asked for; empty: not known. As long as the callback.
  std::string_view server_name;

  std::string_view protocol;                        // "http", "redis", "unknown"; static text
  std::string_view protocol_version;                // "1.1"; static text, may be empty
  ProtocolFamily family = ProtocolFamily::Unknown;  // says what the next four are
  Method method;  // the operation: a method or a command; empty: unknown or none
  Route route;    // the target, of low cardinality and without a literal; empty: unknown
  RouteSource route_source = RouteSource::None;
  std::uint16_t status = 0;  // of protocols that have numbers; 0: unknown or none
  StatusText status_text;    // of the others: a word of theirs ([A-Za-z0-9_.-]); empty: unknown
  TraceContext trace;
  RequestId request_id;  // x-request-id, charset-filtered; empty: none

  Stamps at;
  std::uint64_t request_bytes = 0;   // on the wire, head and body
  std::uint64_t response_bytes = 0;  // on the wire, interim responses included
  std::uint32_t pipeline_depth =
      1;  // requests outstanding on the connection when it began, itself included
  bool accept_exact = false;  // at.accepted is the accept call, not the first use
  bool incomplete = false;    // bytes were lost or not parsed: fields may be unknown
  bool status_known = false;
  bool client_error = false;  // the protocol says that the client asked for something wrong
  // The client asked to wait for something that may happen at any time (a subscription, a tunnel,
  // a stream that it keeps open): its duration says nothing of how fast the server is.
  bool open_ended = false;
  MessageCounts messages;

  // Of a stream of events, or of a language model's answer; null: neither. As long as the callback.
  const StreamFacts* stream = nullptr;

  Budget budget;  // adds up to duration()
  // The system call in which it slept longest, of the part Other; 0xffff: none.
  std::uint16_t other_call = 0xffff;
  // Calls that the process made for it, until its response was complete.
  std::uint32_t downstream_calls = 0;
  const Endpoint* downstream_peer = nullptr;  // of the longest; null: none. As long as the callback
  std::string_view downstream_protocol;       // of the longest; static text
  // System calls of its thread that failed between its first read and last write; the expected ones
  // are not counted. The last of them: number and errno.
  std::uint32_t failed_calls = 0;
  std::uint16_t failed_call = 0xffff;
  std::uint16_t failed_error = 0;
  std::uint32_t retransmits = 0;   // segments of its connection sent again meanwhile
  std::uint32_t zero_windows = 0;  // times that its client closed its window meanwhile

  // Durations in ns. `x_known` says whether the two stamps were observed (and in order).
  [[nodiscard]] bool queue_known() const {
    return role != Role::Client && at.arrived != 0 && at.read_first >= at.arrived;
  }
  [[nodiscard]] Ns queue() const { return queue_known() ? at.read_first - at.arrived : 0; }
  [[nodiscard]] Ns start() const { return queue_known() ? at.arrived : at.read_first; }
  [[nodiscard]] Ns receive() const { return minus(at.read_last, at.read_first); }
  [[nodiscard]] Ns service() const { return minus(at.write_first, at.read_last); }
  [[nodiscard]] Ns send() const { return minus(at.write_last, at.write_first); }
  [[nodiscard]] bool drain_known() const { return at.acked != 0; }
  [[nodiscard]] Ns drain() const { return minus(at.acked, at.write_last); }
  [[nodiscard]] Ns ttfb() const { return minus(at.write_first, start()); }
  [[nodiscard]] Ns duration() const { return minus(at.write_last, start()); }
  [[nodiscard]] bool accept_queue_known() const {
    return at.established != 0 && at.accepted >= at.established;
  }
  [[nodiscard]] Ns accept_queue() const {
    return accept_queue_known() ? at.accepted - at.established : 0;
  }
  [[nodiscard]] bool failed() const { return failure != Failure::None; }

 private:
  // An early response (write before the last read) gives 0, not a huge number.
  static Ns minus(Ns later, Ns earlier) {
    return later > earlier && earlier != 0 ? later - earlier : 0;
  }
};

// Of a request whose answer is a stream. From its begin to its first event; 0: not known.
[[nodiscard]] Ns time_to_first_event(const Request& request);
// gen_ai.server.time_to_first_token: the same, of a language model's answer that was not an error
// and said how many tokens it has; 0: there is none.
[[nodiscard]] Ns time_to_first_token(const Request& request);
// gen_ai.server.time_per_output_token: (duration - time to first token) / (output tokens - 1), of
// the same, with two tokens or more; 0: there is none.
[[nodiscard]] Ns time_per_output_token(const Request& request);

}  // namespace tailwhy
