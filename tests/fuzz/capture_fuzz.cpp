// Any bytes as a recording. With a first byte 'b' the rest is the content of blocks, to which
// frames, compression and checksums are made: else no random change would get past the checksums.
// With any other first byte the rest is the file.
#include "events/block_codec.h"
#include "events/decode.h"
#include "events/replay_source.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tailwhy;

namespace {

using Bytes = std::vector<std::byte>;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

template <class T>
void append(Bytes& out, const T& object) {
  const auto bytes = std::as_bytes(std::span(&object, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_block(Bytes& file,
                  std::uint32_t number,
                  BlockType type,
                  std::uint32_t records,
                  std::span<const std::byte> raw) {
  static BlockCompressor compressor(1);
  Bytes stored;
  require(compressor.compress(raw, stored).has_value());
  CaptureFrame frame{.magic = kFrameMagic,
                     .type = type,
                     .number = number,
                     .records = records,
                     .raw_bytes = static_cast<std::uint32_t>(raw.size()),
                     .stored_bytes = static_cast<std::uint32_t>(stored.size()),
                     .dropped_before = number,
                     .stored_checksum = capture_checksum(stored)};
  frame.checksum = checksum_of(frame);
  append(file, frame);
  file.insert(file.end(), stored.begin(), stored.end());
}

// The input is a list of: type, number of records, size (two bytes), content.
Bytes file_of_blocks(std::span<const std::byte> input) {
  CaptureFileHeader head{.magic = kCaptureMagic, .major = kCaptureMajor, .minor = kCaptureMinor};
  head.tick_interval_ns = input.size() % 2;
  head.checksum = checksum_of(head);
  Bytes file;
  append(file, head);
  append_block(file, 0, BlockType::Header, 0, {});
  for (std::uint32_t number = 1; input.size() >= 4; ++number) {
    const auto type = static_cast<BlockType>(input[0]);
    const auto records = static_cast<std::uint32_t>(input[1]);
    std::uint16_t size = 0;
    std::memcpy(&size, input.data() + 2, sizeof(size));
    input = input.subspan(4);
    const auto content = input.first(std::min<std::size_t>(size, input.size()));
    append_block(file, number, type, records, content);
    input = input.subspan(content.size());
  }
  return file;
}

struct Checker : EventHandler {
  std::uint64_t calls = 0;
  std::stop_source stop;
  void count() {
    if (++calls > 20'000) stop.request_stop();  // empty intervals by the million are no bug
  }
  void on_event(const EventView& event) override {
    require(decode(bytes_of(event)).status() == DecodeStatus::Ok);
    count();
  }
  void on_tick(Ns) override { count(); }
  void on_side(const SideRecord& record) override {
    require(record.name.size() <= kMaxSideNameBytes && record.payload.size() <= kMaxBlockBytes);
    count();
  }
};

void replay(std::span<const std::byte> file, Ns tick_interval_ns) {
  UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  require(::write(fd.get(), file.data(), file.size()) == static_cast<ssize_t>(file.size()));
  require(::lseek(fd.get(), 0, SEEK_SET) == 0);
  auto reader = CaptureReader::from_fd(std::move(fd), "fuzz");
  if (!reader) return;
  ReplaySource source(std::move(*reader), {.tick_interval_ns = tick_interval_ns});
  Checker checker;
  const auto done = source.run(checker, checker.stop.get_token());
  require(done.has_value() || !done.error().message().empty());
  require(source.reader().progress().bytes <= file.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  if (data[0] == 'b') {
    replay(file_of_blocks(input), input.size() % 3);
  } else {
    replay(input, 0);
  }
  return 0;
}
