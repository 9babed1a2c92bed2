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
  if (data->dir == TW_DIR_OUT && later_ != nullptr && !later_->unsent.empty()) on_sent(out);
  if (const std::string_view name = tls_->server_name(); !name.empty()) facts_.server_name = name;
  if (tls_->silent()) end_tls();
}

// What a record adds to its plaintext at the least, and how much plaintext a record has at most.
constexpr std::uint64_t kRecordAdds = 21;
constexpr std::uint64_t kRecordHolds = 16384;

// The library took [begin, end) of the answer: the call that sends it is still to come, so what the
// parser says of it has to wait.
void Conn::hold(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t records = (end - begin + kRecordHolds - 1) / kRecordHolds;
  const std::uint64_t size = end - begin + records * kRecordAdds;
  if (later_ == nullptr) later_ = std::make_unique<SentLater>();
  std::deque<Unsent>& unsent = later_->unsent;
  if (unsent.size() >= kMostUnsent) {
    unsent.back().end = end;
    unsent.back().wire_size += size;
    return;
  }
  const std::uint64_t from =
      unsent.empty() ? tls_->next(TW_DIR_OUT) : unsent.back().wire_from + unsent.back().wire_size;
  unsent.push_back({begin, end, from, size});
}

// What the parser said waits with the bytes that it was said of. False: too much waits already.
bool Conn::hold_back(ParseOutput& out) {
  if (later_ == nullptr) later_ = std::make_unique<SentLater>();
  if (later_->untold.size() + out.messages.size() > kMostUntold) return false;
  later_->untold.insert(later_->untold.end(), out.messages.begin(), out.messages.end());
  later_->gen_ai.insert(later_->gen_ai.end(), out.gen_ai.begin(), out.gen_ai.end());
  out.clear_messages();
  return true;
}

// A call sent some ciphertext.
void Conn::on_sent(ParseOutput& out) {
  Stream& s = stream(side_of(TW_DIR_OUT));
  const std::uint64_t sent = tls_->next(TW_DIR_OUT);
  const auto add_call = [&](std::uint64_t from, std::uint64_t to, const Call& moved) {
    Call& call = s.add_call();
    call = moved;
    call.begin = from;
    call.end = to;
  };
  std::deque<Unsent>& unsent = later_->unsent;
  while (!unsent.empty() && unsent.front().wire_from < sent) {
    Unsent& first = unsent.front();
    if (!std::exchange(first.begun, true))
      add_call(first.begin, first.begin + 1, tls_->sent_by(first.wire_from));
    if (first.wire_from + first.wire_size > sent) break;
    if (first.end > first.begin + 1)
      add_call(first.begin + 1, first.end, tls_->sent_by(first.wire_from + first.wire_size - 1));
    unsent.pop_front();
  }
  if (unsent.empty()) tls_->set_carried(sent);
  tell_sent(out);
}

// What the parser said of bytes that are on the wire by now. An end is one past its last byte.
void Conn::tell_sent(ParseOutput& out) {
  const auto is_sent = [&](const Message& message) {
    if (later_->unsent.empty()) return true;
    const Unsent& first = later_->unsent.front();
    const std::uint64_t upto = first.begin + (first.begun ? 1 : 0);
    const bool begins =
        message.kind == Message::Kind::RequestBegin || message.kind == Message::Kind::ResponseBegin;
    return begins ? message.offset < upto : message.offset <= upto;
  };
  std::deque<Message>& untold = later_->untold;
  while (!untold.empty() && is_sent(untold.front())) {
    Message& message = out.messages.emplace_back(untold.front());
    untold.pop_front();
    if (message.kind != Message::Kind::GenAi || later_->gen_ai.empty()) continue;
    message.size = out.gen_ai.size();
    out.gen_ai.push_back(later_->gen_ai.front());
    later_->gen_ai.pop_front();
  }
  apply(out);
}

// Nothing will come, or order matters more than times.
void Conn::tell_all(ParseOutput& out) {
  if (later_ == nullptr || later_->untold.empty()) return;
  later_->unsent.clear();
  tell_sent(out);
}

// Its plaintext is not told after all: what comes is bytes that nobody can read.
void Conn::end_tls() {
  tls_ended_ = true;
  later_.reset();
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
