// Reads a recording block by block. Files come from anywhere: every length is bounded before memory
// is taken for it, every checksum held, every record inside a block walked once. What it says of a
// broken file is meant for the user. Knows nothing of what events mean.
#pragma once

#include "base/handle.h"
#include "base/result.h"
#include "events/block_codec.h"
#include "events/capture_format.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tailwhy {

/// A block of events or side records, checked: take_record() (take_side()) gives `records` of them
/// and then `bytes` are used up. Lives until the next call of the reader.
struct CaptureBlock {
  BlockType type = BlockType::Events;
  std::uint32_t number = 0;
  std::uint32_t records = 0;
  Ns first_ns = 0;
  Ns last_ns = 0;
  std::span<const std::byte> bytes;  // 8-aligned
};

/// How much of the recording was read.
struct CaptureProgress {
  std::uint64_t bytes = 0;       ///< up to the last good block
  std::uint64_t file_bytes = 0;  ///< 0: not known (a pipe)
  std::uint64_t blocks = 0;
  std::uint64_t events = 0;
  std::uint64_t side_records = 0;
  std::uint64_t dropped_events = 0;  ///< by the recorder, as far as it had the chance to say
  std::uint64_t dropped_side_records = 0;
  bool complete = false;  ///< the end block was there, and it agrees
};

class CaptureReader {
 public:
  /// Opens the file and reads its headers.
  static Result<CaptureReader> open(const std::string& path);
  /// The same for a file that is open; `name` stands for it in messages.
  static Result<CaptureReader> from_fd(UniqueFd fd, std::string name);

  /// What the recorder was given as CaptureOptions::header_json. Untrusted text.
  [[nodiscard]] const std::string& header_json() const noexcept { return header_json_; }
  /// 0: the recording has no ticks.
  [[nodiscard]] Ns tick_interval_ns() const noexcept { return tick_interval_ns_; }

  /// The next block; nothing at the proper end. An error is final: do not call again. It is Corrupt
  /// for a file that is damaged or was cut short, after everything before that place was given.
  Result<std::optional<CaptureBlock>> next();

  [[nodiscard]] const CaptureProgress& progress() const noexcept { return progress_; }

 private:
  struct Storage {  // grows to the largest block seen, at most to the limits of the format
    std::unique_ptr<std::byte[]> bytes;  // new[] aligns to 16
    std::size_t capacity = 0;
    std::span<std::byte> get(std::size_t size);
  };

  CaptureReader(UniqueFd fd, std::string name);
  Result<> read_file_header();
  Result<> read_header_block();
  Result<CaptureFrame> read_frame();
  Result<std::span<const std::byte>> read_content(const CaptureFrame& frame);
  Result<> accept(const CaptureFrame& frame, std::span<const std::byte> raw);
  Result<> accept_end(std::span<const std::byte> raw);
  Result<std::size_t> read_up_to(std::span<std::byte> out);
  Error damaged(const std::string& what) const;
  Error cut_short(std::uint64_t read_of_block) const;
  std::string position() const;

  UniqueFd fd_;
  std::string name_;
  std::string header_json_;
  Ns tick_interval_ns_ = 0;
  CaptureProgress progress_;
  BlockDecompressor decompressor_;
  Storage stored_;
  Storage raw_;
};

}  // namespace tailwhy
