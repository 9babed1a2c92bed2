// Frames, checksums and the sentences about what is wrong with a file.
#include "events/capture_reader.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

template <class T>
std::span<std::byte> writable_bytes(T& object) {
  return std::as_writable_bytes(std::span(&object, 1));
}

// Events are walked once here, so that whoever replays them meets no half record.
bool holds_records(BlockType type, std::uint32_t records, std::span<const std::byte> raw) {
  std::uint64_t found = 0;
  while (!raw.empty()) {
    const bool taken =
        type == BlockType::Events ? take_record(raw).has_value() : take_side(raw).has_value();
    if (!taken) return false;
    ++found;
  }
  return found == records;
}

}  // namespace

std::span<std::byte> CaptureReader::Storage::get(std::size_t size) {
  if (size > capacity) {
    bytes = std::make_unique<std::byte[]>(size);
    capacity = size;
  }
  return {bytes.get(), size};
}

CaptureReader::CaptureReader(UniqueFd fd, std::string name)
    : fd_(std::move(fd)), name_(std::move(name)) {}

Result<CaptureReader> CaptureReader::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return Error::from_errno("open the recording " + path, errno);
  return from_fd(std::move(fd), path);
}

Result<CaptureReader> CaptureReader::from_fd(UniqueFd fd, std::string name) {
  CaptureReader reader(std::move(fd), std::move(name));
  struct stat info {};
  if (::fstat(reader.fd_.get(), &info) != 0) {
    return Error::from_errno("open the recording " + reader.name_, errno);
  }
  if (S_ISREG(info.st_mode)) reader.progress_.file_bytes = static_cast<std::uint64_t>(info.st_size);
  if (auto done = reader.read_file_header(); !done) return done.error();
  if (auto done = reader.read_header_block(); !done) return done.error();
  return reader;
}

Result<> CaptureReader::read_file_header() {
  CaptureFileHeader head{};
  const auto size = read_up_to(writable_bytes(head));
  if (!size) return size.error();
  const std::string hint = "recordings are made with `tailwhy record`";
  if (*size == 0) return Error(ErrorCode::Corrupt, name_ + " is empty", hint);
  const std::size_t known = std::min(*size, head.magic.size());
  if (std::memcmp(head.magic.data(), kCaptureMagic.data(), known) != 0) {
    return Error(ErrorCode::Corrupt, name_ + " is not a recording of tailwhy", hint);
  }
  if (*size < sizeof(head)) return cut_short(*size);
  if (head.checksum != checksum_of(head)) return damaged("its first bytes are damaged");
  if (head.major != kCaptureMajor) {
    const char* age = head.major > kCaptureMajor ? "a newer" : "an older";
    return Error(ErrorCode::Unsupported,
                 fmt::format("{} was recorded by {} tailwhy (format {}.{}; this one reads {}.x)",
                             name_, age, head.major, head.minor, kCaptureMajor),
                 "read it with the tailwhy that recorded it");
  }
  tick_interval_ns_ = head.tick_interval_ns;
  progress_.bytes = sizeof(head);
  return {};
}

Result<> CaptureReader::read_header_block() {
  const auto frame = read_frame();
  if (!frame) return frame.error();
  if (frame->type != BlockType::Header) return damaged("block 0 is not the description of the run");
  const auto raw = read_content(*frame);
  if (!raw) return raw.error();
  header_json_.assign(reinterpret_cast<const char*>(raw->data()), raw->size());
  return accept(*frame, *raw);
}

Result<std::optional<CaptureBlock>> CaptureReader::next() {
  for (;;) {
    const auto frame = read_frame();
    if (!frame) return frame.error();
    if (frame->type == BlockType::Header) {
      return damaged(fmt::format("block {} is a second description of the run", frame->number));
    }
    const auto raw = read_content(*frame);
    if (!raw) return raw.error();
    if (auto done = accept(*frame, *raw); !done) return done.error();
    if (frame->type == BlockType::End) return std::optional<CaptureBlock>();
    // block types of newer builds are passed over
    if (frame->type != BlockType::Events && frame->type != BlockType::Side) continue;
    return std::optional(CaptureBlock{.type = frame->type,
                                      .number = frame->number,
                                      .records = frame->records,
                                      .first_ns = frame->first_ns,
                                      .last_ns = frame->last_ns,
                                      .bytes = *raw});
  }
}

Result<CaptureFrame> CaptureReader::read_frame() {
  CaptureFrame frame{};
  const auto size = read_up_to(writable_bytes(frame));
  if (!size) return size.error();
  if (*size < sizeof(frame)) return cut_short(*size);
  const bool sound = frame.magic == kFrameMagic && frame.checksum == checksum_of(frame) &&
                     frame.number == progress_.blocks && frame.raw_bytes <= kMaxBlockBytes &&
                     frame.stored_bytes <= kMaxStoredBytes;
  if (!sound) return damaged(fmt::format("the head of block {} is damaged", progress_.blocks));
  return frame;
}

Result<std::span<const std::byte>> CaptureReader::read_content(const CaptureFrame& frame) {
  const auto stored = stored_.get(frame.stored_bytes);
  const auto size = read_up_to(stored);
  if (!size) return size.error();
  if (*size < stored.size()) return cut_short(sizeof(frame) + *size);
  const auto raw = raw_.get(frame.raw_bytes);
  if (capture_checksum(stored) != frame.stored_checksum || !decompressor_.decompress(stored, raw)) {
    return damaged(fmt::format("block {} is damaged", frame.number));
  }
  return std::span<const std::byte>(raw);
}

// Takes note of a block whose bytes are those that were written.
Result<> CaptureReader::accept(const CaptureFrame& frame, std::span<const std::byte> raw) {
  const bool has_records = frame.type == BlockType::Events || frame.type == BlockType::Side;
  if (has_records && !holds_records(frame.type, frame.records, raw)) {
    return damaged(fmt::format("block {} does not hold the records it announces", frame.number));
  }
  if (frame.type == BlockType::End) {
    if (auto done = accept_end(raw); !done) return done;
  }
  if (frame.type == BlockType::Events) {
    progress_.events += frame.records;
    progress_.dropped_events += frame.dropped_before;
  }
  if (frame.type == BlockType::Side) progress_.side_records += frame.records;
  progress_.bytes += sizeof(frame) + frame.stored_bytes;
  ++progress_.blocks;
  return {};
}

Result<> CaptureReader::accept_end(std::span<const std::byte> raw) {
  CaptureTotals totals{};
  // a newer build may have appended to it
  if (raw.size() < sizeof(totals)) return damaged("its end block is too small");
  std::memcpy(&totals, raw.data(), sizeof(totals));
  if (totals.events != progress_.events || totals.side_records != progress_.side_records) {
    return damaged(
        fmt::format("blocks are missing: {} of {} events, {} of {} side records are there",
                    progress_.events, totals.events, progress_.side_records, totals.side_records));
  }
  std::byte more{};
  const auto size = read_up_to(writable_bytes(more));
  if (!size) return size.error();
  if (*size != 0) return damaged("something follows its end block");
  progress_.dropped_events = totals.dropped_events;
  progress_.dropped_side_records = totals.dropped_side_records;
  progress_.complete = true;
  return {};
}

// Less than asked for only at the end of the file.
Result<std::size_t> CaptureReader::read_up_to(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t size = ::read(fd_.get(), out.data() + done, out.size() - done);
    if (size == 0) break;
    if (size < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno("read the recording " + name_, errno);
    }
    done += static_cast<std::size_t>(size);
  }
  return done;
}

std::string CaptureReader::position() const {
  std::string text = fmt::format("at byte {}", progress_.bytes);
  if (progress_.file_bytes > 0) {
    const double share =
        static_cast<double>(progress_.bytes) / static_cast<double>(progress_.file_bytes);
    text += fmt::format(": {:.1f} % read", share * 100);
  }
  return text;
}

Error CaptureReader::damaged(const std::string& what) const {
  return Error(ErrorCode::Corrupt, fmt::format("{}: {}, {}", name_, what, position()),
               "what was read before that place is used; the rest is lost");
}

// The file ends `read_of_block` bytes after the last good block.
Error CaptureReader::cut_short(std::uint64_t read_of_block) const {
  if (read_of_block == 0 && progress_.blocks > 0) {
    return Error(ErrorCode::Corrupt,
                 fmt::format("{}: the recording has no end block, it stops after block {} {}",
                             name_, progress_.blocks - 1, position()),
                 "the recorder is still running, was killed, or its disk was full");
  }
  return Error(ErrorCode::Corrupt,
               fmt::format("{}: the recording ends in the middle of block {} {}", name_,
                           progress_.blocks, position()),
               "what was read before that place is used; copy the file again if it was cut short "
               "on the way");
}

}  // namespace tailwhy
