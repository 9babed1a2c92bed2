// Where the records of an encrypted stream begin and end (RFC 8446 5.1), as far as their headers
// were captured: which bytes of the wire a piece of plaintext came in. Only sizes: nothing is
// decrypted. Bounded: the newest records that hold application data.
#pragma once

#include "proto/parser.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

namespace tailwhy {

/// Bytes of a stream's wire.
struct WireRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class TlsRecords {
 public:
  /// The next bytes, from `offset` on. Adds to `out.secrets` all but the headers.
  void feed(std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out);
  /// The next `size` bytes were not captured.
  void skip(std::uint64_t offset, std::uint64_t size);
  /// The other side has spoken: where the place was lost, a record begins with the next byte.
  void turn();

  /// The library gave `size` bytes of plaintext, and has read the wire up to `upto`. The records
  /// that it took them from; nothing: not known.
  std::optional<WireRange> take(std::uint64_t size, std::uint64_t upto);
  /// What has come so far was no plaintext.
  void drop() { records_.clear(); }

 private:
  static constexpr std::size_t kHeader = 5;
  static constexpr std::size_t kMost = 64;
  struct Record {
    WireRange range;
    std::uint64_t given = 0;  // bytes of its plaintext
    [[nodiscard]] std::uint64_t length() const { return range.end - range.begin - kHeader; }
  };

  void take_header();
  [[nodiscard]] bool fits(std::uint64_t left) const;
  [[nodiscard]] std::size_t find(std::uint64_t size, std::uint64_t upto) const;

  std::array<std::byte, kHeader> header_{};
  std::size_t held_ = 0;    // bytes of it
  std::uint64_t next_ = 0;  // where the record that is being read ends
  bool lost_ = false;
  bool any_ = false;            // a header was read
  std::uint64_t overhead_ = 0;  // what records have beyond their plaintext; 0: not known, or varies
  std::deque<Record> records_;
};

}  // namespace tailwhy
