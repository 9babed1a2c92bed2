// zstd, as recordings use it: whole blocks of bounded size, each checksummed. The only file that
// knows the library. Knows nothing of what is in a block.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace tailwhy {

class BlockCompressor {
 public:
  /// `level` as zstd counts them.
  explicit BlockCompressor(int level);
  /// Appends `raw` as one zstd frame to `out`; gives the bytes appended.
  Result<std::size_t> compress(std::span<const std::byte> raw, std::vector<std::byte>& out);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const noexcept;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
};

class BlockDecompressor {
 public:
  BlockDecompressor();
  /// Fills all of `raw` from `stored`, which must be exactly one zstd frame of exactly that
  /// content. Memory does not depend on what `stored` claims. False: damaged, or not what was asked
  /// for.
  bool decompress(std::span<const std::byte> stored, std::span<std::byte> raw);

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const noexcept;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

}  // namespace tailwhy
