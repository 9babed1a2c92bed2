// Telling PostgreSQL's protocol from others by the first bytes of a turn.
#include "proto/postgres_messages.h"
#include "proto/sql.h"
#include "proto/wire.h"

namespace tailwhy::postgres {

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
    const auto size = client_message_size(header);
    if (!size || *size > (1U << 24U)) return Confidence::No;
    const auto type = static_cast<char>(header[0]);
    const std::string_view body = body_of(bytes.subspan(at));
    if (type == 'Q') {
      const std::size_t end = static_cast<std::size_t>(*size) - kHeader - 1;
      if (end < body.size() && body[end] != '\0') return Confidence::No;
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

}  // namespace tailwhy::postgres
