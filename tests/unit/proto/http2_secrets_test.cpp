// HTTP/2: what a recording must not contain is marked, and what is left replays to the same
// messages.
#include "http2_goldens.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::string_view kCanary = "CANARYCANARY";

// Header values as they stand in a block: as text, or as Huffman code. Both must be gone.
std::string huffman(std::string_view text) {
  Deflater deflater(0);
  const std::string block = deflater.block({{":path", std::string(text)}});
  return block.substr(block.size() - text.size() * 5 / 8 + 2, 4);
}

std::string literal(std::string_view name, std::string_view value) {
  std::string field("\0", 1);
  field += static_cast<char>(name.size());
  field += name;
  field += static_cast<char>(value.size());
  return field.append(value);
}

std::vector<Turn> canary_turns() {
  Talk t;
  const std::string canary(kCanary);
  const std::string block = "\x83" + literal(":path", "/path?token=" + canary) +
                            literal("authorization", canary) + literal("cookie", canary) +
                            literal("x-custom", canary) + literal(":authority", canary);
  t.ask(headers(1, block, false) + data(1, canary, false) +
        frame(0, 0x9, 1, std::string("\x0d", 1) + canary + canary + "x"));
  t.ask(headers(3, "\x82" + literal(":path", "/a;s=" + canary), true) + frame(6, 0, 0, "CANARYCA") +
        frame(7, 0, 0, number(0) + number(0) + canary) + frame(99, 0, 0, canary));
  const std::string answer = "\x88" + literal("set-cookie", canary) +
                             literal("traceparent", canary) + literal("x-request-id", canary);
  t.answer(headers(1, answer, false) + data(1, canary, false) +
           headers(1, literal("x-sum", canary) + literal("grpc-message", canary), true));
  t.answer(frame(5, 4, 1, number(2) + literal(":path", "/x?" + canary) + literal("x", canary)));
  return t.turns;
}

void check_clean(const ParserDriver& driver) {
  CHECK(driver.spans_inside());
  for (const Side side : {Side::Request, Side::Response})
    CHECK(driver.masked(side).find("CANARY") == std::string::npos);
}

}  // namespace

TEST_CASE("http2: a canary is masked wherever the bytes are cut", "[proto][http2][secrets]") {
  const std::vector<Turn> turns = canary_turns();
  for (const std::size_t piece :
       {std::size_t{100000}, std::size_t{50}, std::size_t{7}, std::size_t{3}, std::size_t{1}}) {
    Http2Driver driver(true);
    for (const auto& [side, bytes] : turns) {
      for (std::size_t at = 0; at < bytes.size(); at += piece)
        driver.feed(side, std::string_view(bytes).substr(at, piece));
    }
    INFO("pieces of " << piece);
    check_clean(driver);
    CHECK(driver.log()[1] == "request head POST /path 2 as http stream 1");
    for (const std::string& line : driver.log())
      CHECK(line.find("CANARY") == std::string::npos);
  }
}

TEST_CASE("http2: a canary in Huffman code is masked", "[proto][http2][secrets]") {
  for (const char* name : {"cookie", "authorization", "x-custom"}) {
    Talk t;
    Http2Driver driver(true);
    HeaderList list = get("/path?token=" + std::string(kCanary) + std::string(kCanary));
    list.emplace_back(name, kCanary);
    driver.feed(Side::Request, std::string(kClientPreface) + t.head(1, list));
    const std::string& masked = driver.masked(Side::Request);
    // what is left of any of the eight ways in which the code may lie
    for (std::size_t shift = 0; shift < 8; ++shift) {
      const std::string code = huffman(std::string(shift, '0') + std::string(kCanary));
      CHECK(masked.find(code) == std::string::npos);
    }
    CHECK(masked.find("xxxxxxxx") != std::string::npos);
  }
}

TEST_CASE("http2: a canary is masked when the place is lost", "[proto][http2][secrets]") {
  Http2Driver driver(true);
  driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
  driver.request("CANARYCANARY").response("CANARY").take();
  driver.request(headers(1, "\x82\x84", true) + frame(0, 0, 0, "CANARY"));
  driver.request("CANARY");
  driver.skip(Side::Response, 100, "CANARY");
  check_clean(driver);
}

TEST_CASE("http2: what a recording keeps replays to the same messages", "[proto][http2][secrets]") {
  const auto check_replay = [](const std::vector<Turn>& turns) {
    for (const std::size_t piece : {std::size_t{1000000}, std::size_t{37}, std::size_t{1}}) {
      Http2Driver recorded(true);
      Http2Driver replayed(true);
      for (const auto& [side, bytes] : turns) {
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
          const std::size_t before = recorded.masked(side).size();
          recorded.feed(side, std::string_view(bytes).substr(at, piece));
          replayed.feed(side, recorded.masked(side).substr(before));
        }
      }
      CHECK(replayed.log() == recorded.log());
      for (const Side side : {Side::Request, Side::Response})
        CHECK(replayed.masked(side) == recorded.masked(side));
    }
  };
  for (const Http2Golden& golden : http2_goldens()) {
    INFO(golden.name);
    check_replay(golden.turns);
  }
  check_replay(canary_turns());
}
