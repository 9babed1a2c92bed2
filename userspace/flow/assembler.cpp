#include "flow/assembler.h"

#include <algorithm>

namespace tailwhy {

namespace {

// Outstanding requests of one connection. A client that pipelines deeper than this is not served by
// any server we know of either.
constexpr std::size_t kPendingPerConnection = 4096;
// Answered requests of one connection whose answers the peer has not acknowledged.
constexpr std::size_t kUnackedPerConnection = 64;
// A stream whose answer may have been lost is waited for so long.
constexpr Ns kDoubtNs = 10 * kNsPerSec;

}  // namespace

bool Assembler::begin_request(const Message& message,
                              const Stream& requests,
                              const Stream& responses) {
  if (pending() >= kPendingPerConnection || budget_.used >= budget_.limit) {
    ++losses_.pending_full;
    return false;
  }
  ++budget_.used;
  if (Exchange* last = outstanding_.youngest(); last != nullptr && last->request_lost) {
    end_request(*last, message.offset, requests);
  }
  if (message.stream_id != 0) {
    if (Exchange* before = outstanding_.of_stream(message.stream_id)) {
      emit(*before, Outcome::Unmatched, Failure::None);
      remove_stream(*before);
    }
  }
  const Call& call = requests.call_of(message.offset);
  const Ns arrived = requests.arrival_of(message.offset);
  const auto queued =
      facts_.role == Role::Client ? std::array<Ns, kQueuedWhile>{} : queued_while(call, arrived);

  Exchange& exchange = outstanding_.add(message.stream_id);
  exchange.request_begin = message.offset;
  exchange.response_begin = responses.next();
  Request& request = exchange.request;
  request.conn_id = facts_.conn_id;
  request.number = ++number_;
  request.role = facts_.role;
  request.pid = call.pid;
  request.tid = call.tid;
  request.protocol = protocol_;
  request.family = family_;
  request.pipeline_depth = static_cast<std::uint32_t>(pending());
  request.at.read_first = call.at_ns;
  request.at.read_last = call.at_ns;
  exchange.begin = call.account;
  if (facts_.role == Role::Client) {
    if (work_.counted) {
      request.parent_conn_id = work_.serves;
      request.parent_number = work_.serves_number;
    }
  } else {
    if (pending() == 1 || exchange.stream_id != 0) work_.number = number_;
    request.at.arrived = arrived;
    request.budget.queued_ns = queued;
  }
  if (number_ == 1) {
    request.at.established = facts_.established;
    request.at.accepted = facts_.accepted;
    request.accept_exact = facts_.accept_exact;
  }
  listener_.on_request_begin(facts_.role);
  return true;
}

// What the thread did until it read the request: the same for all that came in one piece.
std::array<Ns, kQueuedWhile> Assembler::queued_while(const Call& call, Ns arrived) const {
  if (!ledger_.enabled() || arrived == 0 || call.at_ns < arrived) return {};
  const Exchange* before = outstanding_.youngest();
  if (before != nullptr && before->request.at.arrived == arrived &&
      before->request.at.read_first == call.at_ns && before->request.tid == call.tid) {
    return before->request.budget.queued_ns;
  }
  return ledger_.queued_while(call.tid, facts_.conn_id, arrived, call.at_ns);
}

// Requests end in the order in which they began, so the one that is being received is the last; a
// multiplexing protocol names it.
Exchange* Assembler::asking(std::uint64_t stream_id) {
  if (stream_id != 0) return outstanding_.of_stream(stream_id);
  const auto ordered = outstanding_.ordered();
  return ordered.empty() ? nullptr : &ordered.back();
}

Exchange* Assembler::answering(std::uint64_t stream_id) {
  if (stream_id != 0) {
    Exchange* exchange = outstanding_.of_stream(stream_id);
    return exchange == nullptr || exchange->response_ended ? nullptr : exchange;
  }
  return outstanding_.unanswered();
}

void Assembler::end_request(Exchange& exchange, std::uint64_t offset, const Stream& requests) {
  if (exchange.request_ended) return;
  exchange.request_ended = true;
  const std::uint64_t end = std::max(offset, exchange.request_begin);
  if (exchange.stream_id == 0) exchange.request.request_bytes = end - exchange.request_begin;
  exchange.request.at.read_last = requests.call_of(end == 0 ? 0 : end - 1).at_ns;
}

void Assembler::begin_response(Exchange& exchange, std::uint64_t offset, const Stream& responses) {
  if (exchange.response_begun) return;
  exchange.response_begun = true;
  if (exchange.stream_id != 0) ++answering_streams_;
  const Call& call = responses.call_of(offset);
  exchange.request.at.write_first = call.at_ns;
  exchange.request.at.write_last = call.at_ns;
  if (facts_.role == Role::Client) exchange.request.at.arrived = responses.arrival_of(offset);
}

void Assembler::end_response(Exchange& exchange,
                             std::uint64_t offset,
                             EndRule rule,
                             const Stream& responses) {
  exchange.response_ended = true;
  exchange.request.end_rule = rule;
  if (exchange.stream_id == 0) {
    const std::uint64_t begin = std::max(responses_end_, exchange.response_begin);
    exchange.request.response_bytes = offset > begin ? offset - begin : 0;
    responses_end_ = std::max(responses_end_, offset);
  }
  const Call& call = responses.call_of(offset == 0 ? 0 : offset - 1);
  exchange.request.at.write_last = call.at_ns;
  exchange.response_end = offset;
  exchange.end = call.account;
}

// The parts of its duration: what the connection's account grew by meanwhile. Stamps that
// contradict each other (an answer before the request) leave less time than that, or none.
void Assembler::account_for(Exchange& exchange) {
  Request& request = exchange.request;
  if (exchange.response_ended && !exchange.response_begun) return;  // without an answer no times
  if (facts_.role == Role::Client) {
    if (exchange.response_ended) {
      ledger_.on_answered(work_, facts_.peer, protocol_, request.at.write_last);
    }
    return;
  }
  if (!ledger_.enabled() || !exchange.response_ended || exchange.one_way) return;
  Budget& budget = request.budget;
  budget.known = true;
  const Ns queue = std::min(request.queue(), request.duration());
  const Ns rest = request.duration() - queue;
  Parts parts = exchange.end.time - exchange.begin.time;
  parts[Part::Unattributed] += rest - parts.trim(rest);
  parts[Part::Queue] = queue;
  budget.ns = parts.ns();
  if (parts[Part::Unattributed] > 0) {
    budget.gap = work_.gap == Gap::None ? Gap::Attach : work_.gap;
  }
  if (parts[Part::Other] > 0) request.other_call = work_.other.nr;
  request.downstream_calls = exchange.end.downstream_calls - exchange.begin.downstream_calls;
  if (request.downstream_calls > 0 && work_.downstream.ns > 0) {
    request.downstream_peer = &work_.downstream.peer;
    request.downstream_protocol = work_.downstream.protocol;
  }
  request.retransmits = exchange.end.retransmits - exchange.begin.retransmits;
  request.zero_windows = exchange.end.zero_windows - exchange.begin.zero_windows;
  request.failed_calls = exchange.end.failed_calls - exchange.begin.failed_calls;
  if (request.failed_calls > 0) {
    request.failed_call = work_.failed_call;
    request.failed_error = work_.failed_error;
  }
}

void Assembler::emit(Exchange& exchange, Outcome outcome, Failure failure) {
  Request& request = exchange.request;
  request.outcome = outcome;
  if (failure != Failure::None) request.failure = failure;
  request.peer = &facts_.peer;
  request.local = &facts_.local;
  if (!request.budget.known) account_for(exchange);
  listener_.on_request(request);
}

// Takes an ended exchange out.
void Assembler::remove(std::size_t index) {
  --budget_.used;
  outstanding_.remove_ordered(index);
  const auto ordered = outstanding_.ordered();
  if (index == 0 && !ordered.empty()) work_.number = ordered.front().request.number;
}

void Assembler::remove_stream(Exchange& exchange) {
  --budget_.used;
  if (exchange.response_begun) --answering_streams_;
  outstanding_.remove_stream(exchange.stream_id);
}

// Hands on the exchanges that have ended on both sides, oldest first. An answer that came before
// the request was complete waits for the rest of it.
void Assembler::emit_ended() {
  std::size_t index = 0;
  while (index < outstanding_.ordered().size()) {
    Exchange& exchange = outstanding_.ordered()[index];
    if (!exchange.response_ended || !exchange.request_ended) {
      ++index;
      continue;
    }
    emit_matched(exchange);
    remove(index);
  }
}

// The same of one stream.
void Assembler::emit_if_ended(Exchange& exchange) {
  if (!exchange.response_ended || !exchange.request_ended) return;
  emit_matched(exchange);
  remove_stream(exchange);
}

// At once, or when the peer has its last byte: segments that are sent again until then are its too.
void Assembler::emit_matched(Exchange& exchange) {
  const bool acked = want_acks_ && exchange.response_begun && facts_.role != Role::Client;
  if (!acked || facts_.peer.family == Family::Unix) {
    emit(exchange, Outcome::Matched, Failure::None);
    return;
  }
  account_for(exchange);
  Unacked& held = unacked_.emplace_back();
  held.exchange = exchange;
  if (exchange.request.downstream_peer != nullptr) {
    held.downstream = *exchange.request.downstream_peer;
    held.exchange.request.downstream_peer = &held.downstream;  // a deque moves nothing
  }
  emit_unacked(kUnackedPerConnection);
}

void Assembler::emit_unacked(std::size_t most) {
  while (unacked_.size() > most) {
    emit(unacked_.front().exchange, Outcome::Matched, Failure::None);
    unacked_.pop_front();
  }
}

void Assembler::on_ack(std::uint64_t offset, Ns at) {
  while (!unacked_.empty() && unacked_.front().exchange.response_end <= offset) {
    Exchange& exchange = unacked_.front().exchange;
    exchange.request.at.acked = std::max(at, exchange.request.at.write_last);
    exchange.request.retransmits = work_.account.retransmits - exchange.begin.retransmits;
    exchange.request.zero_windows = work_.account.zero_windows - exchange.begin.zero_windows;
    emit(exchange, Outcome::Matched, Failure::None);
    unacked_.pop_front();
  }
}

void Assembler::on_lost(Side side, Ns at) {
  if (side == Side::Request) {
    outstanding_.for_each([](Exchange& exchange) {
      if (exchange.stream_id != 0 && !exchange.request_ended) exchange.request.incomplete = true;
    });
    Exchange* last = outstanding_.youngest();
    if (last == nullptr || last->stream_id != 0) return;
    // It goes on until the answer begins, or the next request.
    last->request.incomplete = true;
    last->request_lost = true;
    return;
  }
  response_lost_ = true;
  mark_incomplete();
  outstanding_.for_each([&](Exchange& exchange) {
    if (exchange.stream_id == 0 || exchange.doubtful_from != 0) return;
    exchange.doubtful_from = at;
    doubtful_ = true;
  });
}

void Assembler::forget_doubtful(Ns now) {
  doubtful_ = false;
  std::vector<Exchange*> over;
  outstanding_.for_each([&](Exchange& exchange) {
    if (exchange.doubtful_from == 0) return;
    if (now - std::min(now, exchange.doubtful_from) >= kDoubtNs) {
      over.push_back(&exchange);
    } else {
      doubtful_ = true;
    }
  });
  for (Exchange* exchange : over) {
    emit(*exchange, exchange->response_begun ? Outcome::Matched : Outcome::Unmatched,
         Failure::None);
    remove_stream(*exchange);
  }
}

void Assembler::take_head(Request& request, const RequestHead& head) {
  if (!head.protocol.empty()) {
    request.protocol = head.protocol;
    request.family = head.family;
  }
  request.protocol_version = head.protocol_version;
  request.method = head.method;
  request.route = head.route;
  request.trace = head.trace;
  request.request_id = head.request_id;
  request.open_ended = head.open_ended;
}

void Assembler::take_head(Request& request, const ResponseHead& head) {
  using Verdict = ResponseHead::Verdict;
  request.status = head.status;
  request.status_text = head.status_text;
  request.status_known = head.verdict != Verdict::Unknown;
  request.client_error = head.verdict == Verdict::ClientError;
  request.failure = head.verdict == Verdict::ServerError ? Failure::ServerError : Failure::None;
}

bool Assembler::apply(const std::vector<Message>& messages,
                      const Stream& requests,
                      const Stream& responses) {
  bool ended = false;
  for (const Message& message : messages) {
    switch (message.kind) {
      case Message::Kind::RequestBegin:
        if (!begin_request(message, requests, responses)) return false;
        break;
      case Message::Kind::RequestHead:
        if (Exchange* exchange = asking(message.stream_id)) {
          take_head(exchange->request, message.request);
          exchange->one_way = message.request.one_way;
        }
        break;
      case Message::Kind::RequestEnd:
        if (Exchange* exchange = asking(message.stream_id)) {
          end_request(*exchange, message.offset, requests);
          exchange->response_ended = exchange->response_ended || exchange->one_way;
          if (message.stream_id != 0) {
            exchange->request.request_bytes = message.size;
            emit_if_ended(*exchange);
          } else {
            ended = ended || exchange->response_ended;
          }
        }
        break;
      case Message::Kind::ResponseBegin:
        if (Exchange* exchange = answering(message.stream_id)) {
          if (exchange->request_lost) end_request(*exchange, requests.next(), requests);
          begin_response(*exchange, message.offset, responses);
        } else {
          ++losses_.unsolicited;
        }
        break;
      case Message::Kind::ResponseHead:
        if (Exchange* exchange = answering(message.stream_id)) {
          take_head(exchange->request, message.response);
        }
        break;
      case Message::Kind::ResponseEnd:
        if (Exchange* exchange = answering(message.stream_id)) {
          if (message.failure != Failure::None) {
            give_up(*exchange, message, responses);
            break;
          }
          if (!exchange->response_begun) begin_response(*exchange, message.offset, responses);
          end_response(*exchange, message.offset, message.end_rule, responses);
          if (message.stream_id != 0) {
            exchange->request.response_bytes = message.size;
            emit_if_ended(*exchange);
          } else {
            ended = true;
          }
        }
        break;
      case Message::Kind::NoAnswer:
        if (Exchange* exchange = answering(message.stream_id)) {
          if (exchange->response_begun) break;
          exchange->one_way = true;
          exchange->response_ended = true;
          ended = true;
          if (message.stream_id != 0) emit_if_ended(*exchange);
        }
        break;
      case Message::Kind::Lost:
        on_lost(message.side, responses.current().at_ns);
        ended = true;
        break;
      case Message::Kind::Abandoned:
        if (Exchange* exchange = outstanding_.of_stream(message.stream_id)) {
          exchange->request.incomplete = true;
          emit(*exchange, Outcome::Unmatched, Failure::None);
          remove_stream(*exchange);
        }
        break;
      case Message::Kind::Mistaken:
        disown_protocol();
        break;
      case Message::Kind::Switch:
        if (message.stream_id != 0) move_to_stream(message.stream_id);
        break;
      case Message::Kind::Tunnel:
        break;
    }
  }
  if (ended) emit_ended();
  return true;
}

// A stream that one side gave up, with as much of an answer as had come.
void Assembler::give_up(Exchange& exchange, const Message& message, const Stream& responses) {
  const bool answered = exchange.response_begun;
  if (answered) {
    end_response(exchange, message.offset, message.end_rule, responses);
    exchange.request.response_bytes = message.size;
    exchange.request.incomplete = true;
  }
  const bool open_ended = exchange.request.open_ended && answered;
  emit(exchange, answered ? Outcome::Matched : Outcome::Unmatched,
       open_ended ? Failure::None : message.failure);
  remove_stream(exchange);
}

// The oldest request is answered as a stream of the protocol that follows (RFC 7540 3.2).
void Assembler::move_to_stream(std::uint64_t stream_id) {
  const auto ordered = outstanding_.ordered();
  if (ordered.empty()) return;
  Exchange exchange = ordered.front();
  outstanding_.remove_ordered(0);
  exchange.stream_id = stream_id;
  if (exchange.response_begun) ++answering_streams_;
  outstanding_.add(stream_id) = exchange;
}

void Assembler::requests_turn(const Stream& requests, const Stream& responses) {
  if (!response_lost_) return;
  response_lost_ = false;
  for (Exchange& exchange : outstanding_.ordered()) {
    if (exchange.request_lost) end_request(exchange, requests.next(), requests);
    if (!exchange.request_ended || exchange.response_ended) continue;
    if (!exchange.response_begun) begin_response(exchange, responses.next(), responses);
    end_response(exchange, responses.next(), EndRule::DirectionReversal, responses);
  }
  emit_ended();
}

void Assembler::adopt_protocol(const Stream& requests) {
  for (Exchange& exchange : outstanding_.ordered()) {
    exchange.request.protocol = protocol_;
    exchange.request.family = family_;
    exchange.request.method.assign("_OTHER");
    end_request(exchange, requests.next(), requests);
  }
}

void Assembler::disown_protocol() {
  set_protocol(kUnknownProtocol, ProtocolFamily::Unknown);
  const auto forget = [](Exchange& exchange) {
    Request& request = exchange.request;
    request.protocol = kUnknownProtocol;
    request.family = ProtocolFamily::Unknown;
    request.protocol_version = {};
    request.method.clear();
    request.route.clear();
    request.status = 0;
    request.status_text.clear();
    request.status_known = false;
    request.client_error = false;
    request.failure = Failure::None;
    request.incomplete = true;
  };
  outstanding_.for_each(forget);
  bool oldest = true;
  Exchange kept;
  outstanding_.for_each([&](Exchange& exchange) {
    if (oldest && exchange.stream_id == 0 && !exchange.response_ended) {
      oldest = false;
      kept = exchange;
      return;
    }
    emit(exchange, Outcome::Unmatched, Failure::None);
    --budget_.used;
  });
  outstanding_.clear();
  answering_streams_ = 0;
  if (!oldest) outstanding_.add(0) = kept;
}

void Assembler::answered_before_attach(const Stream& responses) {
  Exchange exchange;
  Request& request = exchange.request;
  const Call& call = responses.current();
  request.conn_id = facts_.conn_id;
  request.role = facts_.role;
  request.pid = call.pid;
  request.tid = call.tid;
  request.protocol = protocol_;
  request.at.write_first = call.at_ns;
  request.at.write_last = call.at_ns;
  request.incomplete = true;
  emit(exchange, Outcome::InFlightAtAttach, Failure::None);
}

void Assembler::mark_incomplete() {
  outstanding_.for_each([](Exchange& exchange) { exchange.request.incomplete = true; });
}

void Assembler::finish() {
  emit_unacked(0);
}

void Assembler::quiet(const Stream& responses) {
  bool ended = false;
  for (Exchange& exchange : outstanding_.ordered()) {
    if (!exchange.response_begun || !exchange.request_ended) continue;
    end_response(exchange, responses.next(), EndRule::Quiet, responses);
    ended = true;
  }
  if (ended) emit_ended();
}

void Assembler::close(Failure failure, const Stream& requests, const Stream& responses) {
  emit_ended();
  emit_unacked(0);
  // Where nothing is known of the protocol, a last message that wants no answer is no failure.
  const bool orderly = failure == Failure::ClientAbort || failure == Failure::NoResponse;
  if (orderly && protocol_ == kUnknownProtocol) failure = Failure::None;
  // Answers came of which nobody knows where they end: nothing says that one is missing.
  const bool lost = response_lost_ && orderly;
  if (lost) failure = Failure::None;
  outstanding_.for_each([&](Exchange& exchange) {
    end_request(exchange, requests.next(), requests);
    if (exchange.response_ended) {
      emit(exchange, Outcome::Matched, Failure::None);
      return;
    }
    if (lost) begin_response(exchange, responses.next(), responses);
    const bool answered = exchange.response_begun;
    if (answered) {
      end_response(exchange, responses.next(), EndRule::Close, responses);
      exchange.request.incomplete = true;
    }
    // What may end at any time has not failed when it does.
    const bool open_ended = exchange.request.open_ended && answered;
    emit(exchange, answered ? Outcome::Matched : Outcome::Unmatched,
         open_ended ? Failure::None : failure);
  });
  budget_.used -= pending();
  outstanding_.clear();
  answering_streams_ = 0;
}

}  // namespace tailwhy
