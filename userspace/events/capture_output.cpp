// Opening and writing the file of a recording.
#include "events/capture_output.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {
CaptureOutput::CaptureOutput(UniqueFd fd, std::string path, bool regular, int level)
    : fd_(std::move(fd)), path_(std::move(path)), regular_(regular), compressor_(level) {}

Result<CaptureOutput> CaptureOutput::open(const std::string& path,
                                          std::optional<FileOwner> owner,
                                          Ns tick_interval_ns,
                                          int level) {
  auto fd = open_private(path, "record to " + path, owner);
  if (!fd) return std::move(fd).error();
  struct stat info {};
  if (::fstat(fd->get(), &info) != 0) return Error::from_errno("record to " + path, errno);
  const bool regular = S_ISREG(info.st_mode);

  CaptureOutput output(*std::move(fd), path, regular, level);
  CaptureFileHeader head{.magic = kCaptureMagic,
                         .major = kCaptureMajor,
                         .minor = kCaptureMinor,
                         .reserved = 0,
                         .tick_interval_ns = tick_interval_ns,
                         .checksum = 0};
  head.checksum = checksum_of(head);
  if (auto done = output.write_all(std::as_bytes(std::span(&head, 1))); !done) return done.error();
  return output;
}

Result<> CaptureOutput::write_block(const BlockInfo& info, std::span<const std::byte> raw) {
  buffer_.resize(sizeof(CaptureFrame));
  const auto stored = compressor_.compress(raw, buffer_);
  if (!stored) return stored.error().wrap("record to " + path_);
  CaptureFrame frame{
      .magic = kFrameMagic,
      .type = info.type,
      .reserved = 0,
      .number = next_number_,
      .records = info.records,
      .raw_bytes = static_cast<std::uint32_t>(raw.size()),
      .stored_bytes = static_cast<std::uint32_t>(*stored),
      .first_ns = info.first_ns,
      .last_ns = info.last_ns,
      .dropped_before = info.dropped_before,
      .stored_checksum = capture_checksum(std::span(buffer_).subspan(sizeof(CaptureFrame))),
      .checksum = 0};
  frame.checksum = checksum_of(frame);
  std::memcpy(buffer_.data(), &frame, sizeof(frame));
  if (auto done = write_all(buffer_); !done) return done;
  ++next_number_;
  return {};
}

Result<> CaptureOutput::write_all(std::span<const std::byte> bytes) {
  const std::uint64_t total = size_ + bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      continue;
    }
    const int err = written == 0 ? ENOSPC : errno;
    if (err == EINTR) continue;
    auto error = Error::from_errno("record to " + path_, err, ErrorCode::Io);
    if (size_ > 0) {
      error = std::move(error).with_hint(fmt::format(
          "the file is a readable recording of everything before this ({} bytes); free some space, "
          "or name a file on another disk",
          size_));
    }
    // Should this fail too, the reader finds the broken block by itself.
    if (regular_ && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) return error;
    return error;
  }
  size_ = total;
  return {};
}

Result<> CaptureOutput::sync() {
  if (regular_ && ::fsync(fd_.get()) != 0) {
    return Error::from_errno("record to " + path_, errno, ErrorCode::Io);
  }
  return {};
}

}  // namespace tailwhy
