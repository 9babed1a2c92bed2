// memcached: conversations whole, in pieces and with holes; what a recording holds of them; hostile
// sizes; and what bytes are taken for its protocols.
#include "memcached_goldens.h"
#include "proto/memcached_detect.h"
#include "proto/memcached_words.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

std::string repeat(std::string_view text, unsigned times) {
  std::string all;
  for (unsigned i = 0; i < times; ++i)
    all += text;
  return all;
}

// A parser that has read a whole exchange.
ParserDriver sure(bool want_secrets = false) {
  ParserDriver driver(kMemcached, want_secrets);
  driver.request("get k\r\n").response("END\r\n").take();
  return driver;
}

// The next exchange works as if nothing had been.
void check_next_exchange(ParserDriver& driver) {
  driver.take();
  const auto asked = driver.offset(Side::Request);
  const auto answered = driver.offset(Side::Response);
  driver.request("delete k\r\n").response("DELETED\r\n");
  CHECK(driver.take() == Lines{fmt::format("request begin {}", asked), "request head delete - -",
                               fmt::format("request end {} framing", asked + 10),
                               fmt::format("response begin {}", answered), "response head 0",
                               fmt::format("response end {} framing", answered + 9)});
}

Confidence detect(std::string_view text, Side side = Side::Request) {
  return detect_memcached(side, as_bytes(text));
}

bool is_binary(const Golden& golden) {
  return golden.turns[0].bytes[0] == '\x80';
}

}  // namespace

TEST_CASE("memcached: golden conversations", "[proto][memcached]") {
  for (const Golden& golden : memcached_goldens())
    check_whole(kMemcached, golden);
}

TEST_CASE("memcached: every split point gives the same messages", "[proto][memcached]") {
  for (const Golden& golden : memcached_goldens())
    check_splits(kMemcached, golden);
}

TEST_CASE("memcached: after a hole anywhere the next turns are read", "[proto][memcached][skip]") {
  const Golden text =
      resolve({"plain",
               {request("|delete k\r\n|"), response("|DELETED\r\n|")},
               {},
               {"request begin @0", "request head delete - -", "request end @1 framing",
                "response begin @0", "response head 0", "response end @1 framing"}});
  const Golden binary = resolve({"plain binary",
                                 {request("|" + memcached_frame(0x80, 4, 9, 0, "", "k") + "|"),
                                  response("|" + memcached_frame(0x81, 4, 9) + "|")},
                                 {},
                                 text.expected});
  for (const Golden& golden : memcached_goldens()) {
    const std::string last = golden.expected.back();
    if (last.starts_with("tunnel") || last.find("mistaken") != std::string::npos) continue;
    Golden plain = is_binary(golden) ? binary : text;
    if (is_binary(golden)) {
      plain.expected = {"request begin 0",  "request head delete - -", "request end 25 framing",
                        "response begin 0", "response head 0",         "response end 24 framing"};
    }
    check_gaps(kMemcached, golden, plain);
  }
}

TEST_CASE("memcached: data that is missing loses nothing", "[proto][memcached][skip]") {
  ParserDriver driver = sure();
  driver.request("set k 0 0 1000\r\nabc").skip(Side::Request, 997, "x").feed(Side::Request, "\r\n");
  driver.response("STORED\r\n");
  CHECK(driver.take().size() == 6);
  driver.request("get k\r\n").response("VALUE k 0 1000\r\nabc").take();
  driver.skip(Side::Response, 997 + 2 + 5, "z\r\nEND\r\n");
  CHECK(driver.take() ==
        Lines{fmt::format("response end {} framing", driver.offset(Side::Response))});
  check_next_exchange(driver);
}

TEST_CASE("memcached: a get with a hole ends with END at the end of a call, or with its turn",
          "[proto][memcached][skip]") {
  ParserDriver driver = sure();
  driver.request("get a b c\r\n").response("VALUE a 0 3\r\nabc\r\nVALUE").take();
  SECTION("END") {
    driver.skip(Side::Response, 500, "z\r\nEND\r\n");
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} last_chunk", driver.offset(Side::Response))});
  }
  SECTION("the next request") {
    driver.skip(Side::Response, 500, "zzzzzzzz");
    CHECK(driver.log().empty());
    const auto end = driver.offset(Side::Response);
    driver.turn(Side::Request);
    CHECK(driver.take() == Lines{fmt::format("response end {} direction_reversal", end)});
  }
  check_next_exchange(driver);
}

TEST_CASE("memcached: statistics with a hole end with their last frame, or with their turn",
          "[proto][memcached][skip]") {
  const auto stat = [](std::string_view name) {
    return memcached_frame(0x81, 0x10, 5, 0, "", std::string(name), name.empty() ? "" : "1");
  };
  ParserDriver driver(kMemcached);
  driver.request(memcached_frame(0x80, 0x10, 5)).response(stat("pid") + stat("uptime")).take();
  SECTION("the last frame") {
    driver.skip(Side::Response, 500, "zz" + stat(""));
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} last_chunk", driver.offset(Side::Response))});
  }
  SECTION("the next request") {
    driver.skip(Side::Response, 500, "zzzzzzzz");
    CHECK(driver.log().empty());
    const auto end = driver.offset(Side::Response);
    driver.turn(Side::Request);
    CHECK(driver.take() == Lines{fmt::format("response end {} direction_reversal", end)});
  }
  driver.request(memcached_frame(0x80, 0x0a, 6)).response(memcached_frame(0x81, 0x0a, 6));
  const Lines log = driver.take();
  REQUIRE(log.size() == 6);
  CHECK(log[1] == "request head noop - -");
  CHECK(log[5].ends_with("framing"));
}

TEST_CASE("memcached: answers to requests that nobody saw are nobody's",
          "[proto][memcached][skip]") {
  ParserDriver driver = sure();
  driver.request("get k\r\n").skip(Side::Request, 100);
  CHECK(driver.take().back() == "request lost 14");
  driver.request("delete k\r\n").response("END\r\nEND\r\nDELETED\r\n");
  for (const std::string& line : driver.take())
    CHECK(line.find("response head") == std::string::npos);
  check_next_exchange(driver);
}

TEST_CASE("memcached: quiet requests are waited for, but not for ever", "[proto][memcached]") {
  ParserDriver driver = sure();
  driver.request(repeat("md k q\r\n", 1100));
  const Lines log = driver.take();
  CHECK(std::count(log.begin(), log.end(), "response no answer 5") == 76);
  driver.request("mn\r\n").response("MN\r\n");
  const Lines end = driver.take();
  CHECK(std::count(end.begin(), end.end(), "response no answer 5") == 1024);
  CHECK(end.back() == "response end 9 framing");
  check_next_exchange(driver);
}

TEST_CASE("memcached: no byte of keys and values stays in a recording",
          "[proto][memcached][secrets]") {
  const auto canary = [](std::size_t size) {
    return repeat("CANARY", static_cast<unsigned>(size));
  };
  const std::vector<Turn> text = {
      request("get CANARY CANARY\r\n"), response("VALUE CANARY 0 12\r\nCANARYCANARY\r\nEND\r\n"),
      request(
          "set CANARY CANARY CANARY 6 noreply\r\nCANARY\r\nCANARY CANARY\r\nincr CANARY 7531\r\n"
          "mg CANARY OCANARY v q\r\nms CANARY 6 OCANARY\r\nCANARY\r\nstats CANARY\r\n"),
      response(
          "ERROR CANARY\r\n7531\r\nVA 6 OCANARY\r\nCANARY\r\nHD OCANARY\r\nSTAT CANARY CANARY\r\n"
          "END\r\n")};
  const std::vector<Turn> binary = {
      request(memcached_frame(0x80, 1, 1, 0, std::string(8, 'e'), canary(1), canary(9))),
      response(memcached_frame(0x81, 1, 1, 5, "", "", canary(1))),
      request(memcached_frame(0x80, 0x0c, 2, 0, "", canary(1))),
      response(memcached_frame(0x81, 0x0c, 2, 0, "eeee", canary(1), canary(2)))};
  for (const auto* turns : {&text, &binary}) {
    for (std::size_t size : {1U, 3U, 7U, 1000U}) {
      ParserDriver driver(kMemcached, true);
      for (const auto& [side, bytes] : *turns) {
        driver.turn(side);
        for (std::size_t at = 0; at < bytes.size(); at += size)
          driver.feed(side, std::string_view(bytes).substr(at, size));
      }
      CHECK(driver.spans_inside());
      for (const Side side : {Side::Request, Side::Response}) {
        INFO(driver.masked(side));
        for (const char* word : {"CANARY", "ANAR", "7531", "eeee"})
          CHECK(driver.masked(side).find(word) == std::string::npos);
      }
      for (const std::string& line : driver.log()) {
        CHECK(line.find("CANARY") == std::string::npos);
        CHECK(line.find("lost") == std::string::npos);
        CHECK(line.find("mistaken") == std::string::npos);
      }
    }
  }
}

TEST_CASE("memcached: hostile sizes lose the place, and no more", "[proto][memcached]") {
  ParserDriver driver = sure();
  for (const char* size : {"99999999999999999999", "99999999999"}) {
    driver.request(fmt::format("set k 0 0 {}\r\n", size))
        .response("CLIENT_ERROR bad data chunk\r\n");
    CHECK(driver.take()[4] == "response head CLIENT_ERROR client error");
    check_next_exchange(driver);
  }
  driver.request("get k\r\n").response("VALUE k 0 99999999999999999999\r\n");
  CHECK(driver.take().back().starts_with("response lost"));
  check_next_exchange(driver);
  driver.request("set k 0 0 3\r\nabcde\r\n");
  CHECK(driver.take().back().starts_with("request lost"));
  driver.response("CLIENT_ERROR bad data chunk\r\n");
  check_next_exchange(driver);
  driver.request(repeat("get k\r\n", 10'000));
  CHECK(driver.take().back().starts_with("request lost"));
  driver.response(repeat("END\r\n", 8192));
  check_next_exchange(driver);
  ParserDriver binary(kMemcached);
  std::string huge = memcached_frame(0x80, 1, 1, 0, "", "k");
  huge.replace(8, 4, "\xff\xff\xff\xff");
  binary.request(huge);
  CHECK(binary.take().back() == "request mistaken 0");
}

TEST_CASE("memcached: the answer may come before the data", "[proto][memcached]") {
  ParserDriver driver = sure();
  driver.request("set k 0 0 9\r\nab").response("SERVER_ERROR object too large for cache\r\n");
  CHECK(driver.take().back().starts_with("response end"));
  driver.request("cdefghi\r\n").take();
  check_next_exchange(driver);
}

TEST_CASE("memcached: what is taken for its protocols", "[proto][memcached][detect]") {
  for (const char* yes :
       {"get k\r\n", "gets a b c\r\nget", "set k 0 0 5\r\nhel", "delete k\r\n", "mg k v\r\n",
        "mn\r\n", "version\r\n", "stats\r\n", "ms k 5\r\n", "incr k 1\r\n", "flush_all\r\n"}) {
    INFO(yes);
    CHECK(detect(yes) == Confidence::Yes);
    const std::string_view line = std::string_view(yes).substr(0, std::string_view(yes).find('\n'));
    for (std::size_t size = 0; size < line.size(); ++size)
      CHECK(detect(line.substr(0, size)) == Confidence::NeedMore);
  }
  for (const char* no : {"GET / HTTP/1.1\r\n", "GET k\r\n", "get\r\n", "set k 0 0 x\r\n",
                         "set k 0 0\r\n", "quit\r\n", "EHLO me\r\n", "*1\r\n$4\r\nPING\r\n",
                         "hello\r\n", "get k\x01\r\n", "\x16\x03\x01", "incr k\r\n"}) {
    INFO(no);
    CHECK(detect(no) == Confidence::No);
  }
  const std::string frame = memcached_frame(0x80, 1, 1, 0, std::string(8, 'e'), "k", "v");
  CHECK(detect(frame) == Confidence::Yes);
  CHECK(detect(std::string_view(frame).substr(0, 23)) == Confidence::NeedMore);
  CHECK(detect(memcached_frame(0x80, 1, 1, 0, "", "k", "v")) == Confidence::No);
  CHECK(detect(memcached_frame(0x80, 0x7f, 1)) == Confidence::No);
  CHECK(detect("SERVER_ERROR out of memory\r\n", Side::Response) == Confidence::Yes);
  CHECK(detect("STORED\r\n", Side::Response) == Confidence::No);
}

TEST_CASE("memcached: who of several quiet requests was answered", "[proto][memcached]") {
  const auto answers = [](std::string_view requests, std::string_view responses) {
    ParserDriver driver = sure();
    driver.request(requests).take();
    driver.response(responses);
    std::string text;
    for (const std::string& line : driver.take()) {
      if (line.starts_with("response no")) text += "- ";
      if (line.starts_with("response head ")) text += line.substr(14) + ' ';
      if (line.find("lost") != std::string::npos) text += "lost ";
    }
    return text;
  };
  // as memcached 1.6.18 answers
  CHECK(answers("md a q\r\nmn\r\n", "NF\r\nMN\r\n") == "NOT_FOUND 0 ");
  CHECK(answers("md a q\r\nmd b C1 q\r\nmn\r\n", "EX\r\nMN\r\n") == "EXISTS - 0 ");
  CHECK(answers("ms a 1 q\r\n1\r\nmg b q\r\nmg b v q\r\nma c q\r\nmn\r\n",
                "HD\r\nVA 1\r\n1\r\nNF\r\nMN\r\n") == "- 0 0 NOT_FOUND 0 ");
  CHECK(answers("ms a 1 q MX\r\n1\r\nmn\r\n", "CLIENT_ERROR invalid mode\r\nMN\r\n") ==
        "CLIENT_ERROR client error 0 ");
  // one that hides NF: the second was answered, and after mn nothing is left of the error
  CHECK(answers("md a q\r\nmd b\r\nmn\r\nmn\r\n", "NF\r\nMN\r\nMN\r\n") == "NOT_FOUND - 0 0 ");
}

TEST_CASE("memcached: what is quiet at the end has got no answer", "[proto][memcached]") {
  ParserDriver driver = sure();
  driver.request("md a q\r\nms b 1 q\r\nx\r\nget c\r\nmd d q\r\n").take();
  driver.finish(Side::Response);
  CHECK(driver.take() == Lines{"response no answer 5", "response no answer 5"});
}

TEST_CASE("memcached: what is no answer of memcached's is never OK", "[proto][memcached]") {
  ParserDriver driver = sure();
  driver.request("refresh_certs\r\nincr k 1\r\nincr j 1\r\n").take();
  driver.response("Error TLS not enabled\r\n17  \r\nwhatever\r\n");
  const Lines log = driver.take();
  REQUIRE(log.size() == 9);
  CHECK(log[1] == "response head 0 unknown");
  CHECK(log[4] == "response head 0");
  CHECK(log[7] == "response head 0 unknown");
  check_next_exchange(driver);
}

TEST_CASE("memcached: statuses have words and verdicts", "[proto][memcached]") {
  using Verdict = ResponseHead::Verdict;
  CHECK(memcached::head_of_status(0).verdict == Verdict::Ok);
  CHECK(memcached::head_of_status(1).status_text.view() == "NOT_FOUND");
  CHECK(memcached::head_of_status(4).verdict == Verdict::ClientError);
  CHECK(memcached::head_of_status(0x82).verdict == Verdict::ServerError);
  CHECK(memcached::head_of_status(0x7777).verdict == Verdict::Unknown);
}

TEST_CASE("memcached: write the fuzz corpus", "[.][memcached_corpus]") {
  write_corpus(memcached_goldens());
}
