// Web sockets: bytes as RFC 6455 has them in 5.7, and what the rules of its sections 5 and 7 allow.
#include "proto/websocket.h"

#include "goldens.h"
#include "parser_properties.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace std::string_literals;

namespace {

// RFC 6455, 5.7.
const std::string kHello = "\x81\x05Hello"s;
const std::string kMaskedHello = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s;
const std::string kHel = "\x01\x03Hel"s, kLo = "\x80\x02lo"s;
const std::string kPing = "\x89\x05Hello"s;
const std::string kMaskedPong = "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s;

std::string length(std::size_t size, unsigned mask) {
  std::string text;
  const auto put = [&](std::size_t value) { text += static_cast<char>(value & 0xff); };
  if (size < 126) {
    put(mask | size);
  } else if (size < 65536) {
    put(mask | 126);
    put(size >> 8);
    put(size);
  } else {
    put(mask | 127);
    for (int shift = 56; shift >= 0; shift -= 8)
      put(size >> shift);
  }
  return text;
}

std::string serves(unsigned first, const std::string& payload) {
  return static_cast<char>(first) + length(payload.size(), 0) + payload;
}

std::string asks(unsigned first,
                 const std::string& payload,
                 const std::string& key = "\x01\x22\x43\x64"s) {
  std::string text = static_cast<char>(first) + length(payload.size(), 0x80) + key;
  for (std::size_t i = 0; i < payload.size(); ++i)
    text += static_cast<char>(payload[i] ^ key[i % 4]);
  return text;
}

std::vector<Turn> conversation() {
  return {request(asks(0x81, "hello CANARY") + kMaskedPong),
          response(kHello + kHel + kPing + kLo + serves(0xc2, std::string(300, 'c') + "CANARY")),
          request(asks(0x02, "") + asks(0x00, std::string(200, 'q')) + asks(0x80, "CANARY")),
          response(serves(0x82, std::string(70'000, 'b').substr(0, 500))),
          request(asks(0x88, "\x03\xe9going, CANARY", "key.")),  // which is needed to read the code
          response(serves(0x88, "\x03\xe9"))};
}

Confidence detect(const std::string& bytes) {
  return kWebSocket.detect(Side::Request, as_bytes(bytes));
}

}  // namespace

TEST_CASE("websocket: the examples of RFC 6455, 5.7", "[proto][websocket]") {
  CHECK(lines_of(kWebSocket, {response(kHello), request(kMaskedHello), response(kHel + kPing + kLo),
                              request(kMaskedPong)}) == Lines{"response messages 1 end 7 size 5",
                                                              "request messages 1 end 11 size 5",
                                                              "response messages 1 end 23 size 5"});
  for (const std::size_t size : {std::size_t{256}, std::size_t{65536}}) {
    const std::string frame = serves(0x82, std::string(size, 'x'));
    CHECK(frame.substr(0, 2) == (size == 256 ? "\x82\x7e"s : "\x82\x7f"s));
    CHECK(lines_of(kWebSocket, {response(frame)}) ==
          Lines{fmt::format("response messages 1 end {} size {}", frame.size(), size)});
  }
}

TEST_CASE("websocket: fragments are one message, whatever comes between", "[proto][websocket]") {
  const std::string ask = asks(0x02, "12") + asks(0x89, "") + asks(0x00, "345") + asks(0x80, "6");
  CHECK(lines_of(kWebSocket, {request(ask)}) ==
        Lines{fmt::format("request messages 1 end {} size 6", ask.size())});
}

TEST_CASE("websocket: it ends when both have said so, and the first says why",
          "[proto][websocket]") {
  const std::string leaves = asks(0x88, "\x03\xe9 bye"), ends = serves(0x88, "\x03\xf3");
  CHECK(lines_of(kWebSocket, {request(leaves), response(ends + kHello)}) ==
        Lines{"request messages 0 end 12 size 0 closes 1001",
              "response messages 0 end 4 size 0 closes 1011", "response end 4 framing"});
  CHECK(lines_of(kWebSocket, {response(ends), request(kMaskedHello + leaves)}) ==
        Lines{"response messages 0 end 4 size 0 closes 1011", "request messages 1 end 11 size 5",
              "request messages 0 end 23 size 0 closes 1001", "response end 4 framing"});
  CHECK(lines_of(kWebSocket, {response(ends + kHello)}).size() == 1);  // nothing may follow
  CHECK(lines_of(kWebSocket, {request(asks(0x88, ""))}) ==
        Lines{"request messages 0 end 6 size 0 closes 1005"});
}

TEST_CASE("websocket: of who closes without a word there is no end", "[proto][websocket]") {
  ParserDriver driver(kWebSocket);
  driver.request(kMaskedHello).response(kHello).finish(Side::Response);
  CHECK(driver.log().size() == 2);
  ParserDriver said(kWebSocket);
  said.request(asks(0x88, "")).finish(Side::Response);
  CHECK(said.log().back() == "response end 0 close");
}

TEST_CASE("websocket: what cannot be a frame loses the place", "[proto][websocket]") {
  for (const std::string& bytes :
       {"\x83\x85key.Hello"s, "\x8b\x80key."s, "\x81\x05Hello"s, "\x09\x80key."s, "\xc8\x80key."s,
        "\x88\x81key.1"s, "\x89\xfe\x01\x00key."s, "\x81\xfe\x00\x7dkey."s,
        "\x81\xff\0\0\0\0\0\0\xff\xffkey."s, "\x81\xff\x40\0\0\0\0\x01\0\0key."s,
        "\x81\xff\x80\0\0\0\0\x01\0\0key."s})
    CHECK(lines_of(kWebSocket, {request(bytes)}) == Lines{"request lost 0"});
  CHECK(lines_of(kWebSocket, {response(kMaskedHello)}) == Lines{"response lost 0"});
}

TEST_CASE("websocket: cut anywhere, with gaps anywhere, and as recorded", "[proto][websocket]") {
  check_every_split(kWebSocket, conversation());
  std::vector<Turn> going_on = conversation();
  going_on.resize(4);
  check_every_gap(kWebSocket, going_on, {request(asks(0x81, "more")), response(kHello)});
  check_masked(kWebSocket, conversation(), {"CANARY", "hello", "Hello", "\x01\x22\x43\x64"});
}

TEST_CASE("websocket: a payload that was not captured loses nothing", "[proto][websocket]") {
  ParserDriver driver(kWebSocket);
  const std::string big = serves(0x82, std::string(100'000, 'x'));
  driver.turn(Side::Response).feed(Side::Response, big.substr(0, 100));
  driver.skip(Side::Response, big.size() - 100).feed(Side::Response, kHello);
  CHECK(driver.take() == Lines{fmt::format("response messages 1 end {} size 100000", big.size()),
                               fmt::format("response messages 1 end {} size 5", big.size() + 7)});
}

TEST_CASE("websocket: a place that was lost is found with the next call", "[proto][websocket]") {
  ParserDriver driver(kWebSocket);
  driver.turn(Side::Response).feed(Side::Response, kHello).skip(Side::Response, 50);
  driver.feed(Side::Response, kHello);
  CHECK(driver.take() == Lines{"response messages 1 end 7 size 5", "response lost 7",
                               "response messages 1 end 64 size 5"});
  // What would hide megabytes is no frame to who is in doubt.
  driver.skip(Side::Response, 50).feed(Side::Response, "\x82\x7f\0\0\0\0\x01\0\0\0..."s);
  CHECK(driver.take() == Lines{"response lost 64", "response lost 114"});
}

TEST_CASE("websocket: met in the middle", "[proto][websocket]") {
  const std::string ask = asks(0x81, "{\"some\": 1}");
  ParserDriver driver(kWebSocket);
  driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
  driver.request(ask).response(kHello).request(ask).finish(Side::Response);
  CHECK(driver.take() == Lines{"request begin 0", "request head  - - open-ended of messages",
                               "request end 6 framing", "request messages 1 end 17 size 11",
                               "response begin 0", "response messages 1 end 7 size 5",
                               "request messages 1 end 34 size 11"});
  for (const std::string& no : {kMaskedHello, "HTTP/1.1 200 OK\r\n\r\n"s}) {
    ParserDriver other(kWebSocket);
    other.unsynchronised(Side::Request).unsynchronised(Side::Response);
    other.request(ask).response(no);
    CHECK(other.log().back() == "response mistaken 0");
  }
}

TEST_CASE("websocket: a connection is one by readable text alone", "[proto][websocket]") {
  for (const std::string& text : {"{\"a\": 1}"s, "some words that go on and on"s,
                                  std::string(300, 'a'), std::string(70'000, '\n')}) {
    const std::string yes = asks(0x81, text);
    CHECK(detect(yes) == Confidence::Yes);
    CHECK(detect(yes.substr(0, 32)) == Confidence::Yes);
    for (std::size_t size = 0; size < std::min<std::size_t>(yes.size(), 14); ++size)
      CHECK(detect(yes.substr(0, size)) == Confidence::NeedMore);
    ParserDriver driver(kWebSocket, true);
    driver.request(yes);
    CHECK(detect(driver.masked(Side::Request)) == Confidence::Yes);
  }
  for (const std::string& no :
       {kHello, asks(0x81, "short"), asks(0x82, "some words"), asks(0x01, "some words"),
        asks(0x89, "some words"), asks(0x81, "\x01\x02\x03\x04\x05\x06\x07\x08\x0b"),
        "GET / HTTP/1.1\r\n\r\n"s, "\x16\x03\x01\x02\x00\x01"s, "\x81\xfe\x00\x08keyxtextte"s})
    CHECK(detect(no) == Confidence::No);
  CHECK(kWebSocket.detect(Side::Response, as_bytes(kHello)) == Confidence::No);
}

TEST_CASE("websocket: write the fuzz corpus", "[.][websocket_corpus]") {
  write_corpus({{"a conversation", conversation(), {Side::Response}, {}},
                {"closed by the server",
                 {response(kHello + serves(0x88, "\x03\xf3")), request(kMaskedHello)},
                 {Side::Response},
                 {}},
                {"text", {request(asks(0x81, "{\"some\": 1}")), response(kHello)}, {}, {}}});
}
