// How exchanges begin and get what the parser found. assembler_endings.cpp has how they end.
#include "flow/assembler.h"

#include <algorithm>
#include <utility>

namespace tailwhy {

namespace {

// Outstanding requests of one connection. A client that pipelines deeper than this is not served by
// any server we know of either.
constexpr std::size_t kPendingPerConnection = 4096;

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
    if (first_stream_ == 0) first_stream_ = message.stream_id;
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

// Ids grow: of streams before the first that was asked for the request came before the attach.
void Assembler::begin_unasked(const Message& message, const Stream& responses) {
  const bool before = first_stream_ == 0 || message.stream_id < first_stream_;
  if (!facts_.existing || message.stream_id == 0 || !before) {
    ++losses_.unsolicited;
  } else if (!std::exchange(told_before_attach_, false)) {
    answered_before_attach(responses);
    told_before_attach_ = false;
  }
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

void Assembler::take_head(Request& request, const RequestHead& head) {
  if (!head.protocol.empty()) {
    request.protocol = head.protocol;
    request.family = head.family;
  }
  request.protocol_version = head.protocol_version;
  request.method = head.method;
  request.route = head.route;
  request.route_source = head.route_source;
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

bool Assembler::apply(const ParseOutput& out, const Stream& requests, const Stream& responses) {
  bool ended = false;
  for (const Message& message : out.messages) {
    switch (message.kind) {
      case Message::Kind::RequestBegin:
        if (!begin_request(message, requests, responses)) return false;
        break;
      case Message::Kind::RequestHead:
        if (Exchange* exchange = asking(message.stream_id)) {
          take_head(exchange->request, message.request);
          exchange->one_way = message.request.one_way;
          if (message.request.carries_messages) carry_messages(*exchange);
        }
        break;
      case Message::Kind::RequestEnd:
        if (Exchange* exchange = asking(message.stream_id)) {
          end_request(*exchange, message.offset, requests);
          exchange->request_messages = message.messages;
          exchange->response_ended = exchange->response_ended || exchange->one_way;
          out_of_order_ = out_of_order_ || exchange->one_way;
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
          begin_unasked(message, responses);
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
      case Message::Kind::Progress:
        if (Exchange* exchange = answering(message.stream_id)) advance(*exchange, message);
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
      case Message::Kind::StreamBegin:
      case Message::Kind::StreamEvent:
      case Message::Kind::StreamGap:
      case Message::Kind::GenAi:
        on_stream(message, out, responses);
        break;
      case Message::Kind::Switch:
        if (message.stream_id != 0) move_to_stream(message.stream_id);
        if (message.request.carries_messages) {
          if (Exchange* exchange = answering(message.stream_id)) carry_messages(*exchange);
        }
        break;
      case Message::Kind::Tunnel:
        break;
    }
  }
  if (ended) emit_ended();
  return true;
}

void Assembler::carry_messages(Exchange& exchange) {
  exchange.carries_messages = true;
  exchange.request.open_ended = true;
  exchange.request.messages.known = true;
}

void Assembler::advance(Exchange& exchange, const Message& message) {
  if (!exchange.carries_messages) return;
  MessageCounts& counts = exchange.request.messages;
  const bool asks = message.side == Side::Request;
  (asks ? counts.requests : counts.responses) += message.progress.messages;
  (asks ? counts.request_bytes : counts.response_bytes) += message.size;
  if (asks && exchange.stream_id == 0) {
    exchange.request.request_bytes =
        std::max(message.offset, exchange.request_begin) - exchange.request_begin;
  }
  if (message.progress.closes && !exchange.closing) {
    exchange.closing = true;
    counts.close_code = message.progress.close_code;
  }
}

// The oldest request is answered as a stream of the protocol that follows (RFC 7540 3.2).
void Assembler::move_to_stream(std::uint64_t stream_id) {
  const auto ordered = outstanding_.ordered();
  if (ordered.empty()) return;
  Exchange exchange = ordered.front();
  outstanding_.pop_front();
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
    if (exchange.carries_messages) continue;  // of which either side may send the next
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

}  // namespace tailwhy
