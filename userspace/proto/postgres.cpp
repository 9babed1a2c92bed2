#include "proto/postgres.h"

#include "proto/frames.h"
#include "proto/postgres_messages.h"
#include "proto/prepared_statements.h"
#include "proto/sql.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <deque>
#include <string_view>

namespace tailwhy {
namespace postgres {
namespace {

// Sent at any time: no beginning of an answer.
constexpr std::string_view kAsynchronous = "NSA";

// What has no statement to be named by.
SqlSummary named(std::string_view name) {
  SqlSummary summary;
  summary.operation.assign(name);
  summary.text.assign(name);
  return summary;
}

// Of a statement that goes on beyond the prefix, what is surely whole; of one with a hole, only
// what it does.
SqlSummary summary_of(std::string_view text, bool cut) {
  const CString statement = c_string(text);
  const bool whole = statement.ended();
  SqlSummary summary = summarise_sql(statement.text, SqlDialect::PostgreSql, whole);
  if (cut) summary.text.clear();
  return summary;
}

class PostgreSqlParser final : public Parser, private FrameHandler {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override {
    if (over_) return out.hide_all(bytes.size());
    if (side == Side::Request && !begun_ && !bytes.empty()) {
      // The first byte of a startup message is that of a length.
      begun_ = true;
      starting_ = bytes[0] == std::byte{0};
      if (starting_) requests_.use(kStartup);
    }
    reader(side).feed(offset, bytes, out);
  }
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> tail,
            ParseOutput& out) override {
    if (over_) return;
    if (side == Side::Request) begun_ = true;
    if (side == Side::Response && responses_.would_lose(offset, size) && ends_with_ready(tail) &&
        std::count_if(expected_.begin(), expected_.end(),
                      [](const Expected& e) { return e.ends_at_ready; }) == 1) {
      responses_.jump(offset + size);
      status_known_ = false;
      return on_ready(offset + size, out);
    }
    reader(side).skip(offset, size, out);
  }
  void finish(Side side, std::uint64_t /*offset*/, ParseOutput& /*out*/) override {
    reader(side).finish();
  }
  void turn(Side side, std::uint64_t offset, ParseOutput& /*out*/) override {
    if (side == Side::Request && responses_.lost()) expected_.clear();  // all of it was answered
    reader(side).turn(offset);
  }
  void start_unsynchronised(Side /*side*/) override {}

 private:
  using Kind = Message::Kind;

  // What the server still has to answer, in order.
  struct Expected {
    bool is_exchange = true;     // false: a Sync of its own
    bool ends_at_ready = false;  // with ReadyForQuery, not with its completion
    bool ends_at_error = false;  // the start of a session
  };
  static constexpr std::size_t kMostExpected = 4096;

  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : responses_; }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    if (over_) return false;
    if (side == Side::Response) return on_answer(frame, out);
    if (starting()) return on_startup(frame, out);
    last_type_ = static_cast<char>(frame.bytes[0]);
    const std::string_view body = body_of(frame.bytes);
    switch (last_type_) {
      case 'Q':
        open(frame.begin, out);
        summary_ = summary_of(body, frame.cut);
        break;
      case 'P': {
        open(frame.begin, out);
        const CString name = c_string(body);
        summary_ = summary_of(body.substr(name.size), frame.cut);
        if (name.ended()) statements_.put(PreparedStatements::key_of(name.text), summary_);
        if (executes_ == Executes::Nothing) executes_ = Executes::Prepare;
        break;
      }
      case 'B': {
        open(frame.begin, out);
        const CString portal = c_string(body);
        const SqlSummary* bound =
            statements_.find(PreparedStatements::key_of(c_string(body.substr(portal.size)).text));
        summary_ = bound != nullptr ? *bound : named("EXECUTE");
        bound_ = summary_;
        break;
      }
      case 'D':
      case 'C':
        open(frame.begin, out);
        if (executes_ == Executes::Nothing) {
          executes_ = last_type_ == 'D' ? Executes::Describe : Executes::Deallocate;
        }
        break;
      case 'E':
        open(frame.begin, out);
        if (!bound_.operation.empty()) {
          summary_ = bound_;
        } else if (summary_.operation.empty()) {
          summary_ = named("EXECUTE");
        }
        break;
      case 'F':
        open(frame.begin, out);
        summary_ = named("CALL");
        break;
      default:
        break;
    }
    return true;
  }

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (over_) return;
    if (side == Side::Response) return on_answer_end(offset, out);
    if (starting()) return on_startup_end(offset, out);
    switch (last_type_) {
      case 'Q':
      case 'F':
        close(offset, {.ends_at_ready = true}, out);
        break;
      case 'E':
        close(offset, {}, out);
        break;
      case 'S':
        on_sync(offset, out);
        break;
      default:
        break;
    }
  }

  void on_sync(std::uint64_t offset, ParseOutput& out) {
    if (open_) {  // that executes nothing
      constexpr std::array<std::string_view, 4> kNames = {"BIND", "PREPARE", "DESCRIBE",
                                                          "DEALLOCATE"};
      const std::string_view name = kNames[static_cast<std::size_t>(executes_)];
      if (executes_ == Executes::Prepare) {
        summary_.operation.assign(name);  // with the tables of what it prepares
      } else {
        summary_ = named(name);
      }
      close(offset, {.ends_at_ready = true}, out);
    } else if (!expected_.empty() && expected_.back().is_exchange &&
               !expected_.back().ends_at_ready) {
      expected_.back().ends_at_ready = true;
    } else {
      expect({.is_exchange = false, .ends_at_ready = true});
    }
  }

  // --- the start of a session

  [[nodiscard]] bool starting() const { return starting_; }

  bool on_startup(const Frame& frame, ParseOutput& out) {
    code_ = wire::be32(frame.bytes, 4);
    const bool known = code_ >> 16U == 3 || code_ == kCancelRequest || code_ == kSslRequest ||
                       code_ == kGssRequest;
    if (!known) return false;
    if (code_ == kSslRequest || code_ == kGssRequest) return true;
    open(frame.begin, out);
    const std::string_view name = code_ == kCancelRequest ? "CANCEL" : "CONNECT";
    summary_ = named(name);
    one_way_ = code_ == kCancelRequest;
    return true;
  }

  void on_startup_end(std::uint64_t offset, ParseOutput& out) {
    if (code_ == kSslRequest || code_ == kGssRequest) {
      if (!responses_.inside()) responses_.use(kOneByte);
      asked_to_encrypt_ = true;
      return;
    }
    close(offset, {.ends_at_ready = true, .ends_at_error = true}, out);
    if (code_ != kCancelRequest) requests_.use(kFromClient);
    starting_ = code_ == kCancelRequest;
  }

  // --- requests

  void open(std::uint64_t offset, ParseOutput& out) {
    if (open_) return;
    open_ = true;
    executes_ = Executes::Nothing;
    summary_ = {};
    out.tell(Kind::RequestBegin, Side::Request, offset);
  }

  void close(std::uint64_t offset, Expected expected, ParseOutput& out) {
    if (!open_) return;
    open_ = false;
    RequestHead& head = out.tell(Kind::RequestHead, Side::Request, offset).request;
    head.method = summary_.operation;
    head.route = summary_.text;
    head.one_way = one_way_;
    out.tell(Kind::RequestEnd, Side::Request, offset).end_rule = EndRule::Framing;
    if (!one_way_) expect(expected);
    one_way_ = false;
    bound_ = {};
  }

  void expect(const Expected& expected) {
    if (expected_.size() < kMostExpected) expected_.push_back(expected);
  }

  // --- answers

  bool on_answer(const Frame& frame, ParseOutput& out) {
    if (asked_to_encrypt_) {
      const auto byte = static_cast<char>(frame.bytes[0]);
      if (byte != 'N' && byte != 'S' && byte != 'G') return false;
      encrypted_ = byte != 'N';
      return true;
    }
    answer_type_ = static_cast<char>(frame.bytes[0]);
    proven_ = true;
    if (expected_.empty() || kAsynchronous.find(answer_type_) != std::string_view::npos)
      return true;
    if (answer_type_ == 'E') {
      begin_answer(frame.begin, out);
      error_ = sqlstate(body_of(frame.bytes));
    } else if (answer_type_ != 'Z') {
      begin_answer(frame.begin, out);
    }
    return true;
  }

  void on_answer_end(std::uint64_t offset, ParseOutput& out) {
    if (asked_to_encrypt_) {
      asked_to_encrypt_ = false;
      responses_.use(kFromServer);
      if (encrypted_) {
        over_ = true;
        out.tell(Kind::Switch, Side::Response, offset);  // to nothing that can be read
      }
      return;
    }
    if (answer_type_ == 'Z') return on_ready(offset, out);
    if (expected_.empty()) return;
    const Expected& front = expected_.front();
    const bool failed = answer_type_ == 'E';
    const bool completed =
        failed || answer_type_ == 'C' || answer_type_ == 's' || answer_type_ == 'I';
    if (!completed || !front.is_exchange) return;
    if (failed ? front.ends_at_error || !front.ends_at_ready : !front.ends_at_ready) {
      end_answer(offset, out);
      skipping_ = failed;
      if (!failed) error_.clear();
    }
  }

  // ReadyForQuery: the Sync or simple query that it answers, and what was skipped before it.
  void on_ready(std::uint64_t offset, ParseOutput& out) {
    while (!expected_.empty()) {
      const Expected front = expected_.front();
      if (!front.ends_at_ready && !skipping_) break;  // not asked for: an Execute goes on
      if (front.is_exchange) {
        begin_answer(offset, out);
        end_answer(offset, out);
      } else {
        expected_.pop_front();
      }
      if (front.ends_at_ready) break;
    }
    skipping_ = false;
    error_.clear();
    status_known_ = true;
  }

  void begin_answer(std::uint64_t offset, ParseOutput& out) {
    if (answering_ || !expected_.front().is_exchange) return;
    answering_ = true;
    out.tell(Kind::ResponseBegin, Side::Response, offset);
  }

  void end_answer(std::uint64_t offset, ParseOutput& out) {
    using Verdict = ResponseHead::Verdict;
    ResponseHead& head = out.tell(Kind::ResponseHead, Side::Response, offset).response;
    head.status_text = error_;
    head.verdict = !error_.empty() ? Verdict::ServerError
                   : status_known_ ? Verdict::Ok
                                   : Verdict::Unknown;
    out.tell(Kind::ResponseEnd, Side::Response, offset).end_rule = EndRule::Framing;
    answering_ = false;
    expected_.pop_front();
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (over_) return;
    if (side == Side::Request) {
      open_ = false;
      one_way_ = false;
      starting_ = false;
      requests_.use(kFromClient);
    } else {
      answering_ = false;
      asked_to_encrypt_ = false;
      skipping_ = false;
      error_.clear();
      responses_.use(kFromServer);
    }
    if (proven_) {
      out.tell(Kind::Lost, side, offset);
    } else {
      over_ = true;
      out.tell(Kind::Mistaken, side, offset);
    }
  }

  void find_secrets(Side side,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override {
    const bool client = side == Side::Request;
    if ((client && starting_) || (!client && asked_to_encrypt_)) return;
    find_message_secrets(side, known, secrets);
  }

  enum class Executes : std::uint8_t { Nothing, Prepare, Describe, Deallocate };

  FrameReader requests_{Side::Request, kFromClient, *this};
  FrameReader responses_{Side::Response, kFromServer, *this};
  PreparedStatements statements_;
  std::deque<Expected> expected_;
  SqlSummary summary_;  // of the request that is open
  SqlSummary bound_;
  StatusText error_;
  std::uint32_t code_ = 0;
  char last_type_ = 0;
  char answer_type_ = 0;
  Executes executes_ = Executes::Nothing;
  bool begun_ = false;     // the first byte of the client was seen
  bool starting_ = false;  // requests are startup messages
  bool open_ = false;      // a request has begun and not ended
  bool one_way_ = false;
  bool asked_to_encrypt_ = false;
  bool encrypted_ = false;
  bool answering_ = false;  // the first of expected_
  bool skipping_ = false;   // after an error, up to ReadyForQuery
  bool status_known_ = true;
  bool proven_ = false;
  bool over_ = false;  // nothing more is read here
};

std::unique_ptr<Parser> make() {
  return std::make_unique<PostgreSqlParser>();
}

}  // namespace
}  // namespace postgres

const ParserSpec kPostgreSql{.name = "postgresql",
                             .family = ProtocolFamily::Sql,
                             .detect = postgres::detect,
                             .make = postgres::make};

}  // namespace tailwhy
