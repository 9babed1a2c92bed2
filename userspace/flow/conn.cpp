#include "flow/conn.h"

#include "proto/turn_parser.h"

#include <algorithm>
#include <utility>

namespace tailwhy {

namespace {

// After this long without a byte, an answer that only the next question could end has ended.
constexpr Ns kQuietNs = kNsPerSec;

}  // namespace

Conn::Conn(ConnFacts facts,
           FirstSeen first_seen,
           const ParserSpec* pinned,
           FlowListener& listener,
           FlowLosses& losses,
           PendingBudget& budget,
           Ledger& ledger,
           RouteNames& routes)
    : facts_(std::move(facts)),
      losses_(losses),
      ledger_(ledger),
      work_{.conn_id = facts_.conn_id, .role = facts_.role},
      assembler_(facts_, listener, losses, budget, ledger, routes, work_),
      pinned_(pinned),
      first_seen_(first_seen) {
  facts_.existing = first_seen != FirstSeen::Opening;
  ledger_.on_conn_begin(work_);
  // A socketpair: the target talks to itself, and neither end is a client.
  if (facts_.role == Role::Unknown && facts_.peer.family == Family::Unix) mode_ = Mode::Ignored;
}

Side Conn::side_of(tw_dir dir) const {
  const bool asks = (facts_.role == Role::Client) == (dir == TW_DIR_OUT);
  return asks ? Side::Request : Side::Response;
}

std::uint64_t Conn::bytes(tw_dir dir) const {
  return streams_[static_cast<std::size_t>(side_of(dir))].next();
}

void Conn::ignore() {
  mode_ = Mode::Ignored;
  parser_.reset();
}

// What comes is not parsed any more, though its protocol is known.
void Conn::give_up() {
  if (protocol_ != nullptr) {
    for (const Side side : {Side::Request, Side::Response})
      lose_place(side, stream(side).next());
  }
  ignore();
}

void Conn::lose_place(Side side, std::uint64_t offset) {
  auto& from = lost_from_[static_cast<std::size_t>(side)];
  if (!from) from = offset;
}

// The parser knows again what the byte at `offset` is, if only that it is lost after all.
void Conn::find_place(Side side, std::uint64_t offset) {
  auto& from = lost_from_[static_cast<std::size_t>(side)];
  if (from && offset > *from) losses_.bytes_not_parsed += offset - *from;
  from.reset();
}

void Conn::apply(ParseOutput& out) {
  if (out.messages.empty()) return;
  if (holding_ && hold_back(out)) return;
  const bool followed = assembler_.apply(out, stream(Side::Request), stream(Side::Response));
  bool tunnel = false;
  bool mistaken = false;
  const Message* next = nullptr;
  for (const Message& message : out.messages) {
    switch (message.kind) {
      case Message::Kind::Lost:
        lose_place(message.side, message.offset);
        break;
      case Message::Kind::RequestHead:
        if (!message.request.server_name.empty()) facts_.server_name = message.request.server_name;
        break;
      case Message::Kind::RequestBegin:
      case Message::Kind::ResponseBegin:
      case Message::Kind::Progress:
        find_place(message.side, message.offset);
        break;
      case Message::Kind::Tunnel:
        tunnel = true;
        break;
      case Message::Kind::Mistaken:
        mistaken = true;
        break;
      case Message::Kind::Switch:
        next = &message;
        break;
      default:
        break;
    }
  }
  if (!followed) assembler_.close(Failure::None, stream(Side::Request), stream(Side::Response));
  if (tunnel) {
    ignore();
  } else if (!followed) {
    give_up();
  } else if (mistaken) {
    admit_mistake();
    fed_again_from_ = 0;
  } else if (next != nullptr) {
    if (next->next != nullptr) {
      use(next->next, true);
    } else {
      mistakes_ = kMostMistakes;
      use_unknown();
    }
    fed_again_from_ = next->offset;
  }
  out.clear_messages();
}

// Bytes that were captured. Where they show that another parser is in charge, the rest is its own.
void Conn::feed(Side side,
                std::uint64_t offset,
                std::span<const std::byte> bytes,
                ParseOutput& out) {
  fed_again_from_.reset();
  parser_->feed(side, offset, bytes, out);
  apply(out);
  if (!fed_again_from_ || parser_ == nullptr) return;
  const std::uint64_t from = std::max(*fed_again_from_, offset);
  fed_again_from_.reset();
  if (from >= offset + bytes.size()) return;
  const std::size_t first = from - offset;
  const std::size_t before = out.secrets.size();
  parser_->feed(side, from, bytes.subspan(first), out);
  for (std::size_t i = std::min(before, out.secrets.size()); i < out.secrets.size(); ++i)
    out.secrets[i].offset += first;
  apply(out);
}

// The other side begins to speak.
void Conn::on_turn(Side side,
                   std::uint64_t offset,
                   std::span<const std::byte> bytes,
                   ParseOutput& out) {
  turn_known_ = true;
  turn_ = side;
  if (side == Side::Response) {
    release_held(out);
    learn_from_greeting(bytes);
    learn_from_answer(bytes);
  } else {
    // A connection that was taken for unknown may turn out to be known: its first bytes may have
    // been unreadable, or in the middle of something.
    if (mode_ == Mode::Parsed && protocol_ == nullptr && !bytes.empty()) decide(offset, bytes, out);
    assembler_.requests_turn(stream(Side::Request), stream(Side::Response));
  }
  if (parser_ != nullptr) {
    parser_->turn(side, offset, out);
    apply(out);
  }
  stream(side).begin_turn();
}

// What a call says beyond its payload: its stamps, whether bytes before it were missed, whose turn
// it is. False: its bytes were seen before, which two threads reading at once can make it look
// like.
bool Conn::begin_call(Side side, std::uint64_t begin, const DataView& data, ParseOutput& out) {
  Stream& s = stream(side);
  const TlsWire::Carried* carried = nullptr;  // by the wire; else this call moved the bytes itself
  bool later = false;                         // by a call that is still to come
  if (tls_ != nullptr) {
    if (begin != s.next()) tls_->lose_place();
    later = tls_->sent_later(data);
    if (!later) carried = &tls_->carry(static_cast<tw_dir>(data->dir), data->len_bytes);
    holding_ = holding_ || later;
  }
  const auto add_call = [&](std::uint64_t from, std::uint64_t to) {
    Call& call = s.add_call();
    if (later) {
      call = tls_->newest(TW_DIR_OUT);
    } else if (carried != nullptr) {
      call = carried->last;
    } else {
      call.at_ns = data->hdr.ts_ns;
      call.pid = data->pid;
      call.tid = data->tid;
      call.account = work_.account;
    }
    call.begin = from;
    call.end = to;
  };
  if (begin != s.next()) {
    ++losses_.stream_gaps;
    assembler_.mark_incomplete();
    if (begin < s.next()) return false;
    if (parser_ != nullptr) {
      add_call(s.next(), begin);
      parser_->skip(side, s.next(), begin - s.next(), {}, out);
      apply(out);
      assembler_.mark_incomplete();
    }
    s.set_next(begin);
  }
  if (data->accepted_ns != 0 && facts_.accepted == 0) {
    facts_.accepted = data->accepted_ns;
    facts_.accept_exact = (data->flags & TW_DATA_ACCEPT_SEEN) != 0;
  }
  if (data->dir == TW_DIR_IN)
    s.add_arrival(begin, carried != nullptr ? carried->arrived : data->arrived_ns);
  if (mode_ != Mode::Ignored && (!turn_known_ || turn_ != side)) {
    on_turn(side, begin, data.payload, out);
  }
  const std::uint64_t end = begin - data->piece_off_bytes + data->len_bytes;
  if (later) {
    hold(begin, end);
    untouched_ = false;
    return true;
  }
  if (carried != nullptr) {
    Call& first = s.add_call();
    first = carried->first;
    first.begin = begin;
    first.end = begin + 1;
  }
  const std::uint64_t rest = carried != nullptr ? begin + 1 : begin;
  if (rest == begin || end > rest) add_call(rest, end);
  // An answer to what was asked before the attach: one exchange, however many calls it takes.
  if (untouched_ && first_seen_ != FirstSeen::Opening && mode_ != Mode::Ignored &&
      side == Side::Response) {
    assembler_.answered_before_attach(s);
  }
  untouched_ = false;
  return true;
}

void Conn::on_data(const DataView& data, ParseOutput& out) {
  const bool out_dir = data->dir == TW_DIR_OUT;
  const bool first_piece = (data->flags & TW_DATA_CONT) == 0;
  const bool plain = (data->flags & TW_DATA_PLAIN) != 0;
  if (plain && tls_ == nullptr) {  // its beginning was not seen, or its wire is another's
    out.clear();
    return out.hide_all(data.payload.size());
  }
  if (!plain && tls_ == nullptr && (data->flags & TW_DATA_TLS) != 0) begin_tls(data, out);
  const bool wire = tls_ != nullptr && !plain;
  if (mode_ == Mode::Ignored && facts_.role == Role::Unknown) {  // between threads: work goes on
    take(data, out);
    return;
  }
  // Where nobody knows the protocol, an answer is over when the next question comes.
  const bool unknown = protocol_ == nullptr;
  const bool asks = facts_.role == Role::Client;
  const bool next = assembler_.pending() == 0 || (unknown && assembler_.answering());
  const bool begins = first_piece && out_dir == asks && next;
  if (first_piece && !plain) ledger_.on_call(work_, data->tid, data->hdr.ts_ns, begins);
  holding_ = plain && out_dir && !first_piece && later_ != nullptr && !later_->unsent.empty();
  wire ? take_wire(data, out) : take(data, out);
  holding_ = false;
  if (unknown && !asks && begins && !wire) Ledger::on_next_request(work_);
  const bool unknown_reply = unknown && asks && !out_dir && !wire && assembler_.answering();
  if (unknown_reply) {
    ledger_.on_answered(work_, facts_.peer, kUnknownProtocol, data->hdr.ts_ns);
  }
  const bool more = (data->flags & TW_DATA_MORE) != 0;
  const bool asked = wire && tls_ != nullptr && out_dir == asks;  // the plaintext will tell
  const bool outstanding = assembler_.pending() > 0 || held_ != nullptr || asked;
  const bool unknown_answer =
      protocol_ == nullptr && out_dir && !asks && !wire && assembler_.answering();
  ledger_.after_call(work_, data->tid, outstanding || more,
                     (unknown_answer || unknown_reply) && !more);
  work_.receiving = assembler_.receiving() || held_ != nullptr || (asked && !asks);
  if (out_dir) {
    work_.sending = assembler_.answering() && (data->flags & TW_DATA_NO_SPACE) != 0;
  }
}

void Conn::take(const DataView& data, ParseOutput& out) {
  out.clear();
  const Side side = side_of(static_cast<tw_dir>(data->dir));
  Stream& s = stream(side);
  const std::uint64_t at = tls_ != nullptr ? tls_->offset_of(data, s) : data.payload_offset();
  if (protocol_ == nullptr && data->dir == TW_DIR_IN) tell_all(out);
  if (cut_by_attach(side, data.payload)) {
    out.hide_all(data.payload.size());
    s.set_next(at + data.payload.size() + data.missing_bytes());
    return;
  }
  const bool continues = (data->flags & TW_DATA_CONT) != 0 && at == s.next();
  if (!continues && !begin_call(side, at, data, out)) return out.hide_all(data.payload.size());

  if (mode_ == Mode::Undecided && side == Side::Request) first_request_bytes(at, data.payload, out);
  const std::uint32_t missing = data.missing_bytes();
  out.secrets.clear();  // whatever came before spoke of other bytes than this payload
  if (mode_ == Mode::Parsed && !data.payload.empty()) {
    feed(side, at, data.payload, out);
  }
  if (mode_ == Mode::Parsed && missing > 0) {
    const std::size_t of_payload = out.secrets.size();
    parser_->skip(side, at + data.payload.size(), missing, data.tail(), out);
    apply(out);
    out.secrets.resize(of_payload);  // spans of the tail are not spans of the payload
  }
  if (mode_ != Mode::Parsed && held_ == nullptr) out.hide_all(data.payload.size());
  s.set_next(at + data.payload.size() + missing);
  if (lost_from_[static_cast<std::size_t>(side)]) {
    find_place(side, s.next());
    lose_place(side, s.next());
  }
}

void Conn::on_arrival(std::uint64_t offset, Ns at_ns) {
  if (tls_ != nullptr) return tls_->on_arrival(offset, at_ns);
  stream(side_of(TW_DIR_IN)).add_arrival(offset, at_ns);
}

void Conn::on_ack(const tw_ev_ack& ack) {
  if ((ack.flags & TW_ACK_NO_WINDOW) != 0) ++work_.account.zero_windows;
  if ((ack.flags & TW_ACK_ALL) != 0) assembler_.on_ack(ack.offset_bytes, ack.hdr.ts_ns);
}

void Conn::on_shut(tw_dir dir, ParseOutput& out) {
  out.clear();
  if (!peer_shut_first_ && !target_shut_first_) {
    (dir == TW_DIR_IN ? peer_shut_first_ : target_shut_first_) = true;
  }
  // The peer's FIN may have overtaken what the target has not read yet: only the close ends that
  // side.
  if (dir == TW_DIR_IN) return;
  release_held(out);
  if (parser_ == nullptr) return;
  const Side side = side_of(dir);
  parser_->finish(side, stream(side).next(), out);
  apply(out);
}

Failure Conn::close_failure(const tw_ev_conn_close& close) const {
  if ((close.flags & TW_CLOSE_TIMEOUT) != 0) return Failure::Timeout;
  if ((close.flags & TW_CLOSE_RST_IN) != 0) return Failure::ConnectionReset;
  const bool nobody_closed = !peer_shut_first_ && !target_shut_first_;
  if ((close.flags & TW_CLOSE_RST_OUT) != 0 && nobody_closed) return Failure::ConnectionReset;
  const bool client_left = facts_.role == Role::Client ? target_shut_first_ : peer_shut_first_;
  return client_left ? Failure::ClientAbort : Failure::NoResponse;
}

void Conn::on_close(const tw_ev_conn_close& close, ParseOutput& out) {
  out.clear();
  tell_all(out);
  release_held(out);
  if (parser_ != nullptr && (close.flags & (TW_CLOSE_RST_IN | TW_CLOSE_TIMEOUT)) == 0) {
    parser_->finish(Side::Response, stream(Side::Response).next(), out);
    apply(out);
  }
  if (facts_.role == Role::Client && assembler_.pending() > 0) {  // so long it was waited for
    const std::string_view protocol = protocol_ != nullptr ? protocol_->name : kUnknownProtocol;
    ledger_.on_answered(work_, facts_.peer, protocol, close.hdr.ts_ns);
  }
  assembler_.close(close_failure(close), stream(Side::Request), stream(Side::Response));
}

void Conn::on_tick(Ns now_ns) {
  if (assembler_.has_doubtful()) assembler_.forget_doubtful(now_ns);
  if (protocol_ != nullptr) return;
  const Stream& responses = stream(Side::Response);
  if (now_ns - std::min(now_ns, responses.current().at_ns) >= kQuietNs) {
    assembler_.quiet(responses);
  }
}

void Conn::finish(ParseOutput& out) {
  out.clear();
  release_held(out);
  if (protocol_ == nullptr) assembler_.quiet(stream(Side::Response));
  assembler_.finish();
}

void Conn::evict() {
  assembler_.close(Failure::None, stream(Side::Request), stream(Side::Response));
}

}  // namespace tailwhy
