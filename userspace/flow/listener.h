// Where the flow layer sends what it found out: finished exchanges and what happened to
// connections. Called on the reader thread, in the order of events; must not block.
#pragma once

#include "model/request.h"

#include <cstdint>

namespace tailwhy {

/// How a connection ended.
struct ConnEnd {
  bool reset_by_peer = false;
  bool reset_by_target = false;
  bool timed_out = false;
};

/// How a connection began.
enum class ConnStart : std::uint8_t {
  Established,    ///< while traced
  Existing,       ///< open before the attach
  Refused,        ///< an outgoing connection that the other side refused
  ConnectFailed,  ///< an outgoing connection that failed otherwise
};

class FlowListener {
 public:
  virtual ~FlowListener() = default;
  /// The first byte of a request was seen.
  virtual void on_request_begin(Role role) = 0;
  /// An exchange has ended; everything in it lives as long as the call.
  virtual void on_request(const Request& request) = 0;
  virtual void on_conn_start(ConnStart start) = 0;
  virtual void on_conn_end(const ConnEnd& end) = 0;
  virtual void on_retransmit() = 0;
  virtual void on_socket_error(int error) = 0;
  /// Bytes that a traced socket moved.
  virtual void on_bytes(std::uint64_t in_bytes, std::uint64_t out_bytes) = 0;
};

/// What the flow layer itself could not follow. Every row ends in the losses of a report.
struct FlowLosses {
  std::uint64_t stream_gaps = 0;          ///< places where a stream's bytes were not seen at all
  std::uint64_t connections_evicted = 0;  ///< forgotten because too many were open
  std::uint64_t pending_full = 0;         ///< requests not followed: too many outstanding
  std::uint64_t unannounced = 0;          ///< connections whose opening record was lost
  std::uint64_t unsolicited = 0;          ///< responses that no request explains
  std::uint64_t streams_full = 0;         ///< streams without times: too many at once
  std::uint64_t ledger_full = 0;  ///< threads, and connects under way, that were too many to follow
  /// Bytes of connections whose protocol is known, of places where its parser was lost, and all
  /// bytes that are told of a connection after its end.
  std::uint64_t bytes_not_parsed = 0;
};

}  // namespace tailwhy
