// zstd with a content checksum in each frame.
#include "events/block_codec.h"

#include <new>
#include <string>
#include <zstd.h>

namespace tailwhy {

void BlockCompressor::Free::operator()(ZSTD_CCtx_s* context) const noexcept {
  ZSTD_freeCCtx(context);
}

BlockCompressor::BlockCompressor(int level) : context_(ZSTD_createCCtx()) {
  if (!context_) throw std::bad_alloc();
  // neither can fail: zstd clamps levels, and the checksum is a flag
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

Result<std::size_t> BlockCompressor::compress(std::span<const std::byte> raw,
                                              std::vector<std::byte>& out) {
  const std::size_t at = out.size();
  out.resize(at + ZSTD_compressBound(raw.size()));
  const std::size_t size =
      ZSTD_compress2(context_.get(), out.data() + at, out.size() - at, raw.data(), raw.size());
  out.resize(at + (ZSTD_isError(size) != 0 ? 0 : size));
  if (ZSTD_isError(size) != 0) {
    return Error(ErrorCode::Runtime, std::string("compress: ") + ZSTD_getErrorName(size));
  }
  return size;
}

void BlockDecompressor::Free::operator()(ZSTD_DCtx_s* context) const noexcept {
  ZSTD_freeDCtx(context);
}

BlockDecompressor::BlockDecompressor() : context_(ZSTD_createDCtx()) {
  if (!context_) throw std::bad_alloc();
}

bool BlockDecompressor::decompress(std::span<const std::byte> stored, std::span<std::byte> raw) {
  // One frame only: zstd would go on with a second one.
  if (ZSTD_findFrameCompressedSize(stored.data(), stored.size()) != stored.size()) return false;
  // In one pass zstd writes straight to `raw` and allocates no window.
  const std::size_t size =
      ZSTD_decompressDCtx(context_.get(), raw.data(), raw.size(), stored.data(), stored.size());
  return size == raw.size();
}

}  // namespace tailwhy
