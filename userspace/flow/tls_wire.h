// The wire of a connection whose plaintext is told by its TLS library: which of the socket's calls
// moved the bytes that a piece of plaintext was in. Plaintext has offsets of its own; times are
// always those of the wire. Knows no exchanges.
#pragma once

#include "tailwhy/abi/events.h"

#include "events/event_view.h"
#include "flow/stream.h"
#include "flow/tls_records.h"
#include "proto/parser.h"
#include "proto/tls_hello.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace tailwhy {

class TlsWire {
 public:
  /// So many times the peers may change turns before there is plaintext: handshakes need six.
  static constexpr unsigned kMostTurns = 16;

  TlsWire(Role role, const Stream& in, const Stream& out);

  /// A call on the socket. Gives false if bytes before it were not seen. Sets out.secrets.
  bool on_call(const DataView& data, const Account& account, ParseOutput& out);
  void on_arrival(std::uint64_t offset, Ns at_ns) {
    dir(TW_DIR_IN).stream.add_arrival(offset, at_ns);
  }

  /// The calls that moved the first and the last of some bytes.
  struct Carried {
    Call first;
    Call last;
    Ns arrived = 0;  ///< of the first; 0: not known
  };
  /// The library gave or took `size` bytes of plaintext, in the call that has just returned. Valid
  /// until the next.
  const Carried& carry(tw_dir direction, std::uint64_t size);
  /// The ciphertext of what the library has just taken was not sent yet.
  [[nodiscard]] bool sent_later(const DataView& data) const {
    const Direction& out = dirs_[TW_DIR_OUT];
    if (data->dir != TW_DIR_OUT) return false;
    if ((data->flags & TW_DATA_TLS) == 0 || out.carried >= out.stream.next()) return true;
    // Apache's filters keep what OpenSSL made: nothing was sent since something was read.
    const Direction& in = dirs_[TW_DIR_IN];
    return in.stream.next() > 0 && out.stream.current().at_ns < in.stream.current().at_ns;
  }
  /// Plaintext was not seen: what comes next is of the newest calls.
  void lose_place();

  /// Offset of a piece of plaintext in its stream, whose next byte is `next`. The kernel side
  /// counts from 0 again if it had forgotten the connection.
  std::uint64_t offset_of(const DataView& data, Stream& stream);

  /// The last call of a direction.
  [[nodiscard]] const Call& newest(tw_dir direction) const {
    return dirs_[static_cast<std::size_t>(direction)].stream.current();
  }
  /// The call that sent the byte of the wire.
  [[nodiscard]] const Call& sent_by(std::uint64_t offset) const {
    return dirs_[TW_DIR_OUT].stream.call_of(offset);
  }
  /// Plaintext was on the wire up to there.
  void set_carried(std::uint64_t offset) {
    dirs_[TW_DIR_OUT].carried = offset;
    dirs_[TW_DIR_OUT].told = true;
    turns_ = 0;
  }
  [[nodiscard]] std::uint64_t next(tw_dir direction) const {
    return dirs_[static_cast<std::size_t>(direction)].stream.next();
  }
  [[nodiscard]] std::string_view server_name() const {
    return hello_.over() ? hello_.server_name() : std::string_view();
  }
  /// The peers have changed turns so often that plaintext should have come, and none came.
  [[nodiscard]] bool silent() const { return turns_ > kMostTurns; }

 private:
  struct Direction {
    Stream stream;
    std::uint64_t turn_begin = 0;
    std::uint64_t carried = 0;  // up to there it is known what was plaintext
    bool told = false;          // some plaintext
    std::uint64_t base = 0;     // of the plaintext's offsets
  };
  Direction& dir(tw_dir direction) { return dirs_[static_cast<std::size_t>(direction)]; }

  Carried carried_;
  std::array<Direction, 2> dirs_;  // by tw_dir
  tw_dir asks_;                    // the direction of requests
  int turn_ = -1;
  unsigned turns_ = 0;
  TlsRecords records_;  // of what is received
  TlsHello hello_;
};

}  // namespace tailwhy
