// The name in a ClientHello, however it comes, and what of it a recording keeps.
#include "proto/tls_hello.h"

#include <catch2/catch.hpp>

#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace tailwhy;
using namespace std::literals;

namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() == 2) {
      bytes += static_cast<char>(std::stoi(digits, nullptr, 16));
      digits.clear();
    }
  }
  return bytes;
}

// RFC 8448, 3: the client of "Simple 1-RTT Handshake" asks for "server".
const std::string kHello = from_hex(
    "16 03 01 00 c4 01 00 00 c0 03 03 cb 34 ec b1 e7 81 63 ba 1c 38 c6 da cb 19 6a 6d ff a2 1a 8d"
    "99 12 ec 18 a2 ef 62 83 02 4d ec e7 00 00 06 13 01 13 03 13 02 01 00 00 91 00 00 00 0b 00 09"
    "00 00 06 73 65 72 76 65 72 ff 01 00 01 00 00 0a 00 14 00 12 00 1d 00 17 00 18 00 19 01 00 01"
    "01 01 02 01 03 01 04 00 23 00 00 00 33 00 26 00 24 00 1d 00 20 99 38 1d e5 60 e4 bd 43 d2 3d"
    "8e 43 5a 7d ba fe b3 c0 6e 51 c1 3c ae 4d 54 13 69 1e 52 9a af 2c 00 2b 00 03 02 03 04 00 0d"
    "00 20 00 1e 04 03 05 03 06 03 02 03 08 04 08 05 08 06 04 01 05 01 06 01 02 01 04 02 05 02 06"
    "02 02 02 00 2d 00 02 01 01 00 1c 00 02 40 01");

struct Read {
  std::string name;
  bool over = false;
  std::string kept;  // what a recording holds of it
};

Read read(std::string_view bytes, std::size_t piece) {
  TlsHello hello;
  Read result{.kept = std::string(bytes)};
  ParseOutput out;
  out.want_secrets = true;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::string_view part = bytes.substr(at, piece);
    ByteCursor in(Side::Request, at, std::as_bytes(std::span(part)), out);
    hello.read(in);
    in.hide(in.rest().size());
    for (const SecretSpan& span : out.secrets)
      result.kept.replace(at + span.offset, span.size, span.size, 'x');
    out.clear();
  }
  result.name = hello.server_name();
  result.over = hello.over();
  return result;
}

std::string with(std::size_t at, std::string_view bytes) {
  std::string changed = kHello;
  return changed.replace(at, bytes.size(), bytes);
}

constexpr std::size_t kNameAt = 65;  // its first letter

}  // namespace

TEST_CASE("tls hello: the name, however the bytes come", "[proto][tls]") {
  REQUIRE(kHello.size() == 201);
  REQUIRE(kHello.substr(kNameAt, 6) == "server");
  for (std::size_t piece = 1; piece <= kHello.size(); ++piece) {
    const Read whole = read(kHello, piece);
    CHECK(whole.name == "server");
    CHECK(whole.over);
  }
  for (std::size_t size = 0; size < kNameAt + 6; ++size)
    CHECK(read(kHello.substr(0, size), 7).name.empty());
  CHECK(read(kHello.substr(0, kNameAt + 6), 7).name == "server");
}

TEST_CASE("tls hello: a recording keeps lengths, types and the name", "[proto][tls]") {
  const Read whole = read(kHello, kHello.size());
  CHECK(whole.kept.substr(11, 32) == std::string(32, 'x'));  // random
  CHECK(whole.kept.substr(kNameAt, 6) == "server");
  CHECK(whole.kept.substr(kNameAt + 6) == std::string(kHello.size() - kNameAt - 6, 'x'));
  for (std::size_t piece = 1; piece <= kHello.size(); ++piece) {
    CHECK(read(kHello, piece).kept == whole.kept);
    CHECK(read(whole.kept, piece).name == "server");
  }
}

TEST_CASE("tls hello: other bytes are nobody's name, and nobody keeps them", "[proto][tls]") {
  for (const std::string& other : {std::string("SECRET of an unknown protocol"), "\x16SECRET"s,
                                   "\x16\x03SECRET"s, "\x16\x03\x01\x53\x45\x43RET"s}) {
    const Read read_whole = read(other, other.size());
    CHECK(read_whole.name.empty());
    CHECK(read_whole.over);
    CHECK(read_whole.kept.find("RET") == std::string::npos);
  }
  CHECK(read(with(5, "\x02"), 50).name.empty());            // a ServerHello
  CHECK(read(with(6, "\x01"), 50).name.empty());            // more than one record
  CHECK(read(with(kNameAt - 3, "\x01"), 50).name.empty());  // another type of name
  CHECK(read(with(kNameAt, "SERVER"), 50).name == "server");
  CHECK(read(with(kNameAt, "se\nver"), 50).name.empty());
  CHECK(read(with(kNameAt + 1, std::string(1, '\0')), 50).name.empty());
  CHECK(read(with(kNameAt - 2, "\xff\xff"), 50).name.empty());    // longer than its extension
  CHECK(read(with(kNameAt - 7, "\xff\xff"), 50).name.empty());    // which is longer than all
  CHECK(read(with(kNameAt - 9, "\x00\x17"sv), 50).name.empty());  // no server_name
}

TEST_CASE("tls hello: lengths of strangers", "[proto][tls]") {
  std::mt19937 random(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = kHello;
    for (int n = static_cast<int>(random() % 8); n >= 0; --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const Read whole = read(bytes, bytes.size());
    const Read pieces = read(bytes, 1 + random() % 20);
    CHECK(whole.name == pieces.name);
    CHECK(whole.kept == pieces.kept);
    CHECK(read(whole.kept, bytes.size()).name == whole.name);
  }
}
