// What streams of HTTP/2 carry: events, answers of language models, and messages of gRPC calls.
#include "http2_bodies.h"

#include "parser_properties.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

Lines without_offsets(Lines lines) {
  for (std::string& line : lines) {
    const std::size_t at = line.find("end ");
    if (at == std::string::npos) continue;
    line.erase(at + 3, line.find_first_of(" \n", at + 4) - at - 3);
  }
  return lines;
}

}  // namespace

TEST_CASE("http2 bodies: each message of a gRPC call's answer is an event",
          "[proto][http2][streams]") {
  const Lines all = lines_of(kHttp2, calls());
  CHECK(without_offsets(stream_lines(all)) == Lines{"event end stream 1", "event end stream 3",
                                                    "event end stream 3", "event end stream 3"});
  CHECK(std::any_of(all.begin(), all.end(),
                    [](const std::string& line) { return line.ends_with(" messages 3"); }));
}

TEST_CASE("http2 bodies: events of several streams are told apart", "[proto][http2][streams]") {
  CHECK(without_offsets(stream_lines(lines_of(kHttp2, events()))) ==
        Lines{"request says stream 3: chat openai asked m", "stream of sse stream 1",
              "stream of sse stream 3", "event end stream 1", "event end stream 3",
              "response says stream 3: chat openai out 9"});
}

TEST_CASE("http2 bodies: every split gives the same, and a recording too",
          "[proto][http2][streams]") {
  for (const std::vector<Turn>& turns : {calls(), events()}) {
    check_every_split(kHttp2, turns);
    check_masked(kHttp2, turns, {std::string(kSecret)});
  }
}

TEST_CASE("http2 bodies: messages that are not captured end where their length says",
          "[proto][http2][streams]") {
  Talk t;
  t.ask(t.head(1, call("/a.B/Many"), false) + data(1, message("ask"), true));
  const std::string first = t.reply(1, grpc_ok());
  const std::string frame = data(1, message(std::string(1000, 'a')), false);
  Http2Driver driver;
  for (const auto& [side, bytes] : t.turns)
    driver.turn(side).feed(side, bytes);
  driver.response(first + frame.substr(0, 100)).skip(Side::Response, frame.size() - 100);
  driver.feed(Side::Response, frame);
  const Lines lines = stream_lines(driver.take());
  REQUIRE(lines.size() == 2);
  const std::size_t before = t.turns[1].bytes.size() + first.size();
  CHECK(lines[0] == fmt::format("event end {} stream 1", before + frame.size()));
  CHECK(lines[1] == fmt::format("event end {} stream 1", before + 2 * frame.size()));
}

TEST_CASE("http2 bodies: after a loss the events of a stream have a gap, and no call is guessed",
          "[proto][http2][streams]") {
  const std::vector<Turn> t = calls();
  Http2Driver driver;
  driver.turn(Side::Request).feed(Side::Request, t[0].bytes);
  driver.turn(Side::Response).feed(Side::Response, t[1].bytes);
  driver.turn(Side::Request).feed(Side::Request, t[2].bytes);
  driver.turn(Side::Response).feed(Side::Response, t[3].bytes);
  driver.take();
  driver.skip(Side::Response, 500);
  driver.feed(Side::Response, data(3, message("third"), false) + data(3, message("4th"), false));
  const Lines lines = stream_lines(driver.take());
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("stream gap "));
}
