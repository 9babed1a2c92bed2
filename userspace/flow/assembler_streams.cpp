// Answers that come as streams of events: when each event was, by the call that moved its last
// byte.
#include "flow/assembler.h"

#include <algorithm>

namespace tailwhy {
namespace {

void add_event(StreamRecord& record, Ns at) {
  StreamTimes& times = record.facts.times;
  if (times.events == 0) {
    if (!record.gap) times.first_event = at;  // else another may have been the first
  } else if (!record.gap) {
    const Ns gap = at > times.last_event ? at - times.last_event : 0;
    times.gaps.record(gap);
    times.longest_gap = std::max(times.longest_gap, gap);
  }
  ++times.events;
  times.last_event = at;
  record.gap = false;
}

}  // namespace

// Null: there are too many at once.
StreamRecord* Assembler::record_of(Exchange& exchange) {
  if (exchange.stream != nullptr || exchange.stream_refused) return exchange.stream;
  if (budget_.streams >= budget_.most_streams) {
    exchange.stream_refused = true;
    ++losses_.streams_full;
    return nullptr;
  }
  ++budget_.streams;
  exchange.stream = &streams_[exchange.request.number];
  return exchange.stream;
}

void Assembler::on_stream(const Message& message, const ParseOutput& out, const Stream& responses) {
  using Kind = Message::Kind;
  Exchange* exchange =
      message.side == Side::Request ? asking(message.stream_id) : answering(message.stream_id);
  if (exchange == nullptr) return;
  StreamRecord* record = record_of(*exchange);
  if (record == nullptr) return;
  StreamTimes& times = record->facts.times;
  if (message.stream != StreamKind::None) times.kind = message.stream;
  switch (message.kind) {
    case Kind::StreamBegin:
      // What is subscribed to by a GET (EventSource) lasts until somebody leaves.
      if (message.stream == StreamKind::Events && exchange->request.method.view() == "GET") {
        exchange->request.open_ended = true;
      }
      break;
    case Kind::StreamEvent:
      add_event(*record, responses.call_of(message.offset == 0 ? 0 : message.offset - 1).at_ns);
      break;
    case Kind::StreamGap:
      times.complete = false;
      record->gap = true;
      break;
    case Kind::GenAi:
      if (message.size < out.gen_ai.size()) record->facts.gen_ai.merge(out.gen_ai[message.size]);
      break;
    default:
      break;
  }
}

// A gRPC call of one message each way is no stream; and an answer may be a language model's without
// being one.
void Assembler::finish_stream(Exchange& exchange) {
  StreamFacts& facts = exchange.stream->facts;
  StreamTimes& times = facts.times;
  if (times.kind == StreamKind::Messages) {
    times.request_messages = exchange.request_messages;
    if (times.events <= 1 && times.request_messages <= 1) times.kind = StreamKind::None;
  }
  const bool told = times.kind != StreamKind::None || !facts.gen_ai.operation.empty();
  exchange.request.stream = told ? &facts : nullptr;
}

void Assembler::forget_stream(Exchange& exchange) {
  exchange.request.stream = nullptr;
  exchange.stream = nullptr;
  --budget_.streams;
  streams_.erase(exchange.request.number);
}

}  // namespace tailwhy
