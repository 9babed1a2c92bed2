#include "proto/postgres_messages.h"

#include "proto/sql.h"
#include "proto/wire.h"

#include <algorithm>

namespace tailwhy::postgres {
namespace {

constexpr std::size_t kPrefix = 2048;  // of a statement, or of an error
constexpr std::uint64_t kMostMessage = 1U << 30U;
constexpr std::string_view kClientTypes = "QPBCDESHFXdcfp";
constexpr std::string_view kServerTypes = "RKSZTDCENI123nstAGHWVvdc";

std::optional<std::uint64_t> message_size(std::span<const std::byte> header,
                                          std::string_view types) {
  const std::uint64_t length = wire::be32(header, 1);
  const bool known = types.find(static_cast<char>(header[0])) != std::string_view::npos;
  if (!known || length < 4 || length > kMostMessage) return std::nullopt;
  return length + 1;
}

}  // namespace

const FrameSpec kStartup{.header_size = kStartupHeader,
                         .prefix_size = 0,
                         .frame_size = [](std::span<const std::byte> header) {
                           const std::uint64_t size = wire::be32(header, 0);
                           const bool fits = size >= kStartupHeader && size <= kMostStartup;
                           return fits ? std::optional(size) : std::nullopt;
                         }};
const FrameSpec kFromClient{.header_size = kHeader,
                            .prefix_size = kPrefix,
                            .frame_size = [](std::span<const std::byte> header) {
                              return message_size(header, kClientTypes);
                            }};
const FrameSpec kFromServer{.header_size = kHeader,
                            .prefix_size = kPrefix,
                            .frame_size = [](std::span<const std::byte> header) {
                              return message_size(header, kServerTypes);
                            }};
const FrameSpec kOneByte{
    .header_size = 1, .prefix_size = 0, .frame_size = [](std::span<const std::byte>) {
      return std::optional<std::uint64_t>(1);
    }};

std::optional<std::uint64_t> client_message_size(std::span<const std::byte> header) {
  return message_size(header, kClientTypes);
}

CString c_string(std::string_view text) {
  const std::size_t end = std::min(text.find('\0'), text.size());
  return {text.substr(0, end), std::min(end + 1, text.size())};
}

std::string_view body_of(std::span<const std::byte> bytes) {
  const auto body = bytes.subspan(std::min(bytes.size(), kHeader));
  return {reinterpret_cast<const char*>(body.data()), body.size()};
}

namespace {

constexpr std::string_view kUnknownError = "XX000";  // internal_error

// Fields of an error up to its SQLSTATE: severity and code, each a letter and a text. What follows
// may quote what the client sent.
std::size_t public_fields(std::string_view fields) {
  std::size_t at = 0;
  while (at < fields.size() && std::string_view("SVC").find(fields[at]) != std::string_view::npos)
    at += c_string(fields.substr(at)).size;
  return at;
}

}  // namespace

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

// 'Z', its length, and the state of the transaction.
bool ends_with_ready(std::span<const std::byte> tail) {
  constexpr std::size_t kReady = 6;
  if (tail.size() < kReady) return false;
  const auto ready = tail.last(kReady);
  const auto state = static_cast<char>(ready[kHeader]);
  return static_cast<char>(ready[0]) == 'Z' && wire::be32(ready, 1) == kHeader &&
         (state == 'I' || state == 'T' || state == 'E');
}

void find_message_secrets(Side side,
                          std::span<const std::byte> known,
                          std::vector<SecretSpan>& secrets) {
  if (known.size() <= kHeader) return;
  const bool client = side == Side::Request;
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

}  // namespace tailwhy::postgres
