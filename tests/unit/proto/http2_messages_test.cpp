// HTTP/2 and gRPC: messages, wherever their bytes are cut.
#include "http2_goldens.h"

#include <catch2/catch.hpp>

#include <random>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

Lines run(const std::vector<Turn>& turns) {
  Http2Driver driver;
  for (const auto& [side, bytes] : turns)
    driver.turn(side).feed(side, bytes);
  return driver.log();
}

}  // namespace

TEST_CASE("http2: goldens", "[proto][http2]") {
  for (const Http2Golden& golden : http2_goldens()) {
    INFO(golden.name);
    CHECK(without_offsets(run(golden.turns)) == golden.expected);
  }
}

TEST_CASE("http2: offsets are those of the frames", "[proto][http2]") {
  Talk t;
  const std::string before_ask = t.turns[0].bytes;
  const std::string before_answer = t.turns[1].bytes;
  const std::string ask = t.head(1, get("/a"));
  const std::string answer = t.reply(1, ok()) + data(1, "hello", true);
  t.ask(ask).answer(answer);
  CHECK(run(t.turns) == Lines{fmt::format("request begin {} stream 1", before_ask.size()),
                              "request head GET /a 2 as http stream 1",
                              fmt::format("request end {} framing stream 1 size {}",
                                          before_ask.size() + ask.size(), ask.size()),
                              fmt::format("response begin {} stream 1", before_answer.size()),
                              "response head 200 stream 1",
                              fmt::format("response end {} framing stream 1 size {}",
                                          before_answer.size() + answer.size(), answer.size())});
}

TEST_CASE("http2: every split of every turn gives the same messages", "[proto][http2]") {
  for (const Http2Golden& golden : http2_goldens()) {
    INFO(golden.name);
    const Lines whole = run(golden.turns);
    for (std::size_t which = 0; which < golden.turns.size(); ++which) {
      for (std::size_t cut = 1; cut < golden.turns[which].bytes.size(); ++cut) {
        Http2Driver driver;
        for (std::size_t i = 0; i < golden.turns.size(); ++i) {
          const auto& [side, bytes] = golden.turns[i];
          const std::string_view text(bytes);
          driver.turn(side).feed(side, text.substr(0, i == which ? cut : text.size()));
          if (i == which) driver.feed(side, text.substr(cut));
        }
        INFO("turn " << which << " cut at " << cut);
        CHECK(driver.log() == whole);
      }
    }
    Http2Driver bytewise;
    for (const auto& [side, bytes] : golden.turns) {
      for (const char c : bytes)
        bytewise.feed(side, {&c, 1});
    }
    CHECK(bytewise.log() == whole);
  }
}

TEST_CASE("http2: each of gRPC's status codes has its word and verdict", "[proto][http2][grpc]") {
  const std::vector<std::string> words = {"OK",
                                          "CANCELLED client error",
                                          "UNKNOWN error",
                                          "INVALID_ARGUMENT client error",
                                          "DEADLINE_EXCEEDED error",
                                          "NOT_FOUND client error",
                                          "ALREADY_EXISTS client error",
                                          "PERMISSION_DENIED client error",
                                          "RESOURCE_EXHAUSTED client error",
                                          "FAILED_PRECONDITION client error",
                                          "ABORTED client error",
                                          "OUT_OF_RANGE client error",
                                          "UNIMPLEMENTED error",
                                          "INTERNAL error",
                                          "UNAVAILABLE error",
                                          "DATA_LOSS error",
                                          "UNAUTHENTICATED client error",
                                          "UNKNOWN error"};
  for (std::size_t code = 0; code < words.size(); ++code) {
    Talk t;
    t.ask(t.head(1, call("/a.B/C")));
    t.answer(t.reply(1, grpc_ok()) + t.reply(1, {{"grpc-status", std::to_string(code)}}, true));
    const Lines log = run(t.turns);
    REQUIRE(log.size() == 7);
    CHECK(log[5] == "response head " + words[code] + " stream 1");
  }
  for (const std::string bad : {"", "x", "-1", "0x0", "99999999999"}) {
    Talk t;
    t.ask(t.head(1, call("/a.B/C")));
    t.answer(t.reply(1, grpc_ok()) + t.reply(1, {{"grpc-status", bad}}, true));
    CHECK(run(t.turns)[5] == "response head 0 unknown stream 1");
  }
}

TEST_CASE("http2: what is no call of gRPC", "[proto][http2][grpc]") {
  const auto head_of = [](HeaderList list) {
    Talk t;
    t.ask(t.head(1, list));
    return run(t.turns)[1];
  };
  CHECK(head_of(call("/a.B/C")) == "request head  a.B/C 2 as grpc stream 1");
  for (const std::string path :
       {"", "/", "/a", "/a/", "//b", "a/b", "/a/b/c", "/a b/c", "/a/b-c"}) {
    CHECK(head_of(call(path)) == "request head  _OTHER 2 as grpc stream 1");
  }
  CHECK(head_of(call("/" + std::string(100, 'a') + "/" + std::string(100, 'b'))) ==
        "request head  _OTHER 2 as grpc stream 1");
  HeaderList web = call("/a.B/C");
  web[5].second = "application/grpc-web";
  CHECK(head_of(web) == "request head POST /a.B/C 2 as http stream 1");
  HeaderList odd = get("/a");
  odd[0].second = "FROBNICATE";
  CHECK(head_of(odd) == "request head _OTHER /a 2 as http stream 1");
}

TEST_CASE("http2: detection", "[proto][http2]") {
  const auto detect = [](Side side, std::string_view bytes) {
    return kHttp2.detect(side, as_bytes(bytes));
  };
  for (std::size_t size = 0; size < kClientPreface.size(); ++size) {
    CHECK(detect(Side::Request, kClientPreface.substr(0, size)) ==
          (size < 14 ? Confidence::NeedMore : Confidence::Yes));
  }
  Talk t;
  const std::string ask = t.head(1, get("/a"));
  CHECK(detect(Side::Request, ask) == Confidence::Yes);
  CHECK(detect(Side::Request, ask + ask) == Confidence::Yes);
  CHECK(detect(Side::Request, ask.substr(0, ask.size() - 1)) == Confidence::No);
  CHECK(detect(Side::Response, settings()) == Confidence::Yes);
  CHECK(detect(Side::Response, settings_ack()) == Confidence::No);
  for (const std::string& other :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("*1\r\n$4\r\nPING\r\n"),
        std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8),
        std::string("\x16\x03\x01\x02\0\x01\0\x01\xfc", 9), std::string(9, '\0'),
        std::string(100, '\0'), std::string("Q\0\0\0\x0dSELECT 1\0", 14)}) {
    CHECK(detect(Side::Request, other) == Confidence::No);
    CHECK(detect(Side::Response, other) == Confidence::No);
  }
  std::mt19937 random(3);
  for (int i = 0; i < 100000; ++i) {
    std::string bytes;
    for (unsigned k = 0; k < 40; ++k)
      bytes += static_cast<char>(random() % (i % 2 == 0 ? 256 : 4));
    CHECK(detect(Side::Request, bytes) == Confidence::No);
  }
}
