// Redis: conversations whole, in pieces and with holes; what a recording holds of them; hostile
// lengths; and what bytes are taken for RESP.
#include "proto/redis_commands.h"
#include "proto/redis_detect.h"
#include "redis_goldens.h"

#include <catch2/catch.hpp>

#include <chrono>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

const std::string kPing = "*1\r\n$4\r\nPING\r\n";

std::string repeat(std::string_view text, unsigned times) {
  std::string all;
  for (unsigned i = 0; i < times; ++i)
    all += text;
  return all;
}

// A parser that has read a whole exchange.
ParserDriver sure(bool want_secrets = false) {
  ParserDriver driver(kRedis, want_secrets);
  driver.request(kPing).response("+PONG\r\n").take();
  return driver;
}

// The next exchange works as if nothing had been.
void check_next_exchange(ParserDriver& driver) {
  driver.take();
  const auto asked = driver.offset(Side::Request);
  const auto answered = driver.offset(Side::Response);
  driver.request(kPing).response("+PONG\r\n");
  CHECK(driver.take() == Lines{fmt::format("request begin {}", asked), "request head PING - -",
                               fmt::format("request end {} framing", asked + kPing.size()),
                               fmt::format("response begin {}", answered), "response head 0",
                               fmt::format("response end {} framing", answered + 7)});
}

Confidence detect(std::string_view text, Side side = Side::Request) {
  return detect_redis(side, as_bytes(text));
}

}  // namespace

TEST_CASE("redis: golden conversations", "[proto][redis]") {
  for (const Golden& golden : redis_goldens())
    check_whole(kRedis, golden);
}

TEST_CASE("redis: every split point gives the same messages", "[proto][redis]") {
  for (const Golden& golden : redis_goldens())
    check_splits(kRedis, golden);
}

TEST_CASE("redis: after a hole anywhere the next turns are read", "[proto][redis][skip]") {
  const Golden plain =
      resolve({"plain",
               {request("|" + kPing + "|"), response("|+PONG\r\n|")},
               {},
               {"request begin @0", "request head PING - -", "request end @1 framing",
                "response begin @0", "response head 0", "response end @1 framing"}});
  for (const Golden& golden : redis_goldens()) {
    const std::string last = golden.expected.back();
    if (last.starts_with("tunnel") || last.find("mistaken") != std::string::npos) continue;
    if (golden.name == "malformed later") continue;
    check_gaps(kRedis, golden, plain);
  }
}

TEST_CASE("redis: bytes that are missing in a string lose nothing", "[proto][redis][skip]") {
  ParserDriver driver = sure();
  driver.request("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\nabc").skip(Side::Request, 900, "x");
  driver.feed(Side::Request, std::string(97, 'v') + "\r\n").response("+OK\r\n");
  CHECK(driver.take().size() == 6);
  driver.request("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n").response("$1000\r\nabc").take();
  driver.skip(Side::Response, 999, "\r\n");
  CHECK(driver.take() ==
        Lines{fmt::format("response end {} framing", driver.offset(Side::Response))});
  check_next_exchange(driver);
}

TEST_CASE("redis: an array with a hole ends with its turn if nothing can follow it",
          "[proto][redis][skip]") {
  ParserDriver driver = sure();
  driver.request("*2\r\n$7\r\nHGETALL\r\n$1\r\nk\r\n").response("*4\r\n$1\r\na\r\n").take();
  driver.skip(Side::Response, 50, "\r\n");
  CHECK(driver.log().empty());
  SECTION("the next request") {
    const auto end = driver.offset(Side::Response);
    driver.turn(Side::Request);
    CHECK(driver.take() == Lines{fmt::format("response end {} direction_reversal", end)});
    check_next_exchange(driver);
  }
  SECTION("the end of the connection") {
    driver.finish(Side::Response);
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} close", driver.offset(Side::Response))});
  }
}

TEST_CASE("redis: a hole in the array of a pipeline loses the place", "[proto][redis][skip]") {
  ParserDriver driver = sure();
  driver.request("*2\r\n$7\r\nHGETALL\r\n$1\r\nk\r\n" + kPing);
  driver.response("*4\r\n$1\r\na\r\n").take();
  driver.skip(Side::Response, 50, "\r\n");
  CHECK(driver.take() ==
        Lines{fmt::format("response lost {}", driver.offset(Side::Response) - 50)});
  check_next_exchange(driver);
}

TEST_CASE("redis: answers to requests that were lost are not those of later ones",
          "[proto][redis][skip]") {
  ParserDriver driver = sure();
  driver.request(kPing).skip(Side::Request, 140);
  driver.take();
  driver.request(kPing);  // though nothing was answered yet
  const Lines log = driver.take();
  CHECK(log.front().starts_with("response lost"));
  driver.response(repeat("+PONG\r\n", 5));
  CHECK(driver.take().empty());
  check_next_exchange(driver);
}

TEST_CASE("redis: met in the middle it waits for a turn that begins with a message",
          "[proto][redis]") {
  ParserDriver driver(kRedis);
  driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
  driver.feed(Side::Response, "lo\r\n+OK\r\n").feed(Side::Request, "k\r\n" + kPing);
  driver.request("k\r\n" + kPing);
  CHECK(driver.log().empty());
  check_next_exchange(driver);
}

TEST_CASE("redis: no byte of keys, values and texts stays in a recording",
          "[proto][redis][secrets]") {
  const std::vector<Turn> turns = {
      request(
          "*3\r\n$3\r\nSET\r\n$6\r\nCANARY\r\n$12\r\nCANARYCANARY\r\nGET CANARY\r\n"
          "*2\r\n$12\r\nCANARYCANARY\r\n$6\r\nCANARY\r\n*3\r\n$6\r\nCONFIG\r\n$6\r\nCANARY\r\n"
          "$6\r\nCANARY\r\n*4\r\n$5\r\nXREAD\r\n$6\r\nCANARY\r\n$7\r\nSTREAMS\r\n$6\r\nCANARY\r\n"),
      response("+CANARY\r\n$6\r\nCANARY\r\n-ERR CANARY CANARY\r\n-Oh CANARY\r\n"
               "*3\r\n$6\r\nCANARY\r\n%1\r\n+CANARY\r\n,CANARY\r\n(CANARY\r\n"),
      request("*2\r\n$9\r\nSUBSCRIBE\r\n$6\r\nCANARY\r\n"),
      response(
          "*3\r\n$9\r\nsubscribe\r\n$6\r\nCANARY\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$6\r\nCANARY\r\n"
          "$6\r\nCANARY\r\n>2\r\n$6\r\nCANARY\r\n+CANARY\r\n=10\r\ntxt:CANARY\r\n"),
      request("*1\r\n$7\r\nMONITOR\r\n"),
      response("+OK\r\n+17.1 [0 CANARY] \"CANARY\"\r\n!10\r\nERR CANARY\r\n")};
  for (std::size_t size : {1U, 3U, 7U, 1000U}) {
    ParserDriver driver(kRedis, true);
    for (const auto& [side, bytes] : turns) {
      driver.turn(side);
      for (std::size_t at = 0; at < bytes.size(); at += size)
        driver.feed(side, std::string_view(bytes).substr(at, size));
    }
    CHECK(driver.spans_inside());
    for (const Side side : {Side::Request, Side::Response}) {
      INFO(driver.masked(side));
      CHECK(driver.masked(side).find("CANARY") == std::string::npos);
      CHECK(driver.masked(side).find("NARY") == std::string::npos);
    }
    for (const std::string& line : driver.log())
      CHECK(line.find("CANARY") == std::string::npos);
  }
}

TEST_CASE("redis: hostile lengths and depths lose the place, and no more", "[proto][redis]") {
  for (const std::string& bytes :
       {std::string("*1\r\n$9999999999999\r\n"), std::string("*99999999999999999999\r\n"),
        std::string("*1\r\n$-1\r\n"), std::string("*3000000000\r\n"), std::string("*1\r\n:1\r\n"),
        std::string("*\r\n"), std::string("*1\n"), std::string("*1\r\n$1\r\nabc")}) {
    INFO(bytes);
    ParserDriver driver = sure();
    driver.request(bytes);
    CHECK(driver.take().back().starts_with("request lost"));
    driver.response("-ERR Protocol error\r\n");
    CHECK(driver.take().size() == 3);
    check_next_exchange(driver);
    ParserDriver first(kRedis);
    first.request(bytes);
    CHECK(first.take().back().starts_with("request mistaken"));
  }
  for (const std::string& bytes :
       {std::string("$9999999999999\r\n"), std::string("*99999999999999999999\r\n"),
        std::string("$?\r\n"), std::string("hello\r\n"), std::string("+OK\rx"),
        std::string("$1\r\nabc")}) {
    INFO(bytes);
    ParserDriver driver = sure();
    driver.request(kPing).response(bytes);
    CHECK(driver.take().back().starts_with("response lost"));
    check_next_exchange(driver);
  }
  ParserDriver deep = sure();
  deep.request(kPing + kPing).response(repeat("*1\r\n", 100'000));
  CHECK(deep.take().back().starts_with("response lost"));
  check_next_exchange(deep);
  ParserDriver nested = sure();
  nested.request(kPing).response(repeat("*1\r\n", 32) + ":1\r\n");
  CHECK(nested.take().back().starts_with("response end"));
  ParserDriver huge = sure();
  huge.request(kPing).response("*4294967296\r\n" + repeat(":1\r\n", 10'000));
  CHECK(huge.take().size() == 5);
}

TEST_CASE("redis: outstanding requests are bounded", "[proto][redis]") {
  ParserDriver driver = sure();
  driver.request(repeat("*1\r\n$9\r\nSUBSCRIBE\r\n" + kPing, 10'000));
  CHECK(driver.take().back().starts_with("request lost"));
  driver.response(repeat("-ERR wrong\r\n+PONG\r\n", 4096));
  driver.take();
  check_next_exchange(driver);
}

TEST_CASE("redis: time is linear in what is fed", "[proto][redis][.slow]") {
  const auto seconds = [](unsigned times) {
    ParserDriver driver = sure();
    const auto begin = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < times; ++i) {
      driver.request(repeat(kPing, 100)).response(repeat("*2\r\n:1\r\n$3\r\nabc\r\n", 100));
      driver.take();
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  seconds(50);
  CHECK(seconds(1000) < 40 * seconds(100));
}

TEST_CASE("redis: what is taken for RESP", "[proto][redis][detect]") {
  CHECK(detect("*1\r\n$4\r\nPING\r\n") == Confidence::Yes);
  CHECK(detect("*1\r\n$4\r\nP") == Confidence::Yes);
  const std::string_view whole = "*13\r\n$14\r\n";
  for (std::size_t size = 0; size <= whole.size(); ++size)
    CHECK(detect(whole.substr(0, size)) == Confidence::NeedMore);
  for (const std::string_view not_redis :
       {"*0\r\n", "*01\r\n$4\r\nPING", "*1\r\n$4\r\n\x01", "*1\n$4\nPING", "*1\r\n:4\r\n",
        "** NOTE", "*12345678\r\n", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "get k\r\n",
        "set k 0 0 1\r\n", "EHLO me\r\n", "\x16\x03\x01", "hello\r\nworld", "GET \x01k\r\n"}) {
    INFO(not_redis);
    CHECK((detect(not_redis) == Confidence::No ||
           (not_redis == "hello\r\nworld" && detect(not_redis) == Confidence::Yes)));
  }
  CHECK(detect("PING\r\n") == Confidence::Yes);
  CHECK(detect("PIN") == Confidence::NeedMore);
  CHECK(detect("GET /key") == Confidence::NeedMore);
  CHECK(detect("GET key\r\n") == Confidence::Yes);
  CHECK(detect("+OK\r\n", Side::Response) == Confidence::No);
  CHECK(detect("-ERR unknown command 'x'", Side::Response) == Confidence::Yes);
  CHECK(detect("-ERR", Side::Response) == Confidence::NeedMore);
}

TEST_CASE("redis: names are found in any case, and only whole", "[proto][redis]") {
  CHECK(find_redis_command("GeT")->name == "GET");
  CHECK(find_redis_command("GETT") == nullptr);
  CHECK(find_redis_command("") == nullptr);
  CHECK(find_redis_subcommand("CONFIG", "resetstat")->name == "CONFIG RESETSTAT");
  CHECK(find_redis_subcommand("CONFIG", "list") == nullptr);
  CHECK(known_redis_prefix({}, "SETEA") == 4);
}

TEST_CASE("redis: write the fuzz corpus", "[.][redis_corpus]") {
  write_corpus(redis_goldens());
}
