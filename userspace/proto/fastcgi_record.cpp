#include "proto/fastcgi_record.h"

#include <algorithm>
#include <optional>

namespace tailwhy::fastcgi {
namespace {

constexpr std::uint8_t kVersion = 1;
// Of the variables, and of an answer, as much of a record as is looked at.
constexpr std::size_t kMostParams = 16 * 1024;
constexpr std::size_t kMostAnswer = 2 * 1024;

std::optional<std::uint64_t> frame_size(std::span<const std::byte> header) {
  const auto type = type_of(header);
  if (wire::u8(header, 0) != kVersion) return std::nullopt;
  if (type < Type::BeginRequest || type > Type::UnknownType) return std::nullopt;
  const bool fixed = type == Type::BeginRequest || type == Type::EndRequest;
  if (fixed && content_size(header) != kBody) return std::nullopt;
  return kHeader + content_size(header) + wire::u8(header, 6);
}

std::size_t prefix_of(std::span<const std::byte> header) {
  const std::size_t size = content_size(header);
  switch (type_of(header)) {
    case Type::BeginRequest:
    case Type::EndRequest:
      return kBody;
    case Type::Params:
      return std::min(size, kMostParams);
    case Type::Stdout:
      return std::min(size, kMostAnswer);
    default:
      return 0;
  }
}

// As far as there are bytes.
bool begins_like(std::span<const std::byte> bytes, Type type) {
  return (bytes.empty() || wire::u8(bytes, 0) == kVersion) &&
         (bytes.size() < 2 || type_of(bytes) == type);
}

}  // namespace

const FrameSpec kRecords{.header_size = kHeader, .frame_size = frame_size, .prefix_of = prefix_of};

Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response) return Confidence::No;
  // The end of the body before may be read with the request that follows it.
  if (!begins_like(bytes, Type::BeginRequest)) {
    if (!begins_like(bytes, Type::Stdin)) return Confidence::No;
    if (bytes.size() < kHeader) return Confidence::NeedMore;
    if (id_of(bytes) == 0 || wire::be32(bytes, 4) != 0) return Confidence::No;
    bytes = bytes.subspan(kHeader);
    if (!begins_like(bytes, Type::BeginRequest)) return Confidence::No;
  }
  if (bytes.size() < kEndRecord) return Confidence::NeedMore;
  constexpr std::uint16_t kMostRole = 3;
  const std::uint16_t role = wire::be16(bytes, kHeader);
  const bool fits = id_of(bytes) != 0 && content_size(bytes) == kBody && wire::u8(bytes, 7) == 0 &&
                    role >= 1 && role <= kMostRole && wire::u8(bytes, kHeader + 2) <= 1 &&
                    std::all_of(bytes.begin() + kHeader + 3, bytes.begin() + kEndRecord,
                                [](std::byte b) { return b == std::byte{0}; });
  return fits ? Confidence::Yes : Confidence::No;
}

}  // namespace tailwhy::fastcgi
