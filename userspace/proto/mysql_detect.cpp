#include "proto/mysql_detect.h"

#include "proto/mysql_wire.h"
#include "proto/sql.h"
#include "proto/wire.h"

#include <algorithm>

namespace tailwhy::mysql {
namespace {

constexpr std::uint8_t kComStatistics = 0x09, kComPing = 0x0e, kComResetConnection = 0x1f;
constexpr std::uint8_t kGreeting = 10;
constexpr std::size_t kMostGreeting = 512;
constexpr std::size_t kLogin = 32;
constexpr std::size_t kZeros = 9, kMostZeros = 19;  // in a login

// A version of printable text, then capabilities without which nobody greets any more.
Confidence detect_greeting(Bytes bytes) {
  const std::size_t size = wire::le24(bytes, 0);
  const Bytes payload = bytes.subspan(kHeader);
  if (wire::u8(bytes, 3) != 0 || wire::u8(payload, 0) != kGreeting) return Confidence::No;
  if (size > kMostGreeting || payload.size() < size) return Confidence::No;
  const auto end = std::find(payload.begin() + 1, payload.end(), std::byte{0});
  constexpr std::size_t kCapabilities = 14, kRest = 30;
  const auto at = static_cast<std::size_t>(end - payload.begin());
  if (at < 2 || payload.size() < at + kRest) return Confidence::No;
  if (!std::all_of(payload.begin() + 1, end, wire::is_printable)) return Confidence::No;
  const std::uint8_t filler = wire::u8(payload, at + kCapabilities - 1);
  const bool modern = (wire::le16(payload, at + kCapabilities) & kProtocol41) != 0;
  return filler == 0 && modern ? Confidence::Yes : Confidence::No;
}

bool is_login(Bytes payload, std::size_t size) {
  if (size < kLogin) return false;
  const Bytes zeros = payload.subspan(kZeros, kMostZeros);
  return (wire::le32(payload, 0) & kProtocol41) != 0 &&
         std::all_of(zeros.begin(), zeros.end(), [](std::byte b) { return b == std::byte{0}; });
}

bool is_statement(Bytes payload) {
  const auto at = wire::u8(payload, 0) == kComQuery ? text_of_query(payload) : 1;
  if (!at) return false;
  const Bytes text = payload.subspan(std::min(*at, payload.size()));
  // What ends with a 0 is PostgreSQL's.
  if (std::find(text.begin(), text.end(), std::byte{0}) != text.end()) return false;
  const SqlSummary summary =
      summarise_sql({reinterpret_cast<const char*>(text.data()), text.size()}, SqlDialect::MySql);
  return !summary.operation.empty() && summary.operation.view() != "_OTHER";
}

// Statements are numbered from 1.
bool is_number(Bytes payload) {
  constexpr std::uint32_t kMost = 1U << 24U;
  constexpr std::size_t kNumber = 5;
  if (payload.size() < kNumber) return false;
  const std::uint32_t number = wire::le32(payload, 1);
  return number > 0 && number < kMost;
}

bool is_statement_or_last(Bytes payload) {
  return is_number(payload) || (payload.size() > 4 && wire::le32(payload, 1) == 0xffffffff);
}

// The command's name, a statement, two flags.
bool is_bulk(Bytes payload) {
  constexpr std::size_t kFlags = 5;
  constexpr std::uint16_t kKnown = 0xc0;
  return payload.size() >= kFlags + 2 && (wire::le16(payload, kFlags) & ~kKnown) == 0 &&
         is_statement_or_last(payload);
}

// The command's name, a statement, how it is to be run, and how often: once.
bool is_execution(Bytes payload) {
  constexpr std::size_t kFlags = 5, kTimes = 6, kHead = 10;
  if (payload.size() < kHead || wire::u8(payload, kFlags) > 0x1f) return false;
  return is_statement_or_last(payload) && wire::le32(payload, kTimes) == 1;
}

// A header or less of one: servers read it with a call of its own. Text is longer than a packet.
bool may_begin(Bytes bytes) {
  if (bytes.size() == kHeader) return wire::u8(bytes, 3) <= 1;
  return bytes.size() < 2 || !std::all_of(bytes.begin(), bytes.end(), wire::is_printable);
}

Confidence detect_command(Bytes bytes) {
  const std::size_t size = wire::le24(bytes, 0);
  const Bytes payload = bytes.subspan(kHeader);
  constexpr std::size_t kNumbered = 5, kLongData = 7, kFetch = 9;
  const auto yes = [](bool it_is) { return it_is ? Confidence::Yes : Confidence::No; };
  const bool captured = payload.size() >= std::min<std::size_t>(size, kFetch + 1);
  switch (wire::u8(payload, 0)) {
    case kComQuit:
    case kComStatistics:
    case kComPing:
    case kComResetConnection:
      return yes(size == 1 && payload.size() == 1);
    case kComQuery:
    case kComPrepare:
      return yes(size > 1 && is_statement(payload.first(std::min(payload.size(), size))));
    case kComClose:
    case kComReset:
      if (size != kNumbered) return Confidence::No;
      return captured ? yes(is_number(payload)) : Confidence::NeedMore;
    case kComFetch:
      if (size != kFetch) return Confidence::No;
      return captured ? yes(is_number(payload)) : Confidence::NeedMore;
    case kComExecute:
      if (size < kFetch + 1) return Confidence::No;
      return captured ? yes(is_execution(payload)) : Confidence::NeedMore;
    case kComLongData:
      if (size < kLongData) return Confidence::No;
      return captured ? yes(is_number(payload)) : Confidence::NeedMore;
    case kComBulkExecute:
      if (size < kLongData) return Confidence::No;
      return captured ? yes(is_bulk(payload)) : Confidence::NeedMore;
    default:
      return Confidence::No;
  }
}

}  // namespace

Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response)
    return bytes.size() > kHeader ? detect_greeting(bytes) : Confidence::No;
  if (bytes.size() <= kHeader) return may_begin(bytes) ? Confidence::NeedMore : Confidence::No;
  const std::size_t size = wire::le24(bytes, 0);
  if (size == 0) return Confidence::No;
  if (wire::u8(bytes, 3) == 0) return detect_command(bytes);
  if (wire::u8(bytes, 3) != 1 || size < kLogin) return Confidence::No;
  const Bytes payload = bytes.subspan(kHeader);
  if (payload.size() < kZeros + kMostZeros) return Confidence::NeedMore;
  return is_login(payload, size) ? Confidence::Yes : Confidence::No;
}

}  // namespace tailwhy::mysql
