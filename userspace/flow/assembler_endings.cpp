// How exchanges end: what they hand on, by what they were ended, and what of them is known then.
#include "flow/assembler.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tailwhy {
namespace {

// Answered requests of one connection whose answers the peer has not acknowledged.
constexpr std::size_t kUnackedPerConnection = 64;
// A stream whose answer may have been lost is waited for so long.
constexpr Ns kDoubtNs = 10 * kNsPerSec;

}  // namespace

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

// What was not found teaches nothing: anybody may ask for anything.
void Assembler::name_route(Request& request) {
  if (request.route_source != RouteSource::Classified) return;
  RouteTree& tree = request.role == Role::Client ? routes_.called : routes_.served;
  const bool found = (request.status >= 200 && request.status < 300) || request.status == 304;
  const bool teaches = request.outcome == Outcome::Matched && found;
  const Route route = teaches ? tree.learn(request.route) : tree.find(request.route);
  if (route == request.route) return;
  request.route = route;
  request.route_source = RouteSource::Learned;
}

void Assembler::emit(Exchange& exchange, Outcome outcome, Failure failure) {
  Request& request = exchange.request;
  request.outcome = outcome;
  if (failure != Failure::None) request.failure = failure;
  request.peer = &facts_.peer;
  request.local = &facts_.local;
  request.server_name = facts_.server_name;
  if (!request.budget.known) account_for(exchange);
  name_route(request);
  if (exchange.stream != nullptr) finish_stream(exchange);
  listener_.on_request(request);
  if (exchange.stream != nullptr) forget_stream(exchange);
}

void Assembler::remove_stream(Exchange& exchange) {
  --budget_.used;
  if (exchange.response_begun) --answering_streams_;
  outstanding_.remove_stream(exchange.stream_id);
}

// Hands on the exchanges that have ended on both sides, oldest first. An answer that came before
// the request was complete waits for the rest of it.
void Assembler::emit_ended() {
  const auto emit_if_over = [this](Exchange& exchange) {
    if (!exchange.response_ended || !exchange.request_ended) return false;
    emit_matched(exchange);
    --budget_.used;
    return true;
  };
  while (!outstanding_.ordered().empty() && emit_if_over(outstanding_.ordered().front()))
    outstanding_.pop_front();
  if (std::exchange(out_of_order_, false)) outstanding_.remove_ordered_if(emit_if_over);
  const auto left = outstanding_.ordered();
  if (!left.empty()) work_.number = left.front().request.number;
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
    held.exchange.request.downstream_peer = &held.downstream;  // a list moves nothing
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

void Assembler::disown_protocol() {
  set_protocol(kUnknownProtocol, ProtocolFamily::Unknown);
  const auto forget = [this](Exchange& exchange) {
    if (exchange.stream != nullptr) forget_stream(exchange);
    Request& request = exchange.request;
    request.protocol = kUnknownProtocol;
    request.family = ProtocolFamily::Unknown;
    request.protocol_version = {};
    request.method.clear();
    request.route.clear();
    request.route_source = RouteSource::None;
    request.status = 0;
    request.status_text.clear();
    request.status_known = false;
    request.client_error = false;
    request.failure = Failure::None;
    request.open_ended = false;
    request.messages = {};
    exchange.carries_messages = false;
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
  told_before_attach_ = true;
  emit(exchange, Outcome::InFlightAtAttach, Failure::None);
}

void Assembler::mark_incomplete() {
  outstanding_.for_each([](Exchange& exchange) {
    exchange.request.incomplete = true;
    if (exchange.stream == nullptr) return;
    exchange.stream->facts.times.complete = false;
    exchange.stream->gap = true;
  });
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
    // What may end at any time has not failed when it does; but who can say so must.
    const bool open_ended =
        exchange.request.open_ended && answered && (!exchange.carries_messages || exchange.closing);
    emit(exchange, answered ? Outcome::Matched : Outcome::Unmatched,
         open_ended ? Failure::None : failure);
  });
  budget_.used -= pending();
  outstanding_.clear();
  answering_streams_ = 0;
}

}  // namespace tailwhy
