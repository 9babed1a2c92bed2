// MySQL: the calls to its parser, and what is done about bytes that were not captured.
#include "proto/mysql.h"

#include "proto/mysql_detect.h"
#include "proto/mysql_parser.h"
#include "proto/wire.h"

#include <algorithm>
#include <memory>
#include <optional>

namespace tailwhy {
namespace mysql {
namespace {

constexpr std::size_t kStatement = 2048;  // of a request
constexpr std::size_t kAnswer = 128;  // of an answer: a greeting's capabilities are the farthest

std::optional<std::uint64_t> packet_size(std::span<const std::byte> header) {
  return kHeader + wire::le24(header, 0);
}
constexpr FrameSpec kFromClient{
    .header_size = kHeader, .prefix_size = kStatement, .frame_size = packet_size};
constexpr FrameSpec kFromServer{
    .header_size = kHeader, .prefix_size = kAnswer, .frame_size = packet_size};

// After a loss only a command, and only the first packet of an answer, is a beginning.
template <std::uint8_t sequence>
std::optional<std::uint64_t> first_size(std::span<const std::byte> header) {
  const bool first = wire::u8(header, 3) == sequence && wire::le24(header, 0) > 0;
  return first ? packet_size(header) : std::nullopt;
}
constexpr FrameSpec kFirstFromClient{
    .header_size = kHeader, .prefix_size = kStatement, .frame_size = first_size<0>};
constexpr FrameSpec kFirstFromServer{
    .header_size = kHeader, .prefix_size = kAnswer, .frame_size = first_size<1>};

Bytes payload_of(Bytes bytes) {
  return bytes.subspan(std::min(bytes.size(), kHeader));
}

}  // namespace

MySqlParser::MySqlParser()
    : requests_(Side::Request, kFromClient, *this),
      responses_(Side::Response, kFromServer, *this) {}

void MySqlParser::feed(Side side,
                       std::uint64_t offset,
                       std::span<const std::byte> bytes,
                       ParseOutput& out) {
  if (over_) return out.hide_all(bytes.size());
  if (side == Side::Response && responses_.lost() && ends_with_result(bytes)) {
    out.hide_all(bytes.size() - end_of_result(bytes));
    return end_lost_answer(offset + bytes.size(), out);
  }
  reader(side).feed(offset, bytes, out);
}

void MySqlParser::skip(Side side,
                       std::uint64_t offset,
                       std::uint64_t size,
                       std::span<const std::byte> tail,
                       ParseOutput& out) {
  if (over_) return;
  if (side == Side::Response && (responses_.lost() || responses_.would_lose(offset, size)) &&
      tail.size() <= size && ends_with_result(tail)) {
    return end_lost_answer(offset + size, out);
  }
  reader(side).skip(offset, size, out);
}

void MySqlParser::finish(Side side, std::uint64_t /*offset*/, ParseOutput& /*out*/) {
  reader(side).finish();
  answered_all_ = answered_all_ || side == Side::Response;
}

void MySqlParser::turn(Side side, std::uint64_t offset, ParseOutput& /*out*/) {
  if (side == Side::Request) {
    if (responses_.lost()) {  // all of it was answered
      expected_.clear();
      preparing_.clear();
    }
    if (!requests_.inside())
      dialect_ = no_backslashes_ ? SqlDialect::MySqlPlain : SqlDialect::MySql;
  }
  reader(side).turn(offset);
}

void MySqlParser::start_unsynchronised(Side /*side*/) {}

bool MySqlParser::on_frame(Side side, const Frame& frame, ParseOutput& out) {
  if (over_) return false;
  const Bytes payload = payload_of(frame.bytes);
  if (side == Side::Response) return on_answer(frame, payload, out);
  const std::uint8_t sequence = wire::u8(frame.bytes, 3);
  request_is_full_ = frame.end - frame.begin == kHeader + kMostPayload;
  if (request_goes_on_) {
    if (sequence != request_next_) return false;
    ++request_next_;
    if (!expected_.empty() && open_ && !one_way_) {
      ++expected_.back().sequence;
      orphan_ = orphan_ || responses_.inside();
    }
    return true;
  }
  request_next_ = sequence + 1;
  if (sequence == 0) return on_command(frame, payload, out);
  if (!begun_) return on_login(frame, payload, out);
  return client_may_talk();
}

void MySqlParser::on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) {
  if (over_) return;
  if (side == Side::Request) {
    requests_.use(kFromClient);
    on_request_end(offset, out);
  } else {
    responses_.use(kFromServer);
    on_answer_end(offset, out);
  }
}

void MySqlParser::on_lost(Side side, std::uint64_t offset, ParseOutput& out) {
  if (over_) return;
  if (side == Side::Request) {
    open_ = false;
    one_way_ = false;
    begun_ = true;
    logging_in_ = false;
    asked_for_tls_ = false;
    request_goes_on_ = false;
    requests_.use(kFirstFromClient);
  } else {
    answering_ = false;
    answer_goes_on_ = false;
    last_packet_ = false;
    stray_eof_ = false;
    orphan_ = false;
    reading_ = Reading::Head;
    error_.clear();
    responses_.use(kFirstFromServer);
  }
  if (!proven_) over_ = true;
  out.tell(proven_ ? Kind::Lost : Kind::Mistaken, side, offset);
}

void MySqlParser::find_secrets(Side side,
                               std::span<const std::byte> known,
                               std::vector<SecretSpan>& secrets) const {
  if (known.size() <= kHeader) return;
  if (side == Side::Request) {
    find_request_secrets(known, secrets);
  } else {
    find_answer_secrets(known, secrets);
  }
}

}  // namespace mysql

namespace {

std::unique_ptr<Parser> make() {
  return std::make_unique<mysql::MySqlParser>();
}

}  // namespace

const ParserSpec kMySql{.name = "mysql",
                        .family = ProtocolFamily::Sql,
                        .detect = mysql::detect,
                        .make = make,
                        .server_speaks_first = true};

}  // namespace tailwhy
