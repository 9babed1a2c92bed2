// Drives a parser as the flow layer would, and writes down what it says as one line of text
// a message, so that tests can compare with what they expect to read.
#pragma once

#include "proto/parser.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tailwhy::test {

/// Bytes that one side sends before the other side's turn.
struct Turn {
  Side side;
  std::string bytes;
};

inline Turn request(std::string bytes) {
  return {Side::Request, std::move(bytes)};
}
inline Turn response(std::string bytes) {
  return {Side::Response, std::move(bytes)};
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string describe(const GenAi& g) {
  std::string text = fmt::format("{} {}", g.operation, g.provider);
  if (!g.request_model.empty()) text += fmt::format(" asked {}", g.request_model.view());
  if (!g.response_model.empty()) text += fmt::format(" model {}", g.response_model.view());
  if (g.input_known) text += fmt::format(" in {}", g.input_tokens);
  if (g.output_known) text += fmt::format(" out {}", g.output_tokens);
  return text;
}

inline std::string describe(const Message& m) {
  using Kind = Message::Kind;
  const std::string stream = m.stream_id == 0 ? "" : fmt::format(" stream {}", m.stream_id);
  const std::string size = m.stream_id == 0 ? "" : fmt::format(" size {}", m.size);
  switch (m.kind) {
    case Kind::RequestBegin:
      return fmt::format("request begin {}{}", m.offset, stream);
    case Kind::RequestHead: {
      const RequestHead& r = m.request;
      std::string text = fmt::format("request head {} {} {}", r.method.view(),
                                     r.route.empty() ? "-" : r.route.view(),
                                     r.protocol_version.empty() ? "-" : r.protocol_version);
      if (r.trace.valid) text += fmt::format(" trace {:02x}", fmt::join(r.trace.trace_id, ""));
      if (!r.protocol.empty()) text += fmt::format(" as {}", r.protocol);
      if (r.open_ended) text += " open-ended";
      if (r.one_way) text += " one-way";
      if (r.carries_messages) text += " of messages";
      if (!r.request_id.empty()) text += fmt::format(" id {}", r.request_id.view());
      return text + stream;
    }
    case Kind::RequestEnd:
      return fmt::format("request end {} {}{}{}{}", m.offset, to_string(m.end_rule), stream, size,
                         m.messages > 1 ? fmt::format(" messages {}", m.messages) : "");
    case Kind::ResponseBegin:
      return fmt::format("response begin {}{}", m.offset, stream);
    case Kind::ResponseHead: {
      using Verdict = ResponseHead::Verdict;
      const ResponseHead& r = m.response;
      const bool word = r.status == 0 && !r.status_text.empty();
      const std::string_view verdict = r.verdict == Verdict::ServerError           ? " error"
                                       : r.verdict == Verdict::Unknown             ? " unknown"
                                       : word && r.verdict == Verdict::ClientError ? " client error"
                                                                                   : "";
      return fmt::format("response head {}{}{}",
                         word ? std::string(r.status_text.view()) : fmt::format("{}", r.status),
                         verdict, stream);
    }
    case Kind::ResponseEnd:
      return fmt::format("response end {} {}{}{}{}", m.offset, to_string(m.end_rule), stream, size,
                         m.failure == Failure::None ? "" : " " + std::string(to_string(m.failure)));
    case Kind::NoAnswer:
      return fmt::format("{} no answer {}{}", m.side == Side::Request ? "request" : "response",
                         m.offset, stream);
    case Kind::Progress: {
      const std::string closes =
          m.progress.closes ? fmt::format(" closes {}", m.progress.close_code) : "";
      return fmt::format("{} messages {} end {} size {}{}{}",
                         m.side == Side::Request ? "request" : "response", m.progress.messages,
                         m.offset, m.size, closes, stream);
    }
    case Kind::Lost:
      return fmt::format("{} lost {}", m.side == Side::Request ? "request" : "response", m.offset);
    case Kind::Tunnel:
      return fmt::format("tunnel {}", m.offset);
    case Kind::Switch:
      return fmt::format("switch to {} at {}{}{}", m.next == nullptr ? "unknown" : m.next->name,
                         m.offset, m.request.carries_messages ? " of messages" : "", stream);
    case Kind::Abandoned:
      return fmt::format("abandoned {}{}", m.offset, stream);
    case Kind::StreamBegin:
      return fmt::format("stream of {}{}", to_string(m.stream), stream);
    case Kind::StreamEvent:
      return fmt::format("event end {}{}", m.offset, stream);
    case Kind::StreamGap:
      return fmt::format("stream gap {}{}", m.offset, stream);
    case Kind::GenAi:
      return fmt::format("{} says{}", m.side == Side::Request ? "request" : "response", stream);
    case Kind::Mistaken:
      return fmt::format("{} mistaken {}", m.side == Side::Request ? "request" : "response",
                         m.offset);
  }
  return "?";
}

/// One parser, the offsets of its two streams, and the log of what it said.
class ParserDriver {
 public:
  explicit ParserDriver(const ParserSpec& spec, bool want_secrets = false) : parser_(spec.make()) {
    out_.want_secrets = want_secrets;
  }

  ParserDriver& feed(Side side, std::string_view bytes) {
    parser_->feed(side, offset(side), as_bytes(bytes), out_);
    collect(side, bytes, bytes.size());
    return *this;
  }
  ParserDriver& skip(Side side, std::uint64_t size, std::string_view tail = {}) {
    parser_->skip(side, offset(side), size, as_bytes(tail), out_);
    collect(side, tail, size);
    return *this;
  }
  ParserDriver& finish(Side side) {
    parser_->finish(side, offset(side), out_);
    collect(side, {}, 0);
    return *this;
  }
  ParserDriver& turn(Side side) {
    parser_->turn(side, offset(side), out_);
    collect(side, {}, 0);
    return *this;
  }
  ParserDriver& unsynchronised(Side side) {
    parser_->start_unsynchronised(side);
    return *this;
  }

  // The usual: a turn, then its bytes.
  ParserDriver& request(std::string_view bytes) {
    return turn(Side::Request).feed(Side::Request, bytes);
  }
  ParserDriver& response(std::string_view bytes) {
    return turn(Side::Response).feed(Side::Response, bytes);
  }

  [[nodiscard]] std::uint64_t offset(Side side) const { return offsets_[side == Side::Response]; }
  [[nodiscard]] const std::vector<std::string>& log() const { return log_; }
  /// What came since the last call.
  std::vector<std::string> take() { return std::exchange(log_, {}); }
  /// What a recording would hold of the bytes fed: secrets replaced by 'x'.
  [[nodiscard]] const std::string& masked(Side side) const {
    return masked_[side == Side::Response];
  }
  /// False if a span was empty or lay outside of the buffer it came with.
  [[nodiscard]] bool spans_inside() const { return spans_inside_; }

 private:
  void collect(Side side, std::string_view bytes, std::uint64_t size) {
    offsets_[side == Side::Response] += size;
    for (const Message& m : out_.messages)
      log_.push_back(m.kind == Message::Kind::GenAi
                         ? describe(m) + ": " + describe(out_.gen_ai.at(m.size))
                         : describe(m));
    std::string copy(bytes);
    for (const SecretSpan& s : out_.secrets) {
      if (s.size == 0 || s.size > copy.size() || s.offset > copy.size() - s.size) {
        spans_inside_ = false;
        continue;
      }
      std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(s.offset), s.size, 'x');
    }
    masked_[side == Side::Response] += copy;
    out_.clear();
  }

  std::unique_ptr<Parser> parser_;
  ParseOutput out_;
  std::array<std::uint64_t, 2> offsets_{};
  std::array<std::string, 2> masked_;
  std::vector<std::string> log_;
  bool spans_inside_ = true;
};

using Lines = std::vector<std::string>;

}  // namespace tailwhy::test
