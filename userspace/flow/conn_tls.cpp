// A connection whose TLS library tells the plaintext. The parser and the exchanges have the
// plaintext's streams; the socket's calls give the times.
#include "flow/conn.h"

#include <utility>

namespace tailwhy {

// The first call that a TLS library makes on it, or the first at which that can begin to matter:
// where an exchange of unknown bytes goes on, it is with the next turn of requests.
void Conn::begin_tls(const DataView& data, ParseOutput& out) {
  if (tls_ended_ || mode_ == Mode::Ignored) return;
  const Side side = side_of(static_cast<tw_dir>(data->dir));
  if (!untouched_ || mode_ != Mode::Undecided) {
    if (protocol_ != nullptr || side == Side::Response || (turn_known_ && turn_ == side)) return;
    on_turn(Side::Request, stream(Side::Request).next(), {}, out);
    if (assembler_.pending() > 0 || protocol_ != nullptr) return;
  }
  const bool asks = facts_.role == Role::Client;
  Stream& in = stream(asks ? Side::Response : Side::Request);
  Stream& sent = stream(asks ? Side::Request : Side::Response);
  tls_ = std::make_unique<TlsWire>(facts_.role, in, sent);
  in = sent = Stream();
  parser_.reset();
  mode_ = Mode::Undecided;
  mistakes_ = 0;
  turn_known_ = false;
}

void Conn::take_wire(const DataView& data, ParseOutput& out) {
  out.clear();
  if (!tls_->on_call(data, work_.account, out)) {
    ++losses_.stream_gaps;
    assembler_.mark_incomplete();
  }
  if (data->accepted_ns != 0 && facts_.accepted == 0) {
    facts_.accepted = data->accepted_ns;
    facts_.accept_exact = (data->flags & TW_DATA_ACCEPT_SEEN) != 0;
  }
  if (const std::string_view name = tls_->server_name(); !name.empty()) facts_.server_name = name;
  if (tls_->silent()) end_tls();
}

// Its plaintext is not told after all: what comes is bytes that nobody can read.
void Conn::end_tls() {
  tls_ended_ = true;
  assembler_.mark_incomplete();
  assembler_.close(Failure::None, stream(Side::Request), stream(Side::Response));
  for (const tw_dir dir : {TW_DIR_IN, TW_DIR_OUT}) {
    stream(side_of(dir)) = Stream();
    stream(side_of(dir)).set_next(tls_->next(dir));
  }
  tls_.reset();
  use_unknown();
}

}  // namespace tailwhy
