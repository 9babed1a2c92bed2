// Recordings that are whole, cut short, damaged, newer, or no recordings at all.
#include "events/capture_reader.h"

#include "capture_support.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;

namespace {

// `head` with its checksum made right again.
template <class Head>
void put_head(std::string& file, std::size_t at, Head head) {
  head.checksum = checksum_of(head);
  std::memcpy(file.data() + at, &head, sizeof(head));
}

template <class Head>
Head get_head(const std::string& file, std::size_t at) {
  Head head{};
  std::memcpy(&head, file.data() + at, sizeof(head));
  return head;
}

// Where each frame of a whole recording stands.
std::vector<std::size_t> frames_of(const std::string& file) {
  std::vector<std::size_t> places;
  for (std::size_t at = sizeof(CaptureFileHeader); at < file.size();) {
    places.push_back(at);
    at += sizeof(CaptureFrame) + get_head<CaptureFrame>(file, at).stored_bytes;
  }
  return places;
}

// Blocks written one by one, to make files that the writer would not.
class Blocks {
 public:
  Blocks() : output_(CaptureOutput::open(dir_.file("b.twcap"), {}, 0, 1).value()) {}
  Blocks& add(BlockType type, std::uint32_t records, std::span<const std::byte> raw) {
    output_.write_block({.type = type, .records = records}, raw).value();
    return *this;
  }
  Replay replay() const { return replay_file(dir_.file("b.twcap")); }

 private:
  TempDir dir_;
  CaptureOutput output_;
};

template <class T>
std::span<const std::byte> bytes_of_object(const T& object) {
  return std::as_bytes(std::span(&object, 1));
}

}  // namespace

TEST_CASE("capture reader: a whole recording comes back and says so", "[events][capture]") {
  const Replay whole = replay_bytes(sample_recording());
  CHECK(whole.error.empty());
  CHECK(whole.header_json == R"({"target":"test"})");
  CHECK(whole.progress.complete);
  CHECK(whole.progress.events == 5);
  CHECK(whole.progress.side_records == 3);
  CHECK(whole.progress.blocks == 6);
  CHECK(whole.progress.bytes == whole.progress.file_bytes);
  CHECK(whole.stats.events == 5);
  CHECK(whole.diary.lines.size() == 8);
}

TEST_CASE("capture reader: every truncation gives the blocks before it, then says where",
          "[events][capture]") {
  const std::string file = sample_recording();
  const Replay whole = replay_bytes(file);
  const auto frames = frames_of(file);
  REQUIRE(frames.size() == 6);
  for (std::size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size, file.size());
    const Replay cut = replay_bytes(std::string_view(file).substr(0, size));
    REQUIRE(cut.code == ErrorCode::Corrupt);
    REQUIRE_FALSE(cut.progress.complete);
    // the lines are a prefix of all lines, and each block that is wholly there was given
    REQUIRE(cut.diary.lines.size() <= whole.diary.lines.size());
    REQUIRE(std::equal(cut.diary.lines.begin(), cut.diary.lines.end(), whole.diary.lines.begin()));
    const bool first_events_there = size >= frames[2];
    REQUIRE((cut.diary.lines.size() >= 3) == first_events_there);
  }
  const Replay middle = replay_bytes(std::string_view(file).substr(0, frames[3] + 70));
  CHECK_THAT(middle.error, Contains("test.twcap: the recording ends in the middle of block 3 at "
                                    "byte " +
                                    std::to_string(frames[3]) + ": "));
  CHECK_THAT(middle.error, Contains(" % read"));
  const Replay headless = replay_bytes(std::string_view(file).substr(0, frames[0]));
  CHECK_THAT(headless.error, Contains("in the middle of block 0 at byte 32: 100.0 % read"));
  const Replay between = replay_bytes(std::string_view(file).substr(0, frames[5]));
  CHECK_THAT(between.error, Contains("has no end block, it stops after block 4 at byte"));
  CHECK_THAT(between.error, Contains("100.0 % read"));
  CHECK(between.diary.lines == whole.diary.lines);
}

TEST_CASE("capture reader: every flipped bit is detected", "[events][capture]") {
  std::string file = sample_recording();
  const Replay whole = replay_bytes(file);
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      CAPTURE(at, bit);
      const char before = file[at];
      file[at] = static_cast<char>(static_cast<unsigned char>(before) ^ (1U << bit));
      const Replay flipped = replay_bytes(file);
      file[at] = before;
      REQUIRE(flipped.code == ErrorCode::Corrupt);
      REQUIRE(flipped.diary.lines.size() <= whole.diary.lines.size());
      REQUIRE(std::equal(flipped.diary.lines.begin(), flipped.diary.lines.end(),
                         whole.diary.lines.begin()));
    }
  }
}

TEST_CASE("capture reader: every byte set to every value is survived", "[events][capture]") {
  std::string file = sample_recording();
  const Replay whole = replay_bytes(file);
  const auto frames = frames_of(file);
  // one block is enough: the first with events, its frame and its content
  for (std::size_t at = frames[1]; at < frames[2]; ++at) {
    for (unsigned value = 0; value < 256; value += 5) {
      const char before = file[at];
      file[at] = static_cast<char>(value);
      const Replay changed = replay_bytes(file);
      file[at] = before;
      CAPTURE(at, value);
      REQUIRE(changed.error.empty() == (before == static_cast<char>(value)));
      REQUIRE(changed.diary.lines.size() <= whole.diary.lines.size());
    }
  }
}

TEST_CASE("capture reader: files that are no recordings are called that", "[events][capture]") {
  CHECK_THAT(replay_bytes("").error, Contains("is empty"));
  CHECK_THAT(replay_bytes("{\"record\":\"header\"}\n").error, Contains("is not a recording"));
  CHECK_THAT(replay_bytes("x").error, Contains("is not a recording"));
  CHECK(replay_bytes(std::string(5000, '\0')).code == ErrorCode::Corrupt);
  CHECK(replay_file("/nonexistent/x.twcap").code == ErrorCode::NotFound);
  CHECK_THAT(replay_file("/").error, Contains("directory"));
}

TEST_CASE("capture reader: a newer format is refused by name, a newer minor one is read",
          "[events][capture]") {
  std::string file = sample_recording();
  auto head = get_head<CaptureFileHeader>(file, 0);
  head.minor = 7;
  put_head(file, 0, head);
  CHECK(replay_bytes(file).error.empty());
  head.major = 2;
  put_head(file, 0, head);
  const Replay newer = replay_bytes(file);
  CHECK(newer.code == ErrorCode::Unsupported);
  CHECK_THAT(newer.error, Contains("recorded by a newer tailwhy (format 2.7; this one reads 1.x)"));
}

TEST_CASE("capture reader: sizes beyond the format are refused before memory is taken",
          "[events][capture]") {
  const std::string file = sample_recording();
  const std::size_t at = frames_of(file)[1];
  const auto with = [&](auto change) {
    std::string copy = file;
    auto frame = get_head<CaptureFrame>(copy, at);
    change(frame);
    put_head(copy, at, frame);
    return replay_bytes(copy);
  };
  CHECK(with([](CaptureFrame&) {}).error.empty());
  const Replay raw = with([](CaptureFrame& f) { f.raw_bytes = kMaxBlockBytes + 1; });
  CHECK_THAT(raw.error, Contains("the head of block 1 is damaged, at byte"));
  CHECK(with([](CaptureFrame& f) { f.raw_bytes = 0xffffffff; }).code == ErrorCode::Corrupt);
  const Replay stored = with([](CaptureFrame& f) { f.stored_bytes = kMaxStoredBytes + 1; });
  CHECK_THAT(stored.error, Contains("the head of block 1 is damaged, at byte"));
  CHECK(with([](CaptureFrame& f) { f.stored_bytes = kMaxStoredBytes; }).code == ErrorCode::Corrupt);
  CHECK(with([](CaptureFrame& f) { f.raw_bytes -= 8; }).code == ErrorCode::Corrupt);
  CHECK(with([](CaptureFrame& f) { f.number = 9; }).code == ErrorCode::Corrupt);
  CHECK(with([](CaptureFrame& f) { f.magic = 0; }).code == ErrorCode::Corrupt);
  CHECK(with([](CaptureFrame& f) { f.type = BlockType::Header; }).code == ErrorCode::Corrupt);
  CHECK(with([](CaptureFrame& f) { f.type = BlockType::Side; }).code == ErrorCode::Corrupt);
  const Replay records = with([](CaptureFrame& f) { f.records += 1; });
  CHECK_THAT(records.error, Contains("block 1 does not hold the records it announces"));
  CHECK(records.diary.lines.empty());
}

TEST_CASE("capture reader: missing blocks and bytes after the end are seen", "[events][capture]") {
  const std::string file = sample_recording();
  const auto frames = frames_of(file);
  CHECK_THAT(replay_bytes(file + "x").error, Contains("something follows its end block"));

  std::string gap = file;
  gap.erase(frames[3], frames[4] - frames[3]);
  CHECK_THAT(replay_bytes(gap).error, Contains("the head of block 3 is damaged"));

  // the same with the numbers made right: the totals still tell
  const auto without = [&](std::size_t block) {
    std::string rest = file;
    rest.erase(frames[block], frames[block + 1] - frames[block]);
    const auto left = frames_of(rest);
    for (std::size_t i = block; i < left.size(); ++i) {
      auto frame = get_head<CaptureFrame>(rest, left[i]);
      frame.number = static_cast<std::uint32_t>(i);
      put_head(rest, left[i], frame);
    }
    return replay_bytes(rest).error;
  };
  CHECK_THAT(without(3), Contains("blocks are missing: 3 of 5 events, 3 of 3 side records"));
  CHECK_THAT(without(4), Contains("blocks are missing: 5 of 5 events, 2 of 3 side records"));
}

TEST_CASE("capture reader: block types of newer builds are passed over", "[events][capture]") {
  const CaptureTotals totals{};
  std::vector<std::byte> like_side;
  append_side(like_side, {5, "losses", "{}"});
  Blocks blocks;
  blocks.add(BlockType::Header, 0, {})
      .add(static_cast<BlockType>(77), 1, like_side)
      .add(BlockType::End, 0, bytes_of_object(totals));
  const Replay back = blocks.replay();
  CHECK(back.error.empty());
  CHECK(back.diary.lines.empty());
}

TEST_CASE("capture reader: the description comes first, the end block is whole",
          "[events][capture]") {
  const CaptureTotals totals{};
  CHECK_THAT(Blocks().add(BlockType::Events, 0, {}).replay().error,
             Contains("block 0 is not the description of the run"));
  CHECK_THAT(Blocks().add(BlockType::Header, 0, {}).add(BlockType::Header, 0, {}).replay().error,
             Contains("block 1 is a second description"));
  CHECK_THAT(Blocks()
                 .add(BlockType::Header, 0, {})
                 .add(BlockType::End, 0, bytes_of_object(totals).first(8))
                 .replay()
                 .error,
             Contains("its end block is too small"));
}
