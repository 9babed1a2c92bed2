#include "proto/cassandra.h"

#include "proto/cassandra_names.h"
#include "proto/frames.h"
#include "proto/prepared_statements.h"
#include "proto/sql.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace tailwhy {
namespace {

using cassandra::error_name;
using cassandra::name_of;
using cassandra::Opcode;
using Kind = Message::Kind;
using Verdict = ResponseHead::Verdict;
using Bytes = std::span<const std::byte>;

// native_protocol_v4.spec, 2.
constexpr std::size_t kHeader = 9;
constexpr std::uint64_t kMostBody = std::uint64_t{256} << 20;
constexpr std::uint8_t kOldest = 3, kLast = 5;
constexpr std::uint8_t kAnswer = 0x80;
constexpr std::uint8_t kTracing = 2,
                       kAnyFlag = 0x1f;  // the others change what the body begins with
constexpr std::size_t kTracingId = 16;
// Of a request, as much of its statement as is looked at; of an answer, a code or an id.
constexpr std::size_t kMostStatement = 4096;
constexpr std::size_t kMostAnswer = 4 + 2 + 64;
constexpr std::size_t kMostPreparing = 64;
constexpr std::uint32_t kPrepared = 4;  // the kind of a RESULT

std::uint8_t version_of(Bytes header) {
  return wire::u8(header, 0) & 0x7f;
}
std::uint8_t flags_of(Bytes header) {
  return wire::u8(header, 1);
}
// One more than the stream, of which 0 is one; nothing: of the server's own (-1).
std::uint64_t stream_of(Bytes header) {
  return std::uint64_t{1} << 16 | wire::be16(header, 2);
}
bool is_event(Bytes header) {
  return (wire::u8(header, 2) & 0x80) != 0;
}
Opcode opcode_of(Bytes header) {
  return static_cast<Opcode>(wire::u8(header, 4));
}
std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::uint64_t> frame_size(Bytes header, bool answer) {
  const std::uint8_t first = wire::u8(header, 0);
  const std::uint64_t size = wire::be32(header, 5);
  if (((first & kAnswer) != 0) != answer || flags_of(header) > kAnyFlag) return std::nullopt;
  if (version_of(header) < kOldest || version_of(header) > kLast || size > kMostBody)
    return std::nullopt;
  const Opcode opcode = opcode_of(header);
  if (opcode > Opcode::AuthSuccess || name_of(opcode).empty() != answer) return std::nullopt;
  return kHeader + size;
}
std::optional<std::uint64_t> request_size(Bytes header) {
  return frame_size(header, false);
}
std::optional<std::uint64_t> answer_size(Bytes header) {
  return frame_size(header, true);
}

// Is the body that of the opcode, from its first byte on?
bool is_plain(Bytes header) {
  return (flags_of(header) & ~kTracing) == 0;
}

std::size_t request_prefix(Bytes header) {
  if (!is_plain(header)) return 0;
  const Opcode opcode = opcode_of(header);
  if (opcode == Opcode::Query || opcode == Opcode::Prepare) return 4 + kMostStatement;
  return opcode == Opcode::Execute ? kMostAnswer : 0;
}
std::size_t answer_prefix(Bytes header) {
  const Opcode opcode = opcode_of(header);
  if ((flags_of(header) & ~kTracing) != 0) return 0;
  return opcode == Opcode::Error || opcode == Opcode::Result ? kTracingId + kMostAnswer : 0;
}

constexpr FrameSpec kFromClient{
    .header_size = kHeader, .frame_size = request_size, .prefix_of = request_prefix};
constexpr FrameSpec kFromServer{
    .header_size = kHeader, .frame_size = answer_size, .prefix_of = answer_prefix};

// The text of QUERY and PREPARE, [long string]: as far as it is known.
struct Statement {
  std::string_view text;
  bool whole = false;
};
std::optional<Statement> statement_of(Bytes frame) {
  if (!is_plain(frame) || frame.size() < kHeader + 4) return std::nullopt;
  const Opcode opcode = opcode_of(frame);
  if (opcode != Opcode::Query && opcode != Opcode::Prepare) return std::nullopt;
  const std::size_t size = wire::be32(frame, kHeader);
  const Bytes rest = frame.subspan(kHeader + 4);
  return Statement{as_text(rest.first(std::min(size, rest.size()))), rest.size() >= size};
}

// The id of a prepared statement, [short bytes] at `at`; empty: not known.
std::string_view id_at(Bytes frame, std::size_t at) {
  if (frame.size() < at + 2) return {};
  const std::size_t size = wire::be16(frame, at);
  if (frame.size() < at + 2 + size) return {};
  return as_text(frame.subspan(at + 2, size));
}

// Where the body of an answer begins that is not hidden behind something.
std::size_t body_at(Bytes header) {
  return kHeader + ((flags_of(header) & kTracing) != 0 ? kTracingId : 0);
}

class CassandraParser final : public Parser, private FrameHandler {
 public:
  void feed(Side side, std::uint64_t offset, Bytes bytes, ParseOutput& out) override {
    if (over_) return out.hide_all(bytes.size());
    reader(side).feed(offset, bytes, out);
  }
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            Bytes /*tail*/,
            ParseOutput& out) override {
    if (!over_) reader(side).skip(offset, size, out);
  }
  void finish(Side side, std::uint64_t /*offset*/, ParseOutput& /*out*/) override {
    reader(side).finish();
  }
  void turn(Side side, std::uint64_t offset, ParseOutput& /*out*/) override {
    reader(side).turn(offset);
  }
  void start_unsynchronised(Side /*side*/) override {}

 private:
  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : responses_; }
  std::uint64_t& current(Side side) { return current_[side == Side::Response]; }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    begin_[side == Side::Response] = frame.begin;
    current(side) = 0;
    if (is_event(frame.bytes)) return side == Side::Response;
    current(side) = stream_of(frame.bytes);
    side == Side::Request ? on_request(frame, out) : on_answer(frame, out);
    return true;
  }

  void on_request(const Frame& frame, ParseOutput& out) {
    const std::uint64_t stream = current(Side::Request);
    const Opcode opcode = opcode_of(frame.bytes);
    out.tell(Kind::RequestBegin, Side::Request, frame.begin, stream);
    RequestHead& head = out.tell(Kind::RequestHead, Side::Request, frame.begin, stream).request;
    head.method.assign(name_of(opcode));
    if (opcode == Opcode::Startup) {
      starting_ = stream;
      version_ = version_of(frame.bytes);
    }
    if (const auto statement = statement_of(frame.bytes)) {
      const SqlSummary summary =
          summarise_sql(statement->text, SqlDialect::PostgreSql, statement->whole);
      if (opcode == Opcode::Prepare) {
        if (preparing_.size() < kMostPreparing || preparing_.contains(stream)) {
          preparing_[stream] = summary;
        }
      } else if (!summary.operation.empty()) {
        head.method = summary.operation;
        head.route = summary.text;
      }
    } else if (opcode == Opcode::Execute && is_plain(frame.bytes)) {
      const std::string_view id = id_at(frame.bytes, kHeader);
      const SqlSummary* known = prepared_.find(PreparedStatements::key_of(id));
      if (id.empty() || known == nullptr || known->operation.empty()) return;
      head.method = known->operation;
      head.route = known->text;
    }
  }

  void on_answer(const Frame& frame, ParseOutput& out) {
    const std::uint64_t stream = current(Side::Response);
    const Opcode opcode = opcode_of(frame.bytes);
    out.tell(Kind::ResponseBegin, Side::Response, frame.begin, stream);
    ResponseHead& head = out.tell(Kind::ResponseHead, Side::Response, frame.begin, stream).response;
    const std::size_t at = body_at(frame.bytes);
    const bool plain = is_plain(frame.bytes) && frame.bytes.size() >= at + 4;
    if (opcode == Opcode::Error) {
      head.verdict = Verdict::ServerError;
      if (plain) head.status_text.assign(error_name(wire::be32(frame.bytes, at)));
    }
    const auto preparing = preparing_.find(stream);
    if (preparing != preparing_.end()) {
      const bool prepared =
          opcode == Opcode::Result && plain && wire::be32(frame.bytes, at) == kPrepared;
      const std::string_view id = prepared ? id_at(frame.bytes, at + 4) : std::string_view{};
      if (!id.empty()) prepared_.put(PreparedStatements::key_of(id), preparing->second);
      preparing_.erase(preparing);
    }
    const bool started = opcode == Opcode::Ready || opcode == Opcode::Authenticate;
    switches_ = version_ == kLast && started && stream == starting_;
  }

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (current(side) == 0) return;
    const Kind kind = side == Side::Request ? Kind::RequestEnd : Kind::ResponseEnd;
    Message& message = out.tell(kind, side, offset, current(side));
    message.end_rule = EndRule::Framing;
    message.size = offset - begin_[side == Side::Response];
    current(side) = 0;
    if (side == Side::Request || !switches_) return;
    over_ = true;
    reader(Side::Response).finish();
    out.tell(Kind::Switch, side, offset);
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    current(side) = 0;
    if (side == Side::Response) preparing_.clear();
    out.tell(Kind::Lost, side, offset);
  }

  void find_secrets(Side side, Bytes known, std::vector<SecretSpan>& secrets) const override {
    std::size_t kept = kHeader;
    if (known.size() <= kHeader) return;
    if (side == Side::Request) {
      const bool text = is_plain(known) &&
                        (opcode_of(known) == Opcode::Query || opcode_of(known) == Opcode::Prepare);
      if (text) kept += 4;
      if (const auto statement = statement_of(known)) {
        find_sql_secrets(statement->text, SqlDialect::PostgreSql, kept, secrets);
        kept += statement->text.size();
      } else if (is_plain(known) && opcode_of(known) == Opcode::Execute) {
        kept = kept_of_id(known, kHeader);
      }
    } else if (is_plain(known)) {
      const std::size_t at = body_at(known);
      const bool error = opcode_of(known) == Opcode::Error;
      if (error || opcode_of(known) == Opcode::Result) kept = at + 4;
      if (opcode_of(known) == Opcode::Result && known.size() >= at + 4 &&
          wire::be32(known, at) == kPrepared) {
        kept = kept_of_id(known, at + 4);
      }
    }
    if (known.size() > kept) secrets.push_back({kept, known.size() - kept});
  }

  // Ids are hashes of statements, by which these are known again.
  static std::size_t kept_of_id(Bytes known, std::size_t at) {
    return known.size() < at + 2 ? at + 2 : at + 2 + wire::be16(known, at);
  }

  FrameReader requests_{Side::Request, kFromClient, *this};
  FrameReader responses_{Side::Response, kFromServer, *this};
  std::unordered_map<std::uint64_t, SqlSummary> preparing_;  // by stream
  PreparedStatements prepared_;
  std::array<std::uint64_t, 2> begin_{};    // of each side's frame
  std::array<std::uint64_t, 2> current_{};  // its stream; 0: none
  std::uint64_t starting_ = 0;              // the stream of STARTUP
  std::uint8_t version_ = 0;
  bool switches_ = false;  // with the end of the answer that is being read
  bool over_ = false;
};

// OPTIONS or STARTUP, with which connections begin; in their middle a statement, or what was
// prepared by a hash of 16 bytes.
Confidence detect(Side side, Bytes bytes) {
  if (side == Side::Response) return Confidence::No;
  if (!bytes.empty() && (wire::u8(bytes, 0) < kOldest || wire::u8(bytes, 0) > kLast)) {
    return Confidence::No;
  }
  if (bytes.size() >= 2 && flags_of(bytes) > kAnyFlag) return Confidence::No;
  if (bytes.size() < kHeader) return Confidence::NeedMore;
  if (!request_size(bytes) || is_event(bytes) || !is_plain(bytes)) return Confidence::No;
  const std::size_t size = wire::be32(bytes, 5);
  const Bytes body = bytes.subspan(kHeader);
  constexpr std::size_t kEnough = 6;
  switch (opcode_of(bytes)) {
    case Opcode::Options:
      return size == 0 && wire::u8(bytes, 0) != 0 ? Confidence::Yes : Confidence::No;
    case Opcode::Startup:
      if (body.size() < 2 + 2 + 4) return Confidence::NeedMore;
      return wire::be16(body, 0) < 16 && size > 8 && wire::be16(body, 2) < size &&
                     std::all_of(body.begin() + 4, body.begin() + 8, wire::is_printable)
                 ? Confidence::Yes
                 : Confidence::No;
    case Opcode::Query:
    case Opcode::Prepare: {
      if (body.size() < 4 + kEnough) return Confidence::NeedMore;
      const std::size_t text = wire::be32(body, 0);
      if (text < kEnough || text + 4 > size) return Confidence::No;
      const auto words = as_text(body.subspan(4, std::min(text, body.size() - 4)));
      const SqlSummary summary = summarise_sql(words, SqlDialect::PostgreSql, false);
      const bool known = !summary.operation.empty() && summary.operation.view() != "_OTHER";
      if (!known && body.size() < 20) return Confidence::NeedMore;
      return known ? Confidence::Yes : Confidence::No;
    }
    case Opcode::Execute:
      if (body.size() < 2) return Confidence::NeedMore;
      return wire::be16(body, 0) == 16 && size > 20 ? Confidence::Yes : Confidence::No;
    default:
      return Confidence::No;
  }
}

std::unique_ptr<Parser> make() {
  return std::make_unique<CassandraParser>();
}

}  // namespace

const ParserSpec kCassandra{
    .name = "cassandra", .family = ProtocolFamily::Sql, .detect = detect, .make = make};

}  // namespace tailwhy
