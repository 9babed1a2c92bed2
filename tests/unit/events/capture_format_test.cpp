// The layout of records in blocks, and the codec under them.
#include "events/capture_format.h"

#include "capture_support.h"
#include "events/block_codec.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

TEST_CASE("capture format: records follow each other at multiples of eight", "[events][capture]") {
  EventBuilder b;
  b.in(1, 1, "abc").in(1, 2, "abcdefgh").close(1, 3);
  std::vector<std::byte> block;
  const auto records = b.records();
  for (const auto record : records)
    append_record(block, record);
  CHECK(block.size() == 88 + 88 + 56);
  std::span<const std::byte> rest(block);
  for (const auto record : records) {
    const auto taken = take_record(rest);
    REQUIRE(taken);
    CHECK(std::ranges::equal(*taken, record));
  }
  CHECK(rest.empty());
}

TEST_CASE("capture format: what is no whole record is not taken", "[events][capture]") {
  EventBuilder b;
  b.in(1, 1, "abc");
  std::vector<std::byte> block;
  append_record(block, b.records().front());
  for (std::size_t size = 0; size < block.size(); ++size) {
    const std::vector<std::byte> cut(block.begin(), block.begin() + static_cast<long>(size));
    std::span<const std::byte> rest(cut);
    CHECK_FALSE(take_record(rest));
    CHECK(rest.size() == size);
  }
  for (const std::uint32_t lie : {0U, 15U, 89U, 1U << 20U, 0xffffffffU}) {
    std::memcpy(block.data() + offsetof(tw_ev_hdr, size_bytes), &lie, sizeof(lie));
    std::span<const std::byte> rest(block);
    CHECK_FALSE(take_record(rest));
  }
  std::vector<std::byte> large(kMaxRecordBytes + 8);
  const std::uint32_t size = kMaxRecordBytes + 8;
  std::memcpy(large.data() + offsetof(tw_ev_hdr, size_bytes), &size, sizeof(size));
  std::span<const std::byte> rest(large);
  CHECK_FALSE(take_record(rest));
}

TEST_CASE("capture format: side records keep name and payload", "[events][capture]") {
  std::vector<std::byte> block;
  append_side(block, {5, "losses", "{}"});
  append_side(block, {6, kTickName, ""});
  append_side(block, {7, "", std::string_view("\0x", 2)});
  CHECK(block.size() == side_size({5, "losses", "{}"}) + 24 + 24);
  std::span<const std::byte> rest(block);
  const auto first = take_side(rest);
  REQUIRE(first);
  CHECK(first->at_ns == 5);
  CHECK(first->name == "losses");
  CHECK(first->payload == "{}");
  CHECK(take_side(rest)->name == kTickName);
  CHECK(take_side(rest)->payload == std::string_view("\0x", 2));
  CHECK(rest.empty());
  CHECK_FALSE(take_side(rest));
}

TEST_CASE("capture format: side records that lie about their size are refused",
          "[events][capture]") {
  std::vector<std::byte> block;
  append_side(block, {5, "losses", "{}"});
  const auto lie = [&](auto change) {
    std::vector<std::byte> copy = block;
    CaptureSide head{};
    std::memcpy(&head, copy.data(), sizeof(head));
    change(head);
    std::memcpy(copy.data(), &head, sizeof(head));
    std::span<const std::byte> rest(copy);
    return take_side(rest).has_value();
  };
  CHECK(lie([](CaptureSide&) {}));
  CHECK_FALSE(lie([](CaptureSide& h) { h.payload_bytes = 0xffffffff; }));
  CHECK_FALSE(lie([](CaptureSide& h) { h.payload_bytes = 3; }));
  CHECK_FALSE(lie([](CaptureSide& h) { h.name_bytes = 0xffff; }));
  CHECK_FALSE(lie([](CaptureSide& h) { h.name_bytes = kMaxSideNameBytes + 1; }));
  for (std::size_t size = 0; size < block.size(); ++size) {
    const std::vector<std::byte> cut(block.begin(), block.begin() + static_cast<long>(size));
    std::span<const std::byte> rest(cut);
    CHECK_FALSE(take_side(rest));
  }
  std::vector<std::byte> long_name;
  append_side(long_name, {5, std::string(kMaxSideNameBytes + 1, 'n'), ""});
  std::span<const std::byte> rest(long_name);
  CHECK_FALSE(take_side(rest));
}

TEST_CASE("block codec: gives back what it got, also nothing", "[events][capture]") {
  BlockCompressor compressor(1);
  BlockDecompressor decompressor;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{5000}, kMaxBlockBytes}) {
    std::string text(size, 'a');
    for (std::size_t i = 0; i < size; i += 7)
      text[i] = static_cast<char>(i * 31);
    std::vector<std::byte> stored;
    const auto done = compressor.compress(test::as_bytes(text), stored);
    REQUIRE(done);
    CHECK(*done == stored.size());
    std::vector<std::byte> raw(size);
    CHECK(decompressor.decompress(stored, raw));
    CHECK(std::ranges::equal(raw, test::as_bytes(text)));
  }
}

TEST_CASE("block codec: random bytes fit the limit of the format", "[events][capture]") {
  std::vector<std::byte> noise(kMaxBlockBytes);
  std::uint64_t state = 1;
  for (std::byte& b : noise) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    b = static_cast<std::byte>(state >> 56U);
  }
  BlockCompressor compressor(1);
  std::vector<std::byte> stored;
  REQUIRE(compressor.compress(noise, stored));
  CHECK(stored.size() <= kMaxStoredBytes);
}

TEST_CASE("block codec: only exactly one frame of exactly this content is taken",
          "[events][capture]") {
  BlockCompressor compressor(1);
  BlockDecompressor decompressor;
  std::vector<std::byte> stored;
  REQUIRE(compressor.compress(test::as_bytes(std::string(1000, 'a')), stored));
  std::vector<std::byte> raw(1000);
  std::vector<std::byte> more(2000);
  CHECK(decompressor.decompress(stored, raw));
  CHECK_FALSE(decompressor.decompress(stored, std::span(raw).first(999)));
  CHECK_FALSE(decompressor.decompress(stored, more));
  std::vector<std::byte> twice = stored;
  twice.insert(twice.end(), stored.begin(), stored.end());
  CHECK_FALSE(decompressor.decompress(twice, raw));
  CHECK_FALSE(decompressor.decompress(twice, more));
  CHECK_FALSE(decompressor.decompress({}, raw));
}

TEST_CASE("block codec: a changed byte shows, also where zstd stores bytes as they are",
          "[events][capture]") {
  std::string noise(1000, ' ');
  std::uint64_t state = 1;
  for (char& c : noise) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    c = static_cast<char>(state >> 56U);
  }
  std::vector<std::byte> stored;
  REQUIRE(BlockCompressor(1).compress(test::as_bytes(noise), stored));
  REQUIRE(stored.size() > noise.size());
  stored[500] ^= std::byte{1};
  std::vector<std::byte> raw(noise.size());
  CHECK_FALSE(BlockDecompressor().decompress(stored, raw));
}

TEST_CASE("capture checksum: size, place and every bit count", "[events][capture]") {
  std::string text = "0123456789abcdefghi";
  const auto sum = capture_checksum(test::as_bytes(text));
  CHECK(sum == 0x8665b1519c13cfb);  // on disk for good: never to change
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1U << bit));
      REQUIRE(capture_checksum(test::as_bytes(flipped)) != sum);
    }
  }
  CHECK(capture_checksum(test::as_bytes(text + '\0')) != sum);
  CHECK(capture_checksum({}) != capture_checksum(test::as_bytes(std::string(8, '\0'))));
}
