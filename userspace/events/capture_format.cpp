// Checksum and record layout of recordings.
#include "events/capture_format.h"

#include <algorithm>
#include <cstring>

namespace tailwhy {
namespace {

void append(std::vector<std::byte>& block, std::span<const std::byte> bytes) {
  block.insert(block.end(), bytes.begin(), bytes.end());
}

void pad(std::vector<std::byte>& block) {
  block.resize(padded_size(block.size()));
}

// Takes `size` bytes with their padding, which the last record of a block has too.
std::optional<std::span<const std::byte>> take(std::span<const std::byte>& rest,
                                               std::size_t size) noexcept {
  if (size > rest.size() || padded_size(size) > rest.size()) return std::nullopt;
  const auto taken = rest.first(size);
  rest = rest.subspan(padded_size(size));
  return taken;
}

std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::uint64_t capture_checksum(std::span<const std::byte> bytes) noexcept {
  constexpr std::uint64_t kPrime = 0x100000001b3;
  // the size counts: trailing zeros are not nothing
  std::uint64_t sum = 0xcbf29ce484222325 ^ bytes.size();
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), sizeof(std::uint64_t));
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), size);
    sum = (sum ^ word) * kPrime;
    bytes = bytes.subspan(size);
  }
  return sum;
}

std::span<std::byte> append_record(std::vector<std::byte>& block,
                                   std::span<const std::byte> record) {
  const std::size_t at = block.size();
  append(block, record);
  pad(block);
  return std::span(block).subspan(at, record.size());
}

std::optional<std::span<const std::byte>> take_record(std::span<const std::byte>& rest) noexcept {
  if (rest.size() < sizeof(tw_ev_hdr)) return std::nullopt;
  tw_ev_hdr hdr;
  std::memcpy(&hdr, rest.data(), sizeof(hdr));
  if (hdr.size_bytes < sizeof(hdr) || hdr.size_bytes > kMaxRecordBytes) return std::nullopt;
  return take(rest, hdr.size_bytes);
}

std::size_t side_size(const SideRecord& record) noexcept {
  return padded_size(sizeof(CaptureSide) + record.name.size() + record.payload.size());
}

void append_side(std::vector<std::byte>& block, const SideRecord& record) {
  const CaptureSide head{.at_ns = record.at_ns,
                         .payload_bytes = static_cast<std::uint32_t>(record.payload.size()),
                         .name_bytes = static_cast<std::uint16_t>(record.name.size()),
                         .reserved = 0};
  append(block, std::as_bytes(std::span(&head, 1)));
  append(block, std::as_bytes(std::span(record.name)));
  append(block, std::as_bytes(std::span(record.payload)));
  pad(block);
}

std::optional<SideRecord> take_side(std::span<const std::byte>& rest) noexcept {
  if (rest.size() < sizeof(CaptureSide)) return std::nullopt;
  CaptureSide head;
  std::memcpy(&head, rest.data(), sizeof(head));
  if (head.name_bytes > kMaxSideNameBytes) return std::nullopt;
  const auto bytes = take(rest, sizeof(head) + head.name_bytes + head.payload_bytes);
  if (!bytes) return std::nullopt;
  const std::string_view text = as_text(bytes->subspan(sizeof(head)));
  return SideRecord{head.at_ns, text.substr(0, head.name_bytes), text.substr(head.name_bytes)};
}

}  // namespace tailwhy
