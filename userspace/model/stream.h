// The times of a response that comes as a stream of events (server-sent events, lines of JSON, the
// messages of a gRPC call), and what a language model's answer says of itself. MEASUREMENT section
// 4. Plain values; text is bounded and untrusted.
#pragma once

#include "base/clock.h"
#include "base/histogram.h"
#include "base/inline_text.h"

#include <cstdint>
#include <string_view>

namespace tailwhy {

// What the events of a stream are.
enum class StreamKind : std::uint8_t {
  None,
  Events,    // text/event-stream (WHATWG HTML 9.2)
  Lines,     // documents of JSON, one a line
  Messages,  // of a gRPC call, each with its length before it
};
// "sse", "json_lines", "grpc"; empty for None.
std::string_view to_string(StreamKind kind);

// Of one response. Stamps in CLOCK_MONOTONIC ns, of the calls that moved the events' last bytes;
// 0 = there was none. An event without data (a comment, an empty one, the end mark [DONE]) is none,
// and neither is one of a language model that has no output (a role, a usage, a ping).
struct StreamTimes {
  StreamKind kind = StreamKind::None;
  bool complete = true;  // false: some bytes were not seen, and there may have been more events
  std::uint64_t events = 0;
  std::uint64_t request_messages = 0;  // of kind Messages: those of its client
  Ns first_event = 0;  // 0 also if another one may have been before the first that was seen
  Ns last_event = 0;
  Ns longest_gap = 0;  // between two events next to each other; 0: there were no two
  Histogram gaps;      // the same; those across bytes that were not seen are not in it
};

using ModelName = InlineText<96>;

// Of one exchange with a language model, by the names of the OpenTelemetry GenAI conventions.
// Nothing of prompts or completions.
struct GenAi {
  std::string_view operation;  // "chat", "text_completion", ...; static text; empty: no such thing
  std::string_view provider;   // "openai", ...: whose interface it is; static text
  // [A-Za-z0-9._:/@+-] only; empty: not known. What was asked for, and what answered.
  ModelName request_model;
  ModelName response_model;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  bool input_known = false;
  bool output_known = false;

  // Adds what the other one knows.
  void merge(const GenAi& other);
};

// What is known of an exchange whose answer is a stream, or that asked a language model.
struct StreamFacts {
  StreamTimes times;  // kind None: it is no stream
  GenAi gen_ai;       // no operation: it asked no language model
};

}  // namespace tailwhy
