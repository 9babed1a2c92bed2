// The bytes of a recording (.twcap), for its writer and its reader; little-endian throughout.
//
//   file   = CaptureFileHeader, block 0 (Header), blocks of Events and Side in any order, End block
//   block  = CaptureFrame, one zstd frame (with its content checksum) of <= kMaxBlockBytes raw
//   bytes Header = one JSON text, opaque here        Events = records as the kernel sent them Side
//   = CaptureSide + name + payload      End    = CaptureTotals
//
// Records and side records are each padded to 8 bytes, so that a block can be decoded in place.
// What may change without a new major version: block types are appended (readers skip those they do
// not know), reserved fields get a meaning. A file without its End block was cut short.
#pragma once

#include "events/event_source.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy {

static_assert(std::endian::native == std::endian::little, "recordings are little-endian");

// Like PNG's: no text, no UTF-8, and a transfer that converts line ends breaks it visibly.
inline constexpr std::array<char, 8> kCaptureMagic{'\x89', 'T', 'W', 'C', 'A', 'P', '\r', '\n'};
inline constexpr std::uint16_t kCaptureMajor = 1;
inline constexpr std::uint16_t kCaptureMinor = 0;
inline constexpr std::uint32_t kFrameMagic = 0x4b425754;  // "TWBK"

/// Raw bytes of one block: what a reader must be ready to hold.
inline constexpr std::size_t kMaxBlockBytes = 1U << 20U;
/// Compressed bytes of one block; zstd adds less than this to what it cannot compress.
inline constexpr std::size_t kMaxStoredBytes = kMaxBlockBytes + kMaxBlockBytes / 64;
/// One event record. Today's largest has 4176 bytes.
inline constexpr std::size_t kMaxRecordBytes = 64U << 10U;
inline constexpr std::size_t kMaxSideNameBytes = 64;
/// The side record that ends an interval.
inline constexpr std::string_view kTickName = "tick";

/// The first bytes. Their layout stays as it is in every version, so that a reader can say "newer".
struct CaptureFileHeader {
  std::array<char, 8> magic;
  std::uint16_t major;
  std::uint16_t minor;
  std::uint32_t reserved;
  std::uint64_t tick_interval_ns;  // of the tick records; 0: there are none
  std::uint64_t checksum;          // capture_checksum of what is before it
};
static_assert(sizeof(CaptureFileHeader) == 32);

enum class BlockType : std::uint16_t { Header = 1, Events = 2, Side = 3, End = 4 };

/// Stands before each block.
struct CaptureFrame {
  std::uint32_t magic;
  BlockType type;
  std::uint16_t reserved;
  std::uint32_t number;        // 0, 1, 2 ...
  std::uint32_t records;       // in the block
  std::uint32_t raw_bytes;     // uncompressed
  std::uint32_t stored_bytes;  // of the zstd frame that follows
  std::uint64_t first_ns;      // smallest stamp of its records
  std::uint64_t last_ns;       // largest
  // Events: events that the recorder dropped since the last such block
  std::uint64_t dropped_before;
  // capture_checksum of the zstd frame: zstd's own misses some bits
  std::uint64_t stored_checksum;
  // of what is before it
  std::uint64_t checksum;
};
static_assert(sizeof(CaptureFrame) == 64);

struct CaptureSide {
  std::uint64_t at_ns;
  std::uint32_t payload_bytes;
  std::uint16_t name_bytes;
  std::uint16_t reserved;
};
static_assert(sizeof(CaptureSide) == 16);

/// What the whole recording should contain.
struct CaptureTotals {
  std::uint64_t events;
  std::uint64_t event_bytes;
  std::uint64_t side_records;
  std::uint64_t dropped_events;
  std::uint64_t dropped_side_records;
};
static_assert(sizeof(CaptureTotals) == 40);

/// FNV-1a in steps of eight bytes: every change within one such word shows.
/// zstd's.
std::uint64_t capture_checksum(std::span<const std::byte> bytes) noexcept;

/// The same over a header or frame, without its last field.
template <class Head>
std::uint64_t checksum_of(const Head& head) noexcept {
  static_assert(offsetof(Head, checksum) + sizeof(head.checksum) == sizeof(Head));
  return capture_checksum(std::as_bytes(std::span(&head, 1)).first(offsetof(Head, checksum)));
}

constexpr std::size_t padded_size(std::size_t size) noexcept {
  return (size + 7) & ~std::size_t{7};
}

/// Appends one record with its padding; gives the copy, to be masked.
std::span<std::byte> append_record(std::vector<std::byte>& block,
                                   std::span<const std::byte> record);
/// Takes one record off the front of `rest` (8-aligned); nothing when the bytes are no record.
std::optional<std::span<const std::byte>> take_record(std::span<const std::byte>& rest) noexcept;

std::size_t side_size(const SideRecord& record) noexcept;
void append_side(std::vector<std::byte>& block, const SideRecord& record);
std::optional<SideRecord> take_side(std::span<const std::byte>& rest) noexcept;

}  // namespace tailwhy
