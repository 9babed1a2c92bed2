// HPACK: the same fields as nghttp2 and RFC 7541's examples have, wherever a block is cut, and
// nothing wrong after a part was not seen.
#include "proto/http2_hpack.h"

#include "http2_wire.h"
#include "proto/http2_huffman.h"

#include <catch2/catch.hpp>

#include <random>

using namespace tailwhy;
using namespace tailwhy::http2;
using namespace tailwhy::test;

namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  std::string digits;
  for (const char c : hex) {
    if (c != ' ') digits += c;
    if (digits.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(digits, nullptr, 16));
    digits.clear();
  }
  return bytes;
}

std::string describe(const Field& field) {
  switch (field.name) {
    case Name::Unknown:
      return "?";
    case Name::Other:
      return "-";
    case Name::Method:
      return "method " + std::string(field.value);
    case Name::Path:
      return "path " + std::string(field.value);
    case Name::Status:
      return "status " + std::string(field.value);
    case Name::ContentType:
      return "type " + std::string(field.value);
    case Name::ContentEncoding:
      return "encoding " + std::string(field.value);
    case Name::GrpcStatus:
      return "grpc " + std::string(field.value);
    case Name::TraceParent:
      return "trace " + std::string(field.value);
    case Name::RequestId:
      return "id " + std::string(field.value);
  }
  return "";
}

std::string described(const std::pair<std::string, std::string>& field) {
  const auto& [name, value] = field;
  if (name == ":method") return "method " + value;
  if (name == ":path") return "path " + value.substr(0, value.find_first_of("?#;"));
  if (name == ":status") return "status " + value;
  if (name == "content-type") return "type " + value;
  if (name == "content-encoding") return "encoding " + value;
  if (name == "grpc-status") return "grpc " + value;
  if (name == "traceparent") return "trace " + value;
  if (name == "x-request-id") return "id " + value;
  return "-";
}

// Reads a block in pieces of `piece` bytes.
Lines read(HeaderReader& reader, std::string_view block, std::size_t piece = 1000) {
  Lines fields;
  for (std::size_t at = 0; at < block.size(); at += piece) {
    const std::string_view part = block.substr(at, piece);
    reader.read(
        part.data(), part.data() + part.size(),
        [&](const Field& f) { fields.push_back(describe(f)); }, [](const char*, std::size_t) {});
  }
  CHECK(reader.end_block());
  return fields;
}

HeaderList random_fields(std::mt19937& random) {
  static const std::vector<std::string> kNames = {
      ":method",      ":path",      ":status", "content-type", "grpc-status", "traceparent",
      "x-request-id", "user-agent", "cookie",  "x-something",  "accept",      "date"};
  HeaderList list;
  const unsigned fields = 1 + random() % 8;
  for (unsigned i = 0; i < fields; ++i) {
    std::string value;
    const std::size_t size = random() % 20 == 0 ? random() % 900 : random() % 30;
    for (std::size_t k = 0; k < size; ++k)
      value += static_cast<char>(random() % 3 == 0 ? random() % 256 : 'a' + random() % 26);
    if (random() % 2 == 0) value = "value" + std::to_string(random() % 6);
    list.emplace_back(kNames[random() % kNames.size()], value);
  }
  return list;
}

}  // namespace

TEST_CASE("hpack: every byte's Huffman code is nghttp2's", "[proto][http2]") {
  const std::string padding(300, 'a');  // so that the code is shorter than the text
  for (unsigned byte = 0; byte < 256; ++byte) {
    Deflater deflater;
    const std::string value = std::string(3, static_cast<char>(byte)) + padding;
    if (value.find_first_of("?#;") != std::string::npos) continue;
    HeaderReader reader(Side::Request);
    CHECK(read(reader, deflater.block({{":path", value}})) == Lines{"path " + value});
  }
}

TEST_CASE("hpack: the examples of RFC 7541, appendix C", "[proto][http2]") {
  SECTION("C.3 and C.4: requests") {
    for (const auto& blocks : std::vector<std::vector<std::string_view>>{
             {"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
              "8286 84be 5808 6e6f 2d63 6163 6865",
              "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"},
             {"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "8286 84be 5886 a8eb 1064 9cbf",
              "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"}}) {
      HeaderReader reader(Side::Request);
      CHECK(read(reader, from_hex(blocks[0])) == Lines{"method GET", "-", "path /", "-"});
      CHECK(read(reader, from_hex(blocks[1])) == Lines{"method GET", "-", "path /", "-", "-"});
      CHECK(read(reader, from_hex(blocks[2])) ==
            Lines{"method GET", "-", "path /index.html", "-", "-"});
      CHECK(reader.table().size() == 3);
    }
  }
  SECTION("C.6: responses with a table of 256 bytes") {
    HeaderReader reader(Side::Response);
    const std::string size = from_hex("3fe1 01");
    CHECK(
        read(reader, size + from_hex("4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 "
                                     "9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 "
                                     "e9ae 82ae 43d3")) == Lines{"status 302", "-", "-", "-"});
    CHECK(read(reader, from_hex("4883 640e ffc1 c0bf")) == Lines{"status 307", "-", "-", "-"});
    CHECK(read(reader, from_hex("88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff "
                                "c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af "
                                "2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 "
                                "07")) == Lines{"status 200", "-", "-", "-", "encoding gzip", "-"});
  }
}

TEST_CASE("hpack: reads what nghttp2 writes, wherever it is cut", "[proto][http2]") {
  std::mt19937 random(1);
  for (const std::size_t table : {std::size_t{0}, std::size_t{100}, std::size_t{4096}}) {
    Deflater deflater(table);
    HeaderReader whole(Side::Request);
    HeaderReader pieces(Side::Request);
    for (int round = 0; round < 2000; ++round) {
      if (round > 1000 && round % 50 == 49) deflater.resize(random() % (table + 1));
      const HeaderList list = random_fields(random);
      Lines expected;
      for (const auto& field : list)
        expected.push_back(described(field));
      const std::string block = deflater.block(list);
      const Lines fields = read(whole, block);
      REQUIRE(read(pieces, block, 1 + random() % 3) == fields);
      if (table == 4096 && round < 1000) REQUIRE(fields == expected);
      for (std::size_t i = 0; i < fields.size(); ++i) {
        // of a value that is passed over nobody knows whether it fits into a tiny table
        if (fields[i] != "?") REQUIRE(fields[i] == expected[i]);
      }
    }
  }
}

TEST_CASE("hpack: after blocks that were not seen a field is right or unknown", "[proto][http2]") {
  std::mt19937 random(2);
  std::size_t known = 0;
  std::size_t unknown = 0;
  for (int connection = 0; connection < 100; ++connection) {
    Deflater deflater;
    HeaderReader reader(Side::Request);
    for (int round = 0; round < 100; ++round) {
      const HeaderList list = random_fields(random);
      const std::string block = deflater.block(list);
      if (random() % 10 == 0) {  // not seen, or only its beginning
        const std::string part = block.substr(0, random() % (block.size() + 1));
        reader.read(
            part.data(), part.data() + part.size(), [](const Field&) {},
            [](const char*, std::size_t) {});
        reader.lose_block();
        CHECK_FALSE(reader.end_block());
        continue;
      }
      const Lines fields = read(reader, block);
      REQUIRE(fields.size() == list.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i] == "?") {
          ++unknown;
        } else {
          REQUIRE(fields[i] == described(list[i]));
          ++known;
        }
      }
    }
  }
  CHECK(unknown > 100);
  CHECK(known > unknown);
}

TEST_CASE("hpack: an entry that does not fit empties the table", "[proto][http2]") {
  HeaderReader reader(Side::Request);
  read(reader, std::string("\x44\x02/a", 4));
  CHECK(read(reader, "\xbe") == Lines{"path /a"});
  std::string large("\x44\x7f\xa1\x1f", 4);  // a value of 4,128 bytes
  large.append(4128, 'x');
  CHECK(read(reader, large).size() == 1);
  CHECK(reader.table().size() == 0);
  CHECK(read(reader, "\xbe") == Lines{"?"});
}

TEST_CASE("hpack: nonsense is refused, and the next block is read", "[proto][http2]") {
  for (const std::string_view bad :
       {std::string_view("\x80"), std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff"),
        std::string_view("\x40\x82\xff\xff", 4), std::string_view("\x44\x05/"),
        std::string_view("\x40\x7f\xff\xff\xff\xff\xff\xff", 8)}) {
    HeaderReader reader(Side::Request);
    reader.read(
        bad.data(), bad.data() + bad.size(), [](const Field&) {}, [](const char*, std::size_t) {});
    CHECK_FALSE(reader.end_block());
    CHECK(read(reader, "\x82") == Lines{"method GET"});
  }
}

TEST_CASE("hpack: a table stays small whatever is inserted", "[proto][http2]") {
  HeaderReader reader(Side::Request);
  read(reader, std::string("\x3f\xe1\xff\xff\x07", 5));  // 16 MiB, which nobody is promised
  std::string block;
  for (int i = 0; i < 10000; ++i)
    block += std::string("\x44\x02/a", 4);
  read(reader, block);
  CHECK(reader.table().size() <= 65536 / 32);
}
