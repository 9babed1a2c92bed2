// MySQL: what servers answer. Of results the packets are counted and gone over, of their ends the
// status is read, of errors the code.
#include "proto/mysql_parser.h"
#include "proto/wire.h"

#include <algorithm>
#include <utility>

namespace tailwhy::mysql {
namespace {

constexpr std::uint8_t kGreeting = 10;  // the protocol's version
constexpr std::size_t kEofSize = 5;
constexpr std::size_t kPreparedSize = 13;
constexpr std::size_t kMostHead = 10;  // of a result: a number and a flag

// Parts of a greeting behind the version's text.
constexpr std::size_t kSalt = 12, kLowCapabilities = 13, kHighCapabilities = 18, kFlags = 20;

// Where these begin; the payload's size if they do not.
std::size_t behind_version(Bytes payload) {
  const auto end = std::find(payload.begin() + 1, payload.end(), std::byte{0});
  return static_cast<std::size_t>(end - payload.begin()) + (end == payload.end() ? 0 : 1);
}

bool is_eof(Bytes payload, std::size_t size) {
  return size == kEofSize && wire::u8(payload, 0) == kEof;
}

}  // namespace

bool MySqlParser::on_answer(const Frame& frame, Bytes payload, ParseOutput& out) {
  const std::uint8_t sequence = wire::u8(frame.bytes, 3);
  const std::size_t size = frame.end - frame.begin - kHeader;
  answer_is_full_ = size == kMostPayload;
  if (answer_goes_on_) return sequence == answer_next_++;
  if (!answering_) {
    const bool stray = std::exchange(stray_eof_, false);
    if (orphan_) return true;
    if (!payload.empty() && sequence == 0 && wire::u8(payload, 0) == kGreeting) {
      on_greeting(payload);
      return true;
    }
    if (stray && sequence == answer_next_ && !payload.empty() && is_eof(payload, size)) {
      eofs_ = Eofs::Sent;
      return true;
    }
    if (expected_.empty()) return true;
    if (!begin_answer(frame, payload, out)) return false;
  } else if (reading_ != Reading::Talk && reading_ != Reading::LocalFile &&
             sequence != answer_next_) {
    return false;
  }
  answer_next_ = sequence + 1;
  if (payload.empty()) return size == 0 && expected_.front().answer == Answer::Session;
  if (!read_packet(payload, size)) return false;
  proven_ = true;
  return true;
}

bool MySqlParser::begin_answer(const Frame& frame, Bytes payload, ParseOutput& out) {
  if (payload.empty() || wire::u8(frame.bytes, 3) != expected_.front().sequence) return false;
  answering_ = true;
  reading_ = Reading::Head;
  error_.clear();
  out.tell(Kind::ResponseBegin, Side::Response, frame.begin);
  return true;
}

void MySqlParser::on_greeting(Bytes payload) {
  const std::size_t at = behind_version(payload);
  if (payload.size() < at + kFlags) return;
  server_ = wire::le16(payload, at + kLowCapabilities) |
            static_cast<std::uint32_t>(wire::le16(payload, at + kHighCapabilities)) << 16U;
  proven_ = true;
}

bool MySqlParser::read_packet(Bytes payload, std::size_t size) {
  if (wire::u8(payload, 0) == kError) {
    if (is_progress(payload)) return true;
    error_ = error_of(payload);
    if (error_.empty()) error_.assign("HY000");  // general error
    last_packet_ = true;
    return true;
  }
  switch (reading_) {
    case Reading::Head:
      return read_head(payload, size);
    case Reading::Columns:
      return read_columns(payload, size);
    case Reading::Rows:
      return read_rows(payload, size);
    case Reading::Descriptions:
      return read_descriptions(payload, size);
    case Reading::LocalFile:
    case Reading::Talk:
      return wire::u8(payload, 0) == kOk ? end_of_one(payload, size) : reading_ == Reading::Talk;
  }
  return false;
}

bool MySqlParser::read_head(Bytes payload, std::size_t size) {
  const std::uint8_t first = wire::u8(payload, 0);
  switch (expected_.front().answer) {
    case Answer::Simple:
      return (first == kOk || first == kEof) && end_of_one(payload, size);
    case Answer::Session:
      if (first == kOk) return end_of_one(payload, size);
      reading_ = Reading::Talk;
      return true;
    case Answer::Text:
      last_packet_ = true;
      return true;
    case Answer::Prepared:
      return read_prepared(payload, size);
    case Answer::Rows:
    case Answer::Fields:
    case Answer::Stream:
      reading_ = Reading::Rows;
      return read_rows(payload, size);
    case Answer::Result:
      break;
    case Answer::None:
      return false;
  }
  if (first == kOk && size > 2) return end_of_one(payload, size);
  if (first == kLocalFile) {
    reading_ = Reading::LocalFile;
    return true;
  }
  const auto head = result_head(payload, size);
  if (!head || head->columns == 0) return false;
  columns_ = head->described ? head->columns : 0;
  reading_ = Reading::Columns;
  return true;
}

// Descriptions of columns; behind them an EOF packet, unless it was agreed to leave that out, or
// the end of a result that is fetched later.
bool MySqlParser::read_columns(Bytes payload, std::size_t size) {
  if (columns_ > 0) {
    --columns_;
    return !is_eof(payload, size);
  }
  reading_ = Reading::Rows;
  if (!is_eof(payload, size)) {
    if (eofs_ == Eofs::Unknown) eofs_ = Eofs::Left;
    return read_rows(payload, size);
  }
  eofs_ = Eofs::Sent;
  const auto status = status_of(payload, size);
  if (!status) return false;
  return (*status & kCursorExists) == 0 || end_of_one(payload, size);
}

bool MySqlParser::read_rows(Bytes payload, std::size_t size) {
  const bool ends = wire::u8(payload, 0) == kEof && size < kMostPayload;
  return !ends || end_of_one(payload, size);
}

bool MySqlParser::read_prepared(Bytes payload, std::size_t size) {
  if (wire::u8(payload, 0) != kOk || payload.size() < kPreparedSize - 1) return false;
  if (size >= kPreparedSize && payload.size() < kPreparedSize) return false;
  statement_ = wire::le32(payload, 1);
  const bool described = size < kPreparedSize || wire::u8(payload, kPreparedSize - 1) != 0;
  columns_ = described ? wire::le16(payload, 7) : 0;       // parameters
  more_columns_ = described ? wire::le16(payload, 5) : 0;  // columns
  if (columns_ == 0) columns_ = std::exchange(more_columns_, 0);
  last_packet_ = columns_ == 0;
  reading_ = Reading::Descriptions;
  return true;
}

// Those of the parameters, then those of the columns, each followed by an EOF packet or none.
bool MySqlParser::read_descriptions(Bytes payload, std::size_t size) {
  const bool eof = is_eof(payload, size);
  if (columns_ == 0) {
    if (!eof && (eofs_ == Eofs::Sent || more_columns_ == 0)) return false;
    eofs_ = eof ? Eofs::Sent : Eofs::Left;
    columns_ = std::exchange(more_columns_, 0);
    if (eof) {
      last_packet_ = columns_ == 0;
      return true;
    }
  }
  if (eof) return false;
  if (--columns_ > 0 || eofs_ == Eofs::Sent || more_columns_ > 0) return true;
  last_packet_ = true;
  stray_eof_ = eofs_ == Eofs::Unknown;
  return true;
}

void MySqlParser::note_status(std::uint16_t status) {
  no_backslashes_ = (status & kNoBackslashes) != 0;
}

// The end of a result, or of the answer.
bool MySqlParser::end_of_one(Bytes payload, std::size_t size) {
  const auto status = status_of(payload, size);
  if (!status) return false;
  note_status(*status);
  const bool more = (*status & kMoreResults) != 0 && expected_.front().answer == Answer::Result;
  reading_ = Reading::Head;
  last_packet_ = !more;
  return true;
}

void MySqlParser::on_answer_end(std::uint64_t offset, ParseOutput& out) {
  answer_goes_on_ = answer_is_full_;
  orphan_ = false;
  if (last_packet_ && !answer_goes_on_) end_answer(offset, out);
}

void MySqlParser::end_answer(std::uint64_t offset, ParseOutput& out) {
  using Verdict = ResponseHead::Verdict;
  const bool failed = !error_.empty();
  ResponseHead& head = out.tell(Kind::ResponseHead, Side::Response, offset).response;
  head.status_text = error_;
  head.verdict = failed ? Verdict::ServerError : Verdict::Ok;
  out.tell(Kind::ResponseEnd, Side::Response, offset).end_rule = EndRule::Framing;
  answering_ = false;
  last_packet_ = false;
  reading_ = Reading::Head;
  error_.clear();
  const Expected front = expected_.front();
  expected_.pop_front();
  if (front.remembers) {
    if (!failed && statement_ != 0) statements_.put(statement_, preparing_.front());
    preparing_.pop_front();
  }
  statement_ = 0;
  if (front.answer != Answer::Session || failed) return;
  if ((client_ & server_ & (kCompress | kZstd)) == 0) return;
  over_ = true;
  out.tell(Kind::Switch, Side::Response, offset);  // to nothing that can be read
}

// Of a pipeline's answers nobody knows which of them that would be.
bool MySqlParser::ends_with_result(Bytes bytes) const {
  return !answered_all_ && expected_.size() == 1 && expected_.front().answer == Answer::Result &&
         end_of_result(bytes) != 0;
}

void MySqlParser::end_lost_answer(std::uint64_t offset, ParseOutput& out) {
  responses_.jump(offset);
  if (!answering_) out.tell(Kind::ResponseBegin, Side::Response, offset);
  answer_goes_on_ = false;
  error_.clear();
  end_answer(offset, out);
}

// How much of a packet is read at most; a superset of what read_packet() looks at.
std::size_t MySqlParser::open_size(Bytes payload, std::size_t size, std::uint8_t sequence) const {
  const std::uint8_t first = wire::u8(payload, 0);
  if (first == kError) return code_size(payload);
  if (!answering_ && (orphan_ || expected_.empty() || sequence != expected_.front().sequence)) {
    return 1;
  }
  const std::size_t numbers = numbers_of(payload, size);
  const Reading reading = answering_ ? reading_ : Reading::Head;
  if (reading == Reading::Descriptions) return 1;
  if (reading == Reading::LocalFile || reading == Reading::Talk) return first == kOk ? numbers : 1;
  if (reading == Reading::Columns || reading == Reading::Rows)
    return first == kEof && size < kMostPayload ? numbers : 1;
  switch (expected_.front().answer) {
    case Answer::Simple:
      return first == kOk || first == kEof ? numbers : 1;
    case Answer::Session:
      return first == kOk ? numbers : 1;
    case Answer::Prepared:
      return kPreparedSize;
    case Answer::Result:
      if (first == kOk && size > 2) return numbers;
      return first != kLocalFile && size <= kMostHead ? size : 1;
    case Answer::Rows:
    case Answer::Fields:
    case Answer::Stream:
      return first == kEof && size < kMostPayload ? numbers : 1;
    default:
      return 1;
  }
}

void MySqlParser::find_answer_secrets(Bytes known, std::vector<SecretSpan>& secrets) const {
  const Bytes payload = known.subspan(kHeader);
  const auto hide = [&](std::size_t from, std::size_t to) {
    to = std::min(to, payload.size());
    if (from < to) secrets.push_back({kHeader + from, to - from});
  };
  const std::uint8_t sequence = wire::u8(known, 3);
  if (answer_goes_on_) return hide(0, payload.size());
  if (!answering_ && sequence == 0 && wire::u8(payload, 0) == kGreeting) {
    const std::size_t at = behind_version(payload);
    hide(at, at + kSalt);
    return hide(at + kFlags, payload.size());
  }
  hide(open_size(payload, wire::le24(known, 0), sequence), payload.size());
}

}  // namespace tailwhy::mysql
