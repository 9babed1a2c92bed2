#include "proto/mysql_wire.h"

#include "proto/wire.h"

#include <algorithm>
#include <array>

namespace tailwhy::mysql {
namespace {

constexpr std::array<Command, 33> kCommands = {{
    {"SLEEP", Answer::Simple},
    {"QUIT", Answer::None},
    {"INIT_DB", Answer::Simple},
    {"QUERY", Answer::Result},
    {"FIELD_LIST", Answer::Fields},
    {"CREATE_DB", Answer::Simple},
    {"DROP_DB", Answer::Simple},
    {"REFRESH", Answer::Simple},
    {"SHUTDOWN", Answer::Simple},
    {"STATISTICS", Answer::Text},
    {"PROCESS_INFO", Answer::Result},
    {"CONNECT", Answer::Simple},
    {"PROCESS_KILL", Answer::Simple},
    {"DEBUG", Answer::Simple},
    {"PING", Answer::Simple},
    {"TIME", Answer::Simple},
    {"DELAYED_INSERT", Answer::Simple},
    {"CHANGE_USER", Answer::Session},
    {"BINLOG_DUMP", Answer::Stream},
    {"TABLE_DUMP", Answer::Stream},
    {"CONNECT_OUT", Answer::Simple},
    {"REGISTER_SLAVE", Answer::Simple},
    {"PREPARE", Answer::Prepared},
    {"EXECUTE", Answer::Result},
    {"STMT_SEND_LONG_DATA", Answer::None},
    {"STMT_CLOSE", Answer::None},
    {"STMT_RESET", Answer::Simple},
    {"SET_OPTION", Answer::Simple},
    {"STMT_FETCH", Answer::Rows},
    {"DAEMON", Answer::Simple},
    {"BINLOG_DUMP_GTID", Answer::Stream},
    {"RESET_CONNECTION", Answer::Simple},
    {"CLONE", Answer::Simple},
}};

constexpr std::size_t kState = 5;  // of an SQLSTATE

bool in_state(std::byte byte) {
  const auto c = static_cast<char>(byte);
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

}  // namespace

Command command(std::uint8_t code) {
  if (code == kComBulkExecute) return {"EXECUTE", Answer::Result};
  return code < kCommands.size() ? kCommands[code] : Command{};
}

bool has_statement(std::uint8_t code) {
  return code == kComExecute || code == kComLongData || code == kComClose || code == kComReset ||
         code == kComFetch || code == kComBulkExecute;
}

std::optional<Lenenc> lenenc(Bytes payload, std::size_t at) {
  if (at >= payload.size()) return std::nullopt;
  const std::uint8_t first = wire::u8(payload, at);
  if (first < 0xfb) return Lenenc{first, 1};
  const std::size_t size = first == 0xfc ? 2 : first == 0xfd ? 3 : first == 0xfe ? 8 : 0;
  if (size == 0 || payload.size() - at <= size) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i)
    value = value << 8U | wire::u8(payload, at + i);
  return Lenenc{value, size + 1};
}

namespace {

constexpr std::size_t kEofSize = 5;

// Behind the two numbers that an OK packet begins with; nothing: not captured.
std::optional<std::size_t> status_at(Bytes payload, std::size_t size) {
  if (wire::u8(payload, 0) == kEof && size == kEofSize) return 3;
  std::size_t at = 1;
  for (int numbers = 0; numbers < 2; ++numbers) {
    const auto number = lenenc(payload, at);
    if (!number) return std::nullopt;
    at += number->size;
  }
  return at;
}

}  // namespace

std::optional<std::uint16_t> status_of(Bytes payload, std::size_t size) {
  if (payload.empty()) return std::nullopt;
  const auto at = status_at(payload, size);
  if (!at || payload.size() < *at + 2) return std::nullopt;
  return wire::le16(payload, *at);
}

std::size_t numbers_of(Bytes payload, std::size_t size) {
  if (size == kEofSize && wire::u8(payload, 0) == kEof) return kEofSize;
  const auto at = status_at(payload, size);
  if (at) return *at + 4;
  // The first of the two may be known; the second goes on, or cannot be.
  constexpr std::size_t kMostNumber = 9;
  const auto first = lenenc(payload, 1);
  const std::size_t from = first ? 1 + first->size : 1;
  const std::uint8_t begins = from < payload.size() ? wire::u8(payload, from) : 0xfe;
  return from + (begins >= 0xfc && begins <= 0xfe ? kMostNumber : 1);
}

StatusText error_of(Bytes payload) {
  if (code_size(payload) > 3 && payload.size() >= 4 + kState) {
    const Bytes state = payload.subspan(4, kState);
    const std::string_view text(reinterpret_cast<const char*>(state.data()), state.size());
    if (std::all_of(state.begin(), state.end(), in_state)) return text;
  }
  if (payload.size() < 3) return {};
  StatusText number;
  std::array<char, 5> digits{};
  std::size_t at = digits.size();
  for (unsigned code = wire::le16(payload, 1); at > 0 && (code > 0 || at == digits.size());
       code /= 10)
    digits[--at] = static_cast<char>('0' + code % 10);
  number.assign(std::string_view(digits.data() + at, digits.size() - at));
  return number;
}

std::size_t code_size(Bytes payload) {
  return payload.size() > 3 && payload[3] == std::byte{'#'} ? 4 + kState : 3;
}

bool is_progress(Bytes payload) {
  return payload.size() >= 3 && wire::u8(payload, 0) == kError && wire::le16(payload, 1) == 0xffff;
}

std::optional<ResultHead> result_head(Bytes payload, std::size_t size) {
  const auto count = lenenc(payload, 0);
  if (count && count->size == size) return ResultHead{count->value, true};
  if (payload.size() != size || size < 2) return std::nullopt;
  // With a flag that says whether descriptions follow: before the number (MySQL) or behind it
  // (MariaDB). Where both could be, they say the same.
  const std::uint8_t first = wire::u8(payload, 0), last = wire::u8(payload, size - 1);
  const auto behind = lenenc(payload, 1);
  if (count && count->size + 1 == size && last <= 1 && !(first == 1 && last == 1) && first != 0)
    return ResultHead{count->value, last == 1};
  if (first <= 1 && behind && behind->size + 1 == size)
    return ResultHead{behind->value, first == 1};
  return std::nullopt;
}

std::optional<std::size_t> text_of_query(Bytes payload) {
  // Attributes: their number, then the number of their sets, which is 1 and begins no statement.
  const bool attributes = payload.size() > 2 && wire::u8(payload, 2) == 1;
  if (!attributes) return 1;
  if (wire::u8(payload, 1) != 0) return std::nullopt;
  return 3;
}

std::size_t end_of_result(Bytes bytes) {
  constexpr std::size_t kSeen = 8;  // as many bytes as a tail has
  if (bytes.size() < kSeen) return 0;
  const Bytes last = bytes.last(kSeen);
  const auto byte = [&](std::size_t at) { return wire::u8(last, at); };
  const auto ends = [&](std::size_t at) {
    constexpr std::uint16_t kNeverSet = 0x04;
    return (wire::le16(last, at) & (kMoreResults | kNeverSet)) == 0;
  };
  // What of the two packets lies before those bytes must fit, too, if it is there.
  const auto fits = [&](std::size_t size, std::uint8_t length) {
    const std::size_t known = std::min(bytes.size(), size);
    const Bytes packet = bytes.last(known);
    for (std::size_t at = 0; at + kSeen < known; ++at) {
      const std::size_t place = at + size - known;
      if (wire::u8(packet, at) != (place == 0 ? length : 0)) return std::size_t{0};
    }
    return known;
  };
  constexpr std::size_t kEofPacket = 9, kOkPacket = 11;
  if (byte(0) == 0 && byte(1) == 0 && byte(3) == kEof && ends(6)) return fits(kEofPacket, 5);
  if (byte(1) == kEof && byte(2) == 0 && byte(3) == 0 && ends(4)) return fits(kOkPacket, 7);
  return 0;
}

}  // namespace tailwhy::mysql
