#include "proto/postgres.h"

#include "proto/frames.h"
#include "proto/sql.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <string_view>

namespace tailwhy {
namespace {

constexpr std::size_t kHeader = 5;         // type, length
constexpr std::size_t kStartupHeader = 8;  // length, version or request code
constexpr std::size_t kPrefix = 2048;      // of a statement, or of an error
constexpr std::uint64_t kMostMessage = 1U << 30U;
constexpr std::uint64_t kMostStartup = 10'000;  // MAX_STARTUP_PACKET_LENGTH

constexpr std::uint32_t kVersion3 = 3U << 16U;
constexpr std::uint32_t kCancelRequest = 80877102, kSslRequest = 80877103, kGssRequest = 80877104;

constexpr std::string_view kClientTypes = "QPBCDESHFXdcfp";
constexpr std::string_view kServerTypes = "RKSZTDCENI123nstAGHWVvdc";
// Sent at any time: no beginning of an answer.
constexpr std::string_view kAsynchronous = "NSA";

std::optional<std::uint64_t> message_size(std::span<const std::byte> header,
                                          std::string_view types) {
  const std::uint64_t length = wire::be32(header, 1);
  const bool known = types.find(static_cast<char>(header[0])) != std::string_view::npos;
  if (!known || length < 4 || length > kMostMessage) return std::nullopt;
  return length + 1;
}

constexpr FrameSpec kStartup{.header_size = kStartupHeader,
                             .prefix_size = 0,
                             .frame_size = [](std::span<const std::byte> header) {
                               const std::uint64_t size = wire::be32(header, 0);
                               const bool fits = size >= kStartupHeader && size <= kMostStartup;
                               return fits ? std::optional(size) : std::nullopt;
                             }};
constexpr FrameSpec kFromClient{.header_size = kHeader,
                                .prefix_size = kPrefix,
                                .frame_size = [](std::span<const std::byte> header) {
                                  return message_size(header, kClientTypes);
                                }};
constexpr FrameSpec kFromServer{.header_size = kHeader,
                                .prefix_size = kPrefix,
                                .frame_size = [](std::span<const std::byte> header) {
                                  return message_size(header, kServerTypes);
                                }};
// The answer to SSLRequest and its like.
constexpr FrameSpec kOneByte{
    .header_size = 1, .prefix_size = 0, .frame_size = [](std::span<const std::byte>) {
      return std::optional<std::uint64_t>(1);
    }};

// Up to the next 0, or as far as it goes, and how much of `text` that is with the 0.
struct CString {
  std::string_view text;
  std::size_t size = 0;
};
CString c_string(std::string_view text) {
  const std::size_t end = std::min(text.find('\0'), text.size());
  return {text.substr(0, end), std::min(end + 1, text.size())};
}

std::string_view body_of(std::span<const std::byte> bytes) {
  const auto body = bytes.subspan(std::min(bytes.size(), kHeader));
  return {reinterpret_cast<const char*>(body.data()), body.size()};
}

// What has no statement to be named by.
SqlSummary named(std::string_view name) {
  SqlSummary summary;
  summary.operation.assign(name);
  summary.text.assign(name);
  return summary;
}

constexpr std::string_view kUnknownError = "XX000";  // internal_error

// Fields of an error up to its SQLSTATE: severity and code, each a letter and a text. What follows
// may quote what the client sent.
std::size_t public_fields(std::string_view fields) {
  std::size_t at = 0;
  while (at < fields.size() && std::string_view("SVC").find(fields[at]) != std::string_view::npos)
    at += c_string(fields.substr(at)).size;
  return at;
}

StatusText sqlstate(std::string_view fields) {
  for (std::size_t at = 0; at < fields.size();) {
    const CString field = c_string(fields.substr(at));
    if (!field.text.empty() && field.text[0] == 'C') {
      const std::string_view code = field.text.substr(1);
      const bool plain = code.size() == 5 && std::all_of(code.begin(), code.end(), [](char c) {
                           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
                         });
      return StatusText(plain ? code : kUnknownError);
    }
    if (field.text.empty() || (field.text[0] != 'S' && field.text[0] != 'V')) break;
    at += field.size;
  }
  return StatusText(kUnknownError);
}

// Prepared statements of a connection by name: as many as a connection pool would have. The oldest
// is forgotten.
class Statements {
 public:
  void put(std::string_view name, const SqlSummary& summary) {
    const std::size_t key = std::hash<std::string_view>{}(name);
    for (Row& row : rows_) {
      if (row.key == key) return void(row.summary = summary);
    }
    if (rows_.size() < kMost) {
      rows_.push_back({key, summary});
    } else {
      rows_[next_] = {key, summary};
      next_ = (next_ + 1) % kMost;
    }
  }
  [[nodiscard]] const SqlSummary* find(std::string_view name) const {
    const std::size_t key = std::hash<std::string_view>{}(name);
    for (const Row& row : rows_) {
      if (row.key == key) return &row.summary;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kMost = 128;
  struct Row {
    std::size_t key;
    SqlSummary summary;
  };
  std::vector<Row> rows_;
  std::size_t next_ = 0;
};

// Of a statement that goes on beyond the prefix, what is surely whole; of one with a hole, only
// what it does.
SqlSummary summary_of(std::string_view text, bool cut) {
  const CString statement = c_string(text);
  const bool whole = statement.size > statement.text.size();
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
        if (name.size > name.text.size()) statements_.put(name.text, summary_);
        if (executes_ == Executes::Nothing) executes_ = Executes::Prepare;
        break;
      }
      case 'B': {
        open(frame.begin, out);
        const CString portal = c_string(body);
        const SqlSummary* bound = statements_.find(c_string(body.substr(portal.size)).text);
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

  // 'Z', its length, and the state of the transaction.
  static bool ends_with_ready(std::span<const std::byte> tail) {
    constexpr std::size_t kReady = 6;
    if (tail.size() < kReady) return false;
    const auto ready = tail.last(kReady);
    const auto state = static_cast<char>(ready[kHeader]);
    return static_cast<char>(ready[0]) == 'Z' && wire::be32(ready, 1) == kHeader &&
           (state == 'I' || state == 'T' || state == 'E');
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
    if ((client && starting_) || (!client && asked_to_encrypt_) || known.size() <= kHeader) return;
    const std::string_view body = body_of(known);
    const auto type = static_cast<char>(known[0]);
    std::size_t open = 0;
    if (client && (type == 'P' || type == 'B')) {
      open = c_string(body).size;
      if (type == 'B') open += c_string(body.substr(open)).size;
    }
    if (client && (type == 'P' || type == 'Q')) {
      const CString text = c_string(body.substr(open));
      find_sql_secrets(text.text, SqlDialect::PostgreSql, kHeader + open, secrets);
      open += text.size;
    }
    if (!client && type == 'E') open = public_fields(body);
    if (open < body.size()) secrets.push_back({kHeader + open, body.size() - open});
  }

  enum class Executes : std::uint8_t { Nothing, Prepare, Describe, Deallocate };

  FrameReader requests_{Side::Request, kFromClient, *this};
  FrameReader responses_{Side::Response, kFromServer, *this};
  Statements statements_;
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

// Startup messages; or messages one after the other of which the first may begin a turn. A single
// message must be a query with a command that is known, or be followed by another.
Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response) return Confidence::No;
  if (bytes.empty()) return Confidence::NeedMore;
  if (bytes[0] == std::byte{0}) {
    if (bytes.size() < kStartupHeader) return Confidence::NeedMore;
    const std::uint32_t code = wire::be32(bytes, 4);
    const std::uint32_t size = wire::be32(bytes, 0);
    const bool request = size == kStartupHeader && (code == kSslRequest || code == kGssRequest);
    const bool cancel = size == 16 && code == kCancelRequest;
    const bool start = size > kStartupHeader && size <= kMostStartup && code == kVersion3;
    return request || cancel || start ? Confidence::Yes : Confidence::No;
  }
  constexpr std::string_view kFirst = "QPBCDESF";
  if (kFirst.find(static_cast<char>(bytes[0])) == std::string_view::npos) return Confidence::No;
  std::size_t at = 0;
  for (int messages = 0; messages < 3; ++messages) {
    if (bytes.size() - at < kHeader) {
      // At the end after a whole message, or too short to tell.
      const bool text = bytes.size() > 1 && at == 0 && bytes[1] != std::byte{0};
      return text ? Confidence::No : Confidence::NeedMore;
    }
    const auto header = bytes.subspan(at, kHeader);
    const auto size = message_size(header, kClientTypes);
    if (!size || *size > (1U << 24U)) return Confidence::No;
    const auto type = static_cast<char>(header[0]);
    const std::string_view body = body_of(bytes.subspan(at));
    if (type == 'Q') {
      const Method operation = summarise_sql(c_string(body).text, SqlDialect::PostgreSql).operation;
      return !operation.empty() && operation.view() != "_OTHER" ? Confidence::Yes : Confidence::No;
    }
    if ((type == 'S' || type == 'H') && *size != kHeader) return Confidence::No;
    if (messages == 2 || (messages > 0 && (type == 'S' || type == 'E'))) return Confidence::Yes;
    if (*size >= bytes.size() - at) return messages > 0 ? Confidence::Yes : Confidence::No;
    at += static_cast<std::size_t>(*size);
  }
  return Confidence::No;
}

std::unique_ptr<Parser> make() {
  return std::make_unique<PostgreSqlParser>();
}

}  // namespace

const ParserSpec kPostgreSql{
    .name = "postgresql", .family = ProtocolFamily::Sql, .detect = detect, .make = make};

}  // namespace tailwhy
