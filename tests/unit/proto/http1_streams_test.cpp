// Streams of events and answers of language models over HTTP/1: which events are told, wherever
// their bytes are cut, whatever of them is missing, and what a recording keeps.
#include "http1_driver.h"
#include "parser_properties.h"
#include "stream_goldens.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

Lines whole(const std::vector<Turn>& turns) {
  return lines_of(kHttp1, turns);
}

std::vector<Turn> event_stream(std::string body) {
  return {request("GET /events HTTP/1.1\r\n\r\n"),
          response("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + std::move(body))};
}

std::size_t count(const Lines& lines, std::string_view begin) {
  return static_cast<std::size_t>(std::count_if(
      lines.begin(), lines.end(), [&](const std::string& l) { return l.starts_with(begin); }));
}

}  // namespace

TEST_CASE("http1 streams: goldens", "[proto][http1][streams]") {
  for (const Golden& golden : stream_goldens()) {
    INFO(golden.name);
    CHECK(stream_lines(whole(golden.turns)) == golden.expected);
  }
}

TEST_CASE("http1 streams: every split gives the same events", "[proto][http1][streams]") {
  for (const Golden& golden : stream_goldens()) {
    INFO(golden.name);
    check_every_split(kHttp1, golden.turns);
  }
}

TEST_CASE("http1 streams: a recording has nothing of prompts, and the same events",
          "[proto][http1][streams]") {
  for (const Golden& golden : stream_goldens()) {
    INFO(golden.name);
    check_masked(kHttp1, golden.turns, {std::string(kSecret)});
  }
}

TEST_CASE("http1 streams: after a gap no event is told that was not there, and the next are",
          "[proto][http1][streams]") {
  std::string body;
  for (int i = 0; i < 6; ++i)
    body += fmt::format(": ping {}\n\ndata: {}\r\n\r\n", i, std::string(20, 'a'));
  const std::vector<Turn> turns = event_stream(body);
  const Lines all = whole(turns);
  REQUIRE(count(all, "event end") == 6);
  const std::string_view text = turns[1].bytes;
  const std::size_t head = text.size() - body.size();
  for (std::size_t at = head; at < text.size(); ++at) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{40}, std::size_t{90}}) {
      const std::size_t hole = std::min(size, text.size() - at);
      Driver driver;
      driver.request(turns[0].bytes).turn(Side::Response);
      driver.feed(Side::Response, text.substr(0, at)).skip(Side::Response, hole);
      driver.feed(Side::Response, text.substr(at + hole));
      const Lines told = driver.take();
      INFO(hole << " bytes from " << at);
      CHECK(count(told, "stream gap") == 1);
      for (const std::string& line : told) {
        if (!line.starts_with("event end")) continue;
        CHECK(std::find(all.begin(), all.end(), line) != all.end());
      }
      // of the events that are not touched, the one behind the hole may be taken for its end
      const std::size_t touched = hole / 38 + 2;
      CHECK(count(told, "event end") + touched >= 6);
    }
  }
}

TEST_CASE("http1 streams: an event that is not captured whole has the end that its call has",
          "[proto][http1][streams]") {
  const std::string ask = post("/v1/chat/completions", R"({"model":"m"})");
  const std::string begin = R"(data: {"choices":[{"delta":{"content":"abc"},"logprobs":[)";
  Driver driver;
  driver.request(ask).turn(Side::Response).feed(Side::Response, chunked("text/event-stream"));
  driver.take();
  for (int i = 0; i < 3; ++i) {  // 600 bytes of the chunk are not seen, but for its last ones
    driver.feed(Side::Response, fmt::format("{:x}\r\n{}", begin.size() + 600, begin));
    driver.skip(Side::Response, 602, "]}\n\n\r\n");
  }
  const Lines lines = driver.take();
  CHECK(count(lines, "event end") == 3);
  CHECK(count(lines, "stream gap") == 3);
  const std::size_t one = 5 + begin.size() + 602;
  const std::size_t head = chunked("text/event-stream").size();
  CHECK(lines[1] == fmt::format("event end {}", head + one - 2));
  CHECK(lines.back() == fmt::format("event end {}", head + 3 * one - 2));
}

TEST_CASE("http1 streams: where chunks begin is not known after a gap over several",
          "[proto][http1][streams]") {
  Driver driver;
  driver.request("GET /events HTTP/1.1\r\n\r\n");
  driver.response(chunked("text/event-stream") + chunk("data: a\n\n") + "20\r\ndata: ");
  driver.skip(Side::Response, 100).feed(Side::Response, chunk("data: b\n\n") + "0\r\n\r\n");
  const Lines lines = driver.take();
  CHECK(count(lines, "event end") == 1);
  CHECK(count(lines, "stream gap") == 1);
  CHECK(lines.back().find(" last_chunk") != std::string::npos);
}

TEST_CASE("http1 streams: nothing grows with an event, a name or nesting",
          "[proto][http1][streams]") {
  Driver driver(true);
  driver.request(post("/v1/chat/completions", "{}"));
  driver.response(chunked("text/event-stream") + "ffffffff\r\n");
  driver.feed(Side::Response, "data: {\"model\":\"");
  const std::string many(100000, 'm');
  driver.feed(Side::Response, many).feed(Side::Response, "\",\"choices\":");
  driver.feed(Side::Response, std::string(100000, '['));
  driver.feed(Side::Response, std::string(50000, '{') + "\"" + many + "\":1");
  driver.feed(Side::Response, std::string(50000, '}') + std::string(100000, ']'));
  driver.feed(Side::Response, ",\"usage\":{\"completion_tokens\":3}}\n\n" + many + "\n");
  CHECK(driver.spans_inside());
  CHECK(driver.masked(Side::Response).find(std::string(200, 'm')) == std::string::npos);
  CHECK(stream_lines(driver.take()) == Lines{"stream of sse", "response says: chat openai out 3"});
}

TEST_CASE("http1 streams: a request in pieces, in chunks and behind a gap",
          "[proto][http1][streams]") {
  const std::string head =
      "POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(stream_lines(whole({request(head + chunk(R"({"mod)") + chunk(R"(el":"a-1"})") +
                                    chunk(""))})) == Lines{"request says: chat openai asked a-1"});
  Driver driver;
  const std::string body = R"({"model":"a-1","messages":[)";
  driver.request(fmt::format("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {}\r\n\r\n{}",
                             body.size() + 100, body));
  driver.skip(Side::Request, 100);
  CHECK(stream_lines(driver.take()) == Lines{"request says: chat openai asked a-1"});
}

TEST_CASE("http1 streams: nothing is told of a stream whose side has ended",
          "[proto][http1][streams]") {
  Driver driver;
  driver.request("GET /events HTTP/1.1\r\n\r\n");
  driver.response(chunked("text/event-stream") + "20\r\ndata: a\n").finish(Side::Response).take();
  driver.skip(Side::Response, 10).feed(Side::Response, "data: b\n\n");
  CHECK(driver.take().empty());
}
