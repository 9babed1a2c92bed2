// See the header. No JSON library here: building an object costs more than all the rest.
#include "sinks/request_line.h"

#include "base/text.h"
#include "model/syscall_names.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tailwhy {
namespace {

void put(fmt::memory_buffer& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

// `key` with its comma, quotes and colon: one copy.
void put_number(fmt::memory_buffer& out, std::string_view key, std::uint64_t value) {
  const fmt::format_int digits(value);
  put(out, key);
  out.append(digits.data(), digits.data() + digits.size());
}

// A key of ours.
void put_key(fmt::memory_buffer& out, std::string_view name) {
  put(out, ",\"");
  put(out, name);
  put(out, "\":");
}

void put_stamp(fmt::memory_buffer& out, std::string_view key, Ns stamp) {
  if (stamp != 0) put_number(out, key, stamp);
}

void put_text(fmt::memory_buffer& out, std::string_view key, std::string_view text) {
  put(out, key);
  json_quote_to(out, text);
}

// For words of ours, which need no escaping.
void put_word(fmt::memory_buffer& out, std::string_view key, std::string_view word) {
  put(out, key);
  out.push_back('"');
  put(out, word);
  out.push_back('"');
}

void put_hex(fmt::memory_buffer& out,
             std::string_view key,
             const std::uint8_t* bytes,
             std::size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  put(out, key);
  out.push_back('"');
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(kDigits[bytes[i] >> 4]);
    out.push_back(kDigits[bytes[i] & 15]);
  }
  out.push_back('"');
}

std::string_view role_word(Role role) {
  switch (role) {
    case Role::Unknown:
      return "unknown";
    case Role::Server:
      return "server";
    case Role::Client:
      return "client";
  }
  return "unknown";
}

std::string_view outcome_word(Outcome outcome) {
  switch (outcome) {
    case Outcome::Matched:
      return "matched";
    case Outcome::Unmatched:
      return "unmatched";
    case Outcome::InFlightAtAttach:
      return "in_flight_at_attach";
  }
  return "unmatched";
}

// error.type: the status of a server error, else the word for the failure, never on success.
void put_error(fmt::memory_buffer& out, const Request& request) {
  constexpr std::string_view kKey = ",\"error.type\":";
  if (request.failure == Failure::ServerError) {
    if (!request.status_text.empty()) return put_text(out, kKey, request.status_text.view());
    if (request.status == 0) return put_word(out, kKey, "_OTHER");
    const fmt::format_int digits(request.status);
    put_word(out, kKey, {digits.data(), digits.size()});
  } else if (request.failure != Failure::None) {
    put_word(out, kKey, to_string(request.failure));
  }
}

void put_what(fmt::memory_buffer& out, const Request& request) {
  put_word(out, ",\"network.protocol.name\":", request.protocol);
  if (!request.protocol_version.empty()) {
    put_word(out, ",\"network.protocol.version\":", request.protocol_version);
  }
  const FamilyNames& names = family_names(request.family);
  if (!names.system.empty()) {
    put_key(out, names.system);
    put_word(out, {}, request.protocol);
  }
  if (!request.method.empty() && !names.operation.empty()) {
    put_key(out, names.operation);
    put_text(out, {}, request.method.view());
  }
  if (!request.route.empty() && !names.target.empty()) {
    put_key(out, names.target);
    put_text(out, {}, request.route.view());
  }
  if (request.route_source != RouteSource::None) {
    put_word(out, ",\"tailwhy.route.source\":", to_string(request.route_source));
  }
  if (request.status != 0) {
    put_key(out, names.status);
    put_number(out, {}, request.status);
  } else if (!request.status_text.empty()) {
    put_key(out, names.status);
    put_text(out, {}, request.status_text.view());
  }
  if (request.open_ended) put(out, ",\"tailwhy.open_ended\":true");
  put_error(out, request);
}

void put_peer(fmt::memory_buffer& out, const Request& request, bool address) {
  const Endpoint& peer = *request.peer;
  const bool unix_socket = request.local->family == Family::Unix || peer.family == Family::Unix;
  put_word(out, ",\"network.transport\":",
           unix_socket                ? "unix"
           : request.local->datagrams ? "udp"
                                      : "tcp");
  if (!address && request.role != Role::Client) return;
  if (peer.family == Family::Unknown) return;
  put_text(out, ",\"network.peer.address\":", address_text(peer));
  if (!unix_socket) put_number(out, ",\"network.peer.port\":", peer.port);
}

void put_server_name(fmt::memory_buffer& out, const Request& request) {
  if (!request.server_name.empty()) {
    put_text(out, ",\"tls.client.server_name\":", request.server_name);
  }
}

void put_times(fmt::memory_buffer& out, const Request& request) {
  const Stamps& at = request.at;
  const bool answered = at.write_first != 0;
  const bool begun = request.start() != 0;
  if (begun && at.write_last != 0) put_number(out, ",\"duration_ns\":", request.duration());
  put(out, request.queue_known() ? ",\"queue_known\":true" : ",\"queue_known\":false");
  if (request.queue_known()) put_number(out, ",\"queue_ns\":", request.queue());
  if (at.read_last != 0) put_number(out, ",\"receive_ns\":", request.receive());
  if (answered && at.read_last != 0) put_number(out, ",\"service_ns\":", request.service());
  if (answered && at.write_last != 0) put_number(out, ",\"send_ns\":", request.send());
  if (answered && begun) put_number(out, ",\"ttfb_ns\":", request.ttfb());
  if (request.drain_known()) put_number(out, ",\"drain_ns\":", request.drain());
  if (request.accept_queue_known())
    put_number(out, ",\"accept_queue_ns\":", request.accept_queue());
  put_stamp(out, ",\"arrived_ns\":", at.arrived);
  put_stamp(out, ",\"read_first_ns\":", at.read_first);
  put_stamp(out, ",\"read_last_ns\":", at.read_last);
  put_stamp(out, ",\"write_first_ns\":", at.write_first);
  put_stamp(out, ",\"write_last_ns\":", at.write_last);
  put_stamp(out, ",\"acked_ns\":", at.acked);
}

// Keys with all that is before their value. The parts are kPartSpecs, in its order: a test holds
// the two together.
constexpr std::array<std::string_view, kParts> kPartKeys = {
    ",\"tailwhy.budget\":{\"queue\":",
    ",\"on_cpu\":",
    ",\"run_queue\":",
    ",\"lock\":",
    ",\"disk\":",
    ",\"downstream\":",
    ",\"client\":",
    ",\"sleep\":",
    ",\"poll\":",
    ",\"page_fault\":",
    ",\"other\":",
    ",\"other_requests\":",
    ",\"unattributed\":",
};
constexpr std::array<std::string_view, kQueuedWhile> kQueuedKeys = {
    ",\"tailwhy.budget.queued_while\":{\"waited_for_cpu\":",
    ",\"busy\":",
    ",\"asleep\":",
    ",\"unknown\":",
};

// All parts, zeros too: whoever reads them can add them up.
void put_budget(fmt::memory_buffer& out, const Request& request) {
  const Budget& budget = request.budget;
  if (!budget.known) return;
  for (std::size_t i = 0; i < kParts; ++i)
    put_number(out, kPartKeys[i], budget.ns[i]);
  out.push_back('}');
  if (budget.of(Part::Queue) > 0) {
    for (std::size_t i = 0; i < kQueuedWhile; ++i)
      put_number(out, kQueuedKeys[i], budget.queued_ns[i]);
    out.push_back('}');
  }
  if (budget.gap != Gap::None) put_word(out, ",\"tailwhy.budget.gap\":", to_string(budget.gap));
  if (request.other_call != 0xffff && budget.of(Part::Other) > 0) {
    put_word(out, ",\"tailwhy.budget.other_call\":", syscall_name(request.other_call));
  }
}

// What else happened while it was served.
void put_meanwhile(fmt::memory_buffer& out, const Request& request) {
  if (request.downstream_calls > 0) {
    put_number(out, ",\"tailwhy.downstream.calls\":", request.downstream_calls);
    if (const Endpoint* peer = request.downstream_peer;
        peer != nullptr && peer->family != Family::Unknown) {
      put_text(out, ",\"tailwhy.downstream.address\":", address_text(*peer));
      if (peer->family != Family::Unix) {
        put_number(out, ",\"tailwhy.downstream.port\":", peer->port);
      }
      if (!request.downstream_protocol.empty()) {
        put_word(out, ",\"tailwhy.downstream.protocol\":", request.downstream_protocol);
      }
    }
  }
  if (request.failed_calls > 0) {
    put_number(out, ",\"tailwhy.failed_calls\":", request.failed_calls);
    if (request.failed_call != 0xffff) {
      put_word(out, ",\"tailwhy.failed_call.name\":", syscall_name(request.failed_call));
      put_word(out, ",\"tailwhy.failed_call.error\":", errno_name(request.failed_error));
    }
  }
  if (request.retransmits > 0) put_number(out, ",\"tailwhy.retransmits\":", request.retransmits);
  if (request.zero_windows > 0) {
    put_number(out, ",\"tailwhy.zero_windows\":", request.zero_windows);
  }
}

void put_messages(fmt::memory_buffer& out, const MessageCounts& messages) {
  if (!messages.known) return;
  put_number(out, ",\"tailwhy.request.messages\":", messages.requests);
  put_number(out, ",\"tailwhy.request.message_bytes\":", messages.request_bytes);
  put_number(out, ",\"tailwhy.response.messages\":", messages.responses);
  put_number(out, ",\"tailwhy.response.message_bytes\":", messages.response_bytes);
  if (messages.close_code != 0) {
    put_number(out, ",\"tailwhy.websocket.close_code\":", messages.close_code);
  }
}

void put_known_word(fmt::memory_buffer& out, std::string_view key, std::string_view word) {
  if (!word.empty()) put_word(out, key, word);
}

void put_gen_ai(fmt::memory_buffer& out, const Request& request) {
  const GenAi& facts = request.stream->gen_ai;
  if (facts.operation.empty()) return;
  put_word(out, ",\"gen_ai.operation.name\":", facts.operation);
  put_word(out, ",\"gen_ai.provider.name\":", facts.provider);
  put_known_word(out, ",\"gen_ai.request.model\":", facts.request_model.view());
  put_known_word(out, ",\"gen_ai.response.model\":", facts.response_model.view());
  if (facts.input_known) {
    put_number(out, ",\"gen_ai.usage.input_tokens\":", facts.input_tokens);
  }
  if (facts.output_known) {
    put_number(out, ",\"gen_ai.usage.output_tokens\":", facts.output_tokens);
  }
  if (const Ns first = time_to_first_token(request); first != 0) {
    put_number(out, ",\"time_to_first_token_ns\":", first);
  }
  if (const Ns each = time_per_output_token(request); each != 0) {
    put_number(out, ",\"time_per_output_token_ns\":", each);
  }
}

// An answer that came as a stream of events, and a language model's.
void put_stream(fmt::memory_buffer& out, const Request& request) {
  if (request.stream == nullptr) return;
  const StreamTimes& times = request.stream->times;
  if (times.kind != StreamKind::None) {
    put_word(out, ",\"tailwhy.stream.kind\":", to_string(times.kind));
    put_number(out, ",\"tailwhy.stream.events\":", times.events);
    if (times.request_messages > 0) {
      put_number(out, ",\"tailwhy.stream.request_messages\":", times.request_messages);
    }
    if (const Ns first = time_to_first_event(request); first != 0) {
      put_number(out, ",\"time_to_first_event_ns\":", first);
    }
    put_stamp(out, ",\"first_event_ns\":", times.first_event);
    put_stamp(out, ",\"last_event_ns\":", times.last_event);
    if (!times.gaps.empty()) {
      put_number(out, ",\"tailwhy.stream.gaps\":", times.gaps.count());
      put_number(out, ",\"median_gap_ns\":", times.gaps.percentile(50));
      put_number(out, ",\"longest_gap_ns\":", times.longest_gap);
    }
    if (!times.complete) put(out, ",\"tailwhy.stream.incomplete\":true");
  }
  put_gen_ai(out, request);
}

void put_trace(fmt::memory_buffer& out, const Request& request) {
  const TraceContext& trace = request.trace;
  if (trace.valid) {
    put_hex(out, ",\"trace_id\":", trace.trace_id.data(), trace.trace_id.size());
    put_hex(out, ",\"parent_span_id\":", trace.parent_span_id.data(), trace.parent_span_id.size());
    put_hex(out, ",\"trace_flags\":", &trace.flags, 1);
  }
  if (!request.request_id.empty()) {
    put_text(out, ",\"http.request.header.x-request-id\":", request.request_id.view());
  }
}

}  // namespace

Ns ended_ns(const Request& request) {
  const Stamps& at = request.at;
  return std::max({at.established, at.accepted, at.arrived, at.read_first, at.read_last,
                   at.write_first, at.write_last});
}

void begin_request_line(fmt::memory_buffer& out,
                        const Request& request,
                        std::string_view reason,
                        const ClockOffset& clock,
                        bool peer_address) {
  const Ns at = ended_ns(request);
  char time[kRfc3339Size];
  const char* time_end = format_rfc3339(clock.to_real(at), time);
  put_word(out, "{\"record\":\"request\",\"timestamp\":",
           {time, static_cast<std::size_t>(time_end - time)});
  put_number(out, ",\"mono_ns\":", at);
  put_word(out, ",\"event_name\":\"tailwhy.request\",\"tailwhy.role\":", role_word(request.role));
  put_number(out, ",\"tailwhy.connection.id\":", request.conn_id);
  put_number(out, ",\"tailwhy.request.number\":", request.number);
  if (request.parent_conn_id != 0) {
    put_number(out, ",\"tailwhy.parent.connection.id\":", request.parent_conn_id);
    put_number(out, ",\"tailwhy.parent.request.number\":", request.parent_number);
  }
  put_number(out, ",\"process.pid\":", request.pid);
  put_number(out, ",\"thread.id\":", request.tid);
  put_what(out, request);
  put_peer(out, request, peer_address);
  put_server_name(out, request);
  put_times(out, request);
  put_stream(out, request);
  put_budget(out, request);
  put_meanwhile(out, request);
  put_number(out, ",\"tailwhy.request.bytes\":", request.request_bytes);
  put_number(out, ",\"tailwhy.response.bytes\":", request.response_bytes);
  put_number(out, ",\"tailwhy.pipeline.depth\":", request.pipeline_depth);
  put_messages(out, request.messages);
  put_word(out, ",\"tailwhy.end_rule\":", to_string(request.end_rule));
  put_word(out, ",\"tailwhy.outcome\":", outcome_word(request.outcome));
  if (request.incomplete) put(out, ",\"incomplete\":true");
  put_trace(out, request);
  put_word(out, ",\"tailwhy.log.reason\":", reason);
}

void end_request_line(fmt::memory_buffer& out, double weight) {
  put(out, ",\"tailwhy.sample.weight\":");
  if (weight == std::floor(weight) && weight < 1e15) {
    put_number(out, "", static_cast<std::uint64_t>(weight));
  } else {
    fmt::format_to(fmt::appender(out), "{}", weight);
  }
  put(out, "}\n");
}

}  // namespace tailwhy
