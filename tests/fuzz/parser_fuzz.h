// Any calls with any bytes to a parser: boundaries must alternate and grow, secrets must lie in
// what was fed, where bytes are cut must not matter, and what a recording keeps must replay to the
// same messages.
#pragma once

#include "parser_script.h"
#include "proto/parser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy::test {

/// What holds of one protocol and not of all.
struct FuzzTraits {
  bool every_request_has_a_head = false;
  bool may_go_on = false;  // with an exchange that another parser began
};

namespace fuzz {

inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

// One boundary, in a form that can be compared.
struct Seen {
  Message::Kind kind;
  Side side;
  EndRule end_rule;
  std::uint64_t offset;
  std::uint64_t stream_id;
  std::uint64_t size;
  Failure failure;
  std::string text;
  bool operator==(const Seen&) const = default;
};

inline bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

inline bool printable_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

inline std::string text_of(const GenAi& g) {
  for (const ModelName& name : {g.request_model, g.response_model})
    require(printable(name.view()) && !name.truncated());
  return std::string(g.operation) + " " + std::string(g.request_model.view()) + " " +
         std::string(g.response_model.view()) + " " +
         std::to_string(g.input_known ? g.input_tokens : 0) + " " +
         std::to_string(g.output_known ? g.output_tokens : 0);
}

inline Seen seen(const Message& m, const ParseOutput& out, const FuzzTraits& traits) {
  Seen s{m.kind, m.side, m.end_rule, m.offset, m.stream_id, m.size, m.failure, {}};
  if (m.kind == Message::Kind::RequestHead) {
    require(!traits.every_request_has_a_head || !m.request.method.empty());
    require(printable_line(m.request.method.view()));
    require(printable_line(m.request.route.view()) && !m.request.route.truncated());
    require(printable(m.request.request_id.view()));
    const auto& id = m.request.trace.trace_id;
    s.text = std::string(m.request.method.view()) + " " + std::string(m.request.route.view()) +
             " " + std::string(m.request.protocol_version) + " " +
             std::string(m.request.request_id.view()) + " " + std::string(id.begin(), id.end());
    // heads end at different places when a head that is lost is cut differently
  } else if (m.kind == Message::Kind::ResponseHead) {
    for (const char c : m.response.status_text.view())
      require(c > ' ' && c < 0x7f && c != '"' && c != '\\');
    s.text = std::to_string(m.response.status) + " " + std::string(m.response.status_text.view()) +
             " " + std::to_string(static_cast<int>(m.response.verdict));
  } else if (m.kind == Message::Kind::Progress) {
    s.text = std::to_string(m.progress.messages) + (m.progress.closes ? " closes " : " ") +
             std::to_string(m.progress.close_code);
  } else if (m.kind == Message::Kind::GenAi) {
    require(m.size < out.gen_ai.size());
    s.text = text_of(out.gen_ai[m.size]);
    s.size = 0;
  } else if (m.kind == Message::Kind::StreamBegin) {
    s.text = std::string(to_string(m.stream));
  } else if (m.kind == Message::Kind::RequestEnd) {
    s.text = std::to_string(m.messages);
  }
  return s;
}

// What must hold of the boundaries of one side.
struct SideChecks {
  bool open = false;
  bool head = false;
};

class Checker {
 public:
  explicit Checker(const FuzzTraits& traits) : traits_(traits) {}

  void check(const Message& m, std::uint64_t limit) {
    using Kind = Message::Kind;
    const Side side =
        m.kind == Kind::RequestBegin || m.kind == Kind::RequestHead || m.kind == Kind::RequestEnd
            ? Side::Request
        : m.kind == Kind::Lost || m.kind == Kind::Switch || m.kind == Kind::Mistaken ||
                m.kind == Kind::NoAnswer || m.kind == Kind::Progress || m.kind == Kind::GenAi
            ? m.side
            : Side::Response;
    require(m.side == side);
    require(!over_);
    const bool response = side == Side::Response;
    require(!finished_[response] || m.end_rule == EndRule::Close || m.kind == Kind::Abandoned);
    require(m.offset >= last_[response] && m.offset <= limit);
    last_[response] = m.offset;
    SideChecks& s = streams_[m.stream_id][response];
    const bool is_end = m.kind == Kind::RequestEnd || m.kind == Kind::ResponseEnd;
    require(is_end == (m.end_rule != EndRule::None));
    switch (m.kind) {
      case Kind::RequestBegin:
      case Kind::ResponseBegin:
        require(!s.open);
        s.open = true;
        s.head = false;
        break;
      case Kind::RequestHead:
        require(s.open && !s.head);
        s.head = true;
        break;
      case Kind::ResponseHead:  // trailers follow the head of a stream
        require(s.open && (!s.head || m.stream_id != 0));
        s.head = true;
        break;
      case Kind::RequestEnd:
      case Kind::ResponseEnd:
        // a stream may be given up before it has a response
        require(s.open || m.failure != Failure::None || traits_.may_go_on);
        require(s.head || !traits_.every_request_has_a_head);
        s.open = false;
        break;
      case Kind::NoAnswer:
        require(!s.open);
        break;
      case Kind::Progress:
        break;
      case Kind::StreamBegin:
      case Kind::StreamEvent:
      case Kind::StreamGap:
      case Kind::GenAi:
        require(s.open);
        break;
      case Kind::Lost:  // other streams than 0 are known by their ids afterwards
        streams_[0][response].open = false;
        break;
      case Kind::Abandoned:
        require(m.stream_id != 0);
        streams_.erase(m.stream_id);
        return;
      case Kind::Tunnel:
        require(!s.open);
        over_ = true;
        break;
      case Kind::Switch:
        over_ = true;
        break;
      case Kind::Mistaken:
        over_ = true;
        break;
    }
    if (m.stream_id != 0 && !s.open && !streams_[m.stream_id][!response].open)
      streams_.erase(m.stream_id);
  }
  void finish(Side side) { finished_[side == Side::Response] = true; }
  [[nodiscard]] bool over() const { return over_; }

 private:
  FuzzTraits traits_;
  std::map<std::uint64_t, std::array<SideChecks, 2>> streams_;
  std::array<std::uint64_t, 2> last_{};
  std::array<bool, 2> finished_{};
  bool over_ = false;  // other bytes follow than this parser's
};

struct Options {
  bool want_secrets = false;
  bool bytewise = false;
  std::vector<Call>* masked = nullptr;  // out: the calls as a recording would hold them
};

inline std::vector<Seen> run(const ParserSpec& spec,
                             const FuzzTraits& traits,
                             const std::vector<Call>& calls,
                             const Options& options) {
  const std::unique_ptr<Parser> parser = spec.make();
  ParseOutput out;
  out.want_secrets = options.want_secrets;
  Checker checker(traits);
  std::vector<Seen> log;
  std::array<std::uint64_t, 2> offsets{};
  std::array<bool, 2> called{};

  const auto collect = [&](std::size_t fed, Call* masked) {
    for (const Message& m : out.messages) {
      checker.check(m, offsets[m.side == Side::Response]);
      log.push_back(seen(m, out, traits));
    }
    std::size_t end = 0;
    for (const SecretSpan& span : out.secrets) {
      require(options.want_secrets && span.size > 0);
      require(span.offset >= end && span.offset <= fed && span.size <= fed - span.offset);
      end = span.offset + span.size;
      if (masked != nullptr)
        std::fill_n(masked->bytes.begin() + static_cast<long>(span.offset), span.size, 'x');
    }
    out.clear();
  };
  const auto feed = [&](Side side, std::string_view text, Call* masked) {
    // exactly sized, so that the sanitizer sees one byte too many
    const auto copy = std::make_unique<std::byte[]>(text.size());
    if (!text.empty()) std::memcpy(copy.get(), text.data(), text.size());
    std::uint64_t& offset = offsets[side == Side::Response];
    offset += text.size();
    parser->feed(side, offset - text.size(), {copy.get(), text.size()}, out);
    collect(text.size(), masked);
  };

  for (const Call& call : calls) {
    if (checker.over()) break;  // nobody feeds it any more
    std::uint64_t& offset = offsets[call.side == Side::Response];
    Call* masked = nullptr;
    if (options.masked != nullptr) masked = &options.masked->emplace_back(call);
    switch (call.kind) {
      case Call::Kind::Feed:
        if (options.bytewise) {
          for (const char& c : call.bytes) {
            if (!checker.over()) feed(call.side, {&c, 1}, nullptr);
          }
        } else {
          feed(call.side, call.bytes, masked);
        }
        break;
      case Call::Kind::Skip: {
        const auto tail = std::as_bytes(std::span(call.bytes));
        offset += call.size;
        parser->skip(call.side, offset - call.size, call.size, tail, out);
        const std::size_t kept = std::min<std::uint64_t>(call.size, call.bytes.size());
        if (masked != nullptr) masked->bytes = call.bytes.substr(call.bytes.size() - kept);
        collect(kept, masked);
        break;
      }
      case Call::Kind::Finish:
        parser->finish(call.side, offset, out);
        collect(0, nullptr);
        checker.finish(call.side);
        break;
      case Call::Kind::Turn:
        parser->turn(call.side, offset, out);
        collect(0, nullptr);
        break;
      case Call::Kind::Unsynchronised:
        if (!called[call.side == Side::Response]) parser->start_unsynchronised(call.side);
        break;
    }
    called[call.side == Side::Response] = true;
  }
  return log;
}

// Where a lost parser finds its way back depends on how much it gets to see at once.
inline void cut_at_loss(std::vector<Seen>& log) {
  const auto lost = std::find_if(log.begin(), log.end(),
                                 [](const Seen& s) { return s.kind == Message::Kind::Lost; });
  if (lost != log.end()) log.erase(lost + 1, log.end());
}

}  // namespace fuzz

/// Runs the script that `input` is; traps if anything does not hold.
inline void fuzz_parser(const ParserSpec& spec,
                        std::span<const std::uint8_t> input,
                        const FuzzTraits& traits = {}) {
  using fuzz::require;
  using fuzz::Seen;
  const std::vector<Call> calls = read_script(input);
  std::vector<Seen> plain = fuzz::run(spec, traits, calls, {});

  std::vector<Call> masked;
  const std::vector<Seen> recorded =
      fuzz::run(spec, traits, calls, {.want_secrets = true, .masked = &masked});
  require(recorded == plain);
  require(fuzz::run(spec, traits, masked, {}) == plain);

  const bool seamless = std::all_of(calls.begin(), calls.end(), [](const Call& call) {
    return call.kind != Call::Kind::Skip && call.kind != Call::Kind::Unsynchronised;
  });
  if (seamless) {
    std::vector<Seen> bytewise = fuzz::run(spec, traits, calls, {.bytewise = true});
    fuzz::cut_at_loss(bytewise);
    fuzz::cut_at_loss(plain);
    require(bytewise == plain);
  }
}

}  // namespace tailwhy::test
