// MySQL: what clients ask. Of statements the text is read, of other commands the number of the
// statement that they speak of, of a login what was agreed upon.
#include "proto/mysql_parser.h"
#include "proto/wire.h"

#include <algorithm>
#include <string_view>

namespace tailwhy::mysql {
namespace {

constexpr std::size_t kLogin = 32;  // of a login: capabilities, sizes, zeros
constexpr std::size_t kNumber = 5;  // a command and the number of a statement
// And how, and how often: by what they are known again.
constexpr std::size_t kExecution = 10, kBulk = 7;
constexpr std::uint32_t kLast = 0xffffffff;  // the statement that was prepared last (MariaDB)

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

SqlSummary named(std::string_view name) {
  SqlSummary summary;
  summary.operation.assign(name);
  summary.text.assign(name);
  return summary;
}

// Where the text of a statement begins in its packet; nothing: it has none that is read.
std::optional<std::size_t> text_at(Bytes payload) {
  switch (wire::u8(payload, 0)) {
    case kComQuery:
      return text_of_query(payload);
    case kComPrepare:
      return 1;
    default:
      return std::nullopt;
  }
}

}  // namespace

// The first packet of a connection that is no command: who the client is, or the wish for TLS,
// which is the beginning of the same.
bool MySqlParser::on_login(const Frame& frame, Bytes payload, ParseOutput& out) {
  if (frame.cut || payload.size() < kLogin) return false;
  client_ = wire::le32(payload, 0);
  if ((client_ & kProtocol41) == 0) return false;
  begun_ = true;
  asked_for_tls_ = frame.end - frame.begin == kHeader + kLogin && (client_ & kTls) != 0;
  if (asked_for_tls_) return true;
  summary_ = named("CONNECT");
  logging_in_ = true;
  eofs_ = (client_ & server_ & kDeprecateEof) != 0 ? Eofs::Left : Eofs::Sent;
  open(frame, Answer::Session, out);
  return true;
}

// Packets that are no commands: proofs of who the client is, and files that the server asked for.
bool MySqlParser::client_may_talk() const {
  return logging_in_ || reading_ == Reading::LocalFile;
}

bool MySqlParser::on_command(const Frame& frame, Bytes payload, ParseOutput& out) {
  begun_ = true;
  if (payload.empty()) return false;
  const std::uint8_t code = wire::u8(payload, 0);
  const Command what = command(code);
  if (what.name.empty()) return false;
  logging_in_ = code == kComChangeUser;
  summary_ = named(what.name);
  name_command(frame, payload);
  open(frame, what.answer, out);
  return true;
}

void MySqlParser::name_command(const Frame& frame, Bytes payload) {
  const std::uint8_t code = wire::u8(payload, 0);
  if (const auto at = text_at(payload)) {
    const bool whole = !frame.cut && frame.end - frame.begin == kHeader + payload.size();
    SqlSummary summary =
        summarise_sql(as_text(payload.subspan(std::min(*at, payload.size()))), dialect_, whole);
    if (frame.cut) summary.text.clear();
    if (code == kComPrepare) {
      last_prepared_ = summary;
      summary.operation = summary_.operation;
    }
    summary_ = summary;
  } else if ((code == kComExecute || code == kComBulkExecute) && payload.size() >= kNumber) {
    const std::uint32_t number = wire::le32(payload, 1);
    const SqlSummary* found = number == kLast ? &last_prepared_ : statements_.find(number);
    if (found != nullptr && !found->operation.empty()) summary_ = *found;
  }
}

void MySqlParser::open(const Frame& frame, Answer answer, ParseOutput& out) {
  open_ = true;
  one_way_ = answer == Answer::None;
  out.tell(Kind::RequestBegin, Side::Request, frame.begin);
  RequestHead& head = out.tell(Kind::RequestHead, Side::Request, frame.begin).request;
  head.method = summary_.operation;
  head.route = summary_.text;
  head.one_way = one_way_;
  head.open_ended = answer == Answer::Stream;
  if (one_way_ || expected_.size() == kMostExpected) return;
  Expected& expected = expected_.emplace_back();
  expected.answer = answer;
  expected.sequence = request_next_;
  if (answer == Answer::Prepared && preparing_.size() < kMostPreparing) {
    expected.remembers = true;
    preparing_.push_back(last_prepared_);
  }
  if (expected_.size() == 1 && responses_.inside()) orphan_ = true;
}

void MySqlParser::on_request_end(std::uint64_t offset, ParseOutput& out) {
  request_goes_on_ = request_is_full_;
  if (request_goes_on_) return;
  dialect_ = no_backslashes_ ? SqlDialect::MySqlPlain : SqlDialect::MySql;
  if (asked_for_tls_) {
    over_ = true;
    out.tell(Kind::Switch, Side::Request, offset);  // to nothing that can be read
    return;
  }
  if (!open_) return;
  open_ = false;
  one_way_ = false;
  out.tell(Kind::RequestEnd, Side::Request, offset).end_rule = EndRule::Framing;
}

void MySqlParser::find_request_secrets(Bytes known, std::vector<SecretSpan>& secrets) const {
  const Bytes payload = known.subspan(kHeader);
  std::size_t open = 0;
  if (!request_goes_on_ && wire::u8(known, 3) != 0) {
    open = begun_ ? 0 : kLogin;
  } else if (!request_goes_on_) {
    const std::uint8_t code = wire::u8(payload, 0);
    open = code == kComExecute       ? kExecution
           : code == kComBulkExecute ? kBulk
           : has_statement(code)     ? kNumber
                                     : 1;
    if (const auto at = text_at(payload); at && *at < payload.size()) {
      find_sql_secrets(as_text(payload.subspan(*at)), dialect_, kHeader + *at, secrets);
      return;
    }
    if (code == kComQuery) open = 3;  // attributes
  }
  if (open < payload.size()) secrets.push_back({kHeader + open, payload.size() - open});
}

}  // namespace tailwhy::mysql
