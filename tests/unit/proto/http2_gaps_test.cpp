// HTTP/2: bytes that were not captured, connections met in the middle, and peers that do what no
// peer should.
#include "http2_goldens.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

bool is_head(const std::string& line) {
  return line.find(" head ") != std::string::npos;
}

// An answer to what was not told as a call has no word; its verdict is that of the word.
bool same_verdict(const std::string& line, const Lines& whole) {
  const auto is_error = [](const std::string& text) {
    return text.find(" error ") != std::string::npos && text.find("client") == std::string::npos;
  };
  const std::string stream = line.substr(line.find(" stream "));
  return std::any_of(whole.begin(), whole.end(), [&](const std::string& w) {
    return w.starts_with("response head ") && w.ends_with(stream) &&
           w.find("unknown") == std::string::npos && is_error(w) == is_error(line);
  });
}

// Parts of a head that were not seen may be missing, but none may be wrong.
void check_heads(const Lines& log, const Lines& whole) {
  for (const std::string& line : log) {
    if (!is_head(line) || std::find(whole.begin(), whole.end(), line) != whole.end()) continue;
    const bool request = line.starts_with("request");
    const bool unknown =
        request ? line.find(" - ") != std::string::npos || line.find("head  ") != std::string::npos
                : line.find("unknown") != std::string::npos;
    // of correlation ids it cannot be told that they are missing
    INFO(line);
    const std::string start = line.substr(0, line.find(" as "));
    const bool shorter = request && std::any_of(whole.begin(), whole.end(), [&](const auto& w) {
                           return w.starts_with(start);
                         });
    CHECK((unknown || shorter || (!request && same_verdict(line, whole))));
  }
}

std::size_t count(const Lines& log, std::string_view start) {
  return static_cast<std::size_t>(std::count_if(
      log.begin(), log.end(), [&](const std::string& line) { return line.starts_with(start); }));
}

}  // namespace

TEST_CASE("http2: a gap anywhere gives no wrong name, and the next exchange is seen",
          "[proto][http2][skip]") {
  for (const Http2Golden& golden : http2_goldens()) {
    INFO(golden.name);
    for (std::size_t which = 2; which < golden.turns.size(); ++which) {
      const std::size_t size = golden.turns[which].bytes.size();
      for (std::size_t gap = 0; gap < size; ++gap) {
        for (const std::size_t length : {std::size_t{1}, std::size_t{20}, size - gap}) {
          if (gap + length > size) continue;
          Http2Driver driver;
          for (std::size_t i = 0; i < golden.turns.size(); ++i) {
            const auto& [side, bytes] = golden.turns[i];
            const std::string_view text(bytes);
            driver.turn(side);
            if (i != which) {
              driver.feed(side, text);
              continue;
            }
            driver.feed(side, text.substr(0, gap)).skip(side, length);
            driver.feed(side, text.substr(gap + length));
          }
          INFO("turn " << which << " gap at " << gap << " of " << length);
          check_heads(driver.log(), golden.expected);
          driver.take();
          driver.feed(Side::Request, headers(99, "\x82\x86\x44\x02/n", true));
          driver.feed(Side::Response, headers(99, "\x88", true));
          const Lines log = driver.take();
          CHECK(count(log, "request head GET /n 2") == 1);
          CHECK(count(log, "response head 200") == 1);
          CHECK(count(log, "response end") >= 1);
        }
      }
    }
  }
}

TEST_CASE("http2: a gap inside a DATA frame loses nothing", "[proto][http2][skip]") {
  Talk t;
  t.ask(t.head(1, get("/a")));
  Http2Driver driver;
  for (const auto& [side, bytes] : t.turns)
    driver.feed(side, bytes);
  const std::string body = data(1, std::string(16384, 'd'), true);
  driver.feed(Side::Response, t.reply(1, ok()) + body.substr(0, 100));
  driver.skip(Side::Response, body.size() - 100).take();
  t.turns.clear();
  driver.feed(Side::Request, t.head(3, get("/b"))).feed(Side::Response, t.reply(3, ok(), true));
  CHECK(count(driver.log(), "request lost") + count(driver.log(), "response lost") == 0);
  CHECK(count(driver.log(), "response head 200") == 1);
}

TEST_CASE("http2: a connection met in the middle", "[proto][http2][skip]") {
  Http2Driver driver;
  driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
  // calls that begin in the middle of something
  driver.request("in the middle").response(std::string(100, 'd'));
  CHECK(driver.take().empty());
  // of two entries the older one was inserted before anybody looked
  const std::string ask5 = headers(5, "\x82\x44\x02/c", true);
  const std::string ask7 = headers(7, "\x82\xbf", true) + headers(9, "\x82\xbe", true);
  driver.request(ask5 + ask7);
  const std::string reply = headers(5,
                                    "\x48\x03"
                                    "503",
                                    false);
  driver.response(reply + data(5, "x", true) + headers(7, "\xbf", true) + headers(9, "\xbe", true) +
                  data(3, "of before", true));
  CHECK(without_offsets(driver.take()) == Lines{"request begin stream 5",
                                                "request head GET /c 2 as http stream 5",
                                                "request end framing stream 5 size 14",
                                                "request begin stream 7",
                                                "request head GET - 2 as http stream 7",
                                                "request end framing stream 7 size 11",
                                                "request begin stream 9",
                                                "request head GET /c 2 as http stream 9",
                                                "request end framing stream 9 size 11",
                                                "response begin stream 5",
                                                "response head 503 error stream 5",
                                                "response end framing stream 5 size 24",
                                                "response begin stream 7",
                                                "response head 0 unknown stream 7",
                                                "response end framing stream 7 size 10",
                                                "response begin stream 9",
                                                "response head 503 error stream 9",
                                                "response end framing stream 9 size 10",
                                                "response begin stream 3",
                                                "response end framing stream 3 size 0"});
}

TEST_CASE("http2: a call met in the middle is never OK by mistake", "[proto][http2][grpc]") {
  Talk t;
  t.head(1, call("/a.B/C"));
  t.reply(1, grpc_ok());
  Http2Driver driver;
  driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
  const std::string ask = t.head(3, call("/a.B/C"));
  const std::string head = t.reply(3, grpc_ok());
  const std::string trailers = t.reply(3, {{"grpc-status", "13"}}, true);
  driver.request(ask).response(head + trailers);
  CHECK(without_offsets(driver.take()) ==
        Lines{"request begin stream 3", "request head POST - 2 stream 3",
              "request end framing stream 3" + size_of(ask), "response begin stream 3",
              "response head 200 unknown stream 3", "response head 200 error stream 3",
              "response end framing stream 3" + size_of(head + trailers)});
}

TEST_CASE("http2: the end of the only response may be told by the next request",
          "[proto][http2][skip]") {
  Talk t;
  t.ask(t.head(1, get("/a")));
  Http2Driver driver;
  for (const auto& [side, bytes] : t.turns)
    driver.feed(side, bytes);
  const std::string head = t.reply(1, ok());
  driver.feed(Side::Response, head + data(1, std::string(500, 'd'), false))
      .skip(Side::Response, 99);
  driver.take();
  const auto at = driver.offset(Side::Response) - 99;
  driver.request(t.head(3, get("/a")));
  CHECK(driver.take().front() ==
        fmt::format("response end {} direction_reversal stream 1 size {}", at, head.size() + 509));
}

TEST_CASE("http2: streams without end are bounded", "[proto][http2]") {
  std::string ask(kClientPreface);
  for (std::uint32_t i = 0; i < 100000; ++i)
    ask += headers(2 * i + 1, "\x82\x84", true);
  Http2Driver driver;
  driver.feed(Side::Request, ask);
  Lines log = driver.take();
  CHECK(count(log, "request begin") == 1024);
  CHECK(count(log, "request lost") == 1);
  // there is room when some have ended, and those that may have are given up
  driver.response(settings() + headers(1, "\x88", true));
  driver.take();
  driver.request(headers(300001, "\x82\x84", true));
  CHECK(count(driver.take(), "request begin") == 1);
  driver.skip(Side::Response, 1000);
  driver.take();
  driver.request(headers(300003, "\x82\x84", true));
  log = driver.take();
  CHECK(count(log, "abandoned") == 1024);
  CHECK(count(log, "request begin") == 1);
}

TEST_CASE("http2: ids that were used, decrease or are even open nothing", "[proto][http2]") {
  Http2Driver driver;
  driver.feed(Side::Request, std::string(kClientPreface) + headers(5, "\x82\x84", true));
  CHECK(driver.take().size() == 3);
  driver.feed(Side::Request, headers(3, "\x82\x84", true) + headers(5, "\x82\x84", true) +
                                 headers(8, "\x82\x84", true));
  CHECK(driver.take().empty());
  driver.response(settings() + headers(5, "\x88", true) + headers(5, "\x88", true) +
                  data(5, "x", true) + headers(3, "\x88", true));
  CHECK(driver.take().size() == 3);
  driver.request(headers(5, "\x82\x84", true));
  CHECK(driver.take().empty());
}

TEST_CASE("http2: a flood of CONTINUATION costs neither memory nor time", "[proto][http2]") {
  std::string ask = std::string(kClientPreface) + frame(1, 1, 1, "\x82");
  for (int i = 0; i < 100000; ++i)
    ask += frame(9, 0, 1, i % 2 == 0 ? "" : "\x84");
  ask += frame(9, 4, 1, "");
  Http2Driver driver;
  driver.feed(Side::Request, ask);
  CHECK(driver.log().size() == 3);
}

TEST_CASE("http2: a bomb of references is just long", "[proto][http2]") {
  // one entry of nearly 4 KiB, referred to a million times
  std::string block("\x44\x7f\xc1\x1e", 4);
  block.append(4032, 'p');
  block.append(1000000, '\xbe');
  Http2Driver driver;
  driver.feed(Side::Request, std::string(kClientPreface) + headers(1, block, true));
  CHECK(driver.log().size() == 3);
}

TEST_CASE("http2: what breaks the protocol loses the place, once", "[proto][http2]") {
  const std::vector<std::string> bad = {frame(0, 0, 0, "x"),
                                        frame(1, 4, 0, "\x82"),
                                        frame(3, 0, 1, "abc"),
                                        frame(6, 0, 0, "short"),
                                        frame(8, 0, 1, "abc"),
                                        frame(4, 0, 0, "12345"),
                                        frame(4, 0, 1, ""),
                                        frame(9, 4, 1, "\x82"),
                                        frame(1, 8, 1,
                                              "\x05"
                                              "ab"),
                                        frame(1, 0x28, 1, "ab"),
                                        frame(1, 0, 1, "\x82") + frame(0, 0, 1, "x"),
                                        frame(1, 0, 1, "\x82") + frame(9, 4, 3, "x")};
  for (const std::string& bytes : bad) {
    Http2Driver driver;
    driver.feed(Side::Request, std::string(kClientPreface) + bytes + "rest");
    CHECK(count(driver.take(), "request lost") == 1);
    driver.feed(Side::Request, "more").feed(Side::Request, headers(3, "\x82\x84", true));
    const Lines log = driver.take();
    CHECK(count(log, "request lost") == 0);
    CHECK(count(log, "request head GET / 2") == 1);
  }
  Http2Driver driver;
  driver.feed(Side::Request, "PRI * HTTP/1.0\r\n");
  CHECK(driver.take() == Lines{"request mistaken 0"});
  // the longest frame is just long
  Http2Driver huge;
  huge.feed(Side::Request, std::string(kClientPreface) + headers(1, "\x82\x84", false));
  huge.feed(Side::Request, std::string("\xff\xff\xff\0\1\0\0\0\1", 9)).take();
  huge.skip(Side::Request, 0xffffff);
  CHECK(count(huge.log(), "request end") == 1);
}

TEST_CASE("http2: a side that ended says no more", "[proto][http2]") {
  Talk t;
  t.ask(t.head(1, get("/a"), false)).answer(t.reply(1, ok()));
  Http2Driver driver;
  for (const auto& [side, bytes] : t.turns)
    driver.feed(side, bytes);
  driver.finish(Side::Request).finish(Side::Response).take();
  driver.feed(Side::Request, data(1, "", true)).feed(Side::Response, data(1, "", true));
  CHECK(driver.take().empty());
}
