// The file under a recording that is being made: opened so that nobody else can read or redirect
// it, written block by block, never left with half a block. Knows nothing of threads, queues or
// events.
#pragma once

#include "base/clock.h"
#include "base/handle.h"
#include "base/private_file.h"
#include "base/result.h"
#include "events/block_codec.h"
#include "events/capture_format.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tailwhy {

/// What the frame of a block says of its records.
struct BlockInfo {
  BlockType type = BlockType::Events;
  std::uint32_t records = 0;
  Ns first_ns = 0;
  Ns last_ns = 0;
  std::uint64_t dropped_before = 0;
};

class CaptureOutput {
 public:
  /// Makes or empties the file (mode 0600) and writes the file header. Refused are symbolic links,
  /// files of other users, files with a second name, and files that another recorder has open.
  static Result<CaptureOutput> open(const std::string& path,
                                    std::optional<FileOwner> owner,
                                    Ns tick_interval_ns,
                                    int level);

  /// Compresses and writes one block. After an error the file ends with the last whole block.
  Result<> write_block(const BlockInfo& info, std::span<const std::byte> raw);

  /// Waits until the disk has everything.
  Result<> sync();

  /// Bytes written so far.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  CaptureOutput(UniqueFd fd, std::string path, bool regular, int level);
  Result<> write_all(std::span<const std::byte> bytes);

  UniqueFd fd_;
  std::string path_;
  bool regular_;
  BlockCompressor compressor_;
  std::vector<std::byte> buffer_;
  std::uint64_t size_ = 0;
  std::uint32_t next_number_ = 0;
};

}  // namespace tailwhy
