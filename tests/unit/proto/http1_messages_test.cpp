// HTTP/1: conversations that were captured whole. Each is also fed in pieces, and once more from
// what a recording would hold of it.
#include "http1_goldens.h"
#include "proto/http1_parser.h"

#include <catch2/catch.hpp>

#include <random>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

void close(Driver& driver, const Golden& golden) {
  for (const Side side : golden.closes)
    driver.finish(side);
}

Lines whole(const Golden& golden, bool want_secrets = false) {
  Driver driver(want_secrets);
  for (const Turn& turn : golden.turns)
    driver.turn(turn.side).feed(turn.side, turn.bytes);
  close(driver, golden);
  return driver.take();
}

std::string repeat(std::string_view text, unsigned times) {
  std::string all;
  for (unsigned i = 0; i < times; ++i)
    all += text;
  return all;
}

}  // namespace

TEST_CASE("http1: golden conversations", "[proto][http1]") {
  for (const Golden& golden : goldens()) {
    INFO(golden.name);
    CHECK(whole(golden) == golden.expected);
    CHECK(whole(golden, true) == golden.expected);
  }
}

TEST_CASE("http1: every split point gives the same messages", "[proto][http1]") {
  for (const Golden& golden : goldens()) {
    INFO(golden.name);
    for (std::size_t which = 0; which < golden.turns.size(); ++which) {
      for (std::size_t cut = 1; cut < golden.turns[which].bytes.size(); ++cut) {
        Driver driver;
        for (std::size_t i = 0; i < golden.turns.size(); ++i) {
          const auto& [side, bytes] = golden.turns[i];
          driver.turn(side);
          const std::string_view text(bytes);
          if (i == which) {
            driver.feed(side, text.substr(0, cut)).feed(side, text.substr(cut));
          } else {
            driver.feed(side, text);
          }
        }
        close(driver, golden);
        INFO("turn " << which << " cut at " << cut);
        CHECK(driver.log() == golden.expected);
      }
    }
  }
}

TEST_CASE("http1: pieces of any size give the same messages", "[proto][http1]") {
  std::mt19937 random(1);
  for (const Golden& golden : goldens()) {
    INFO(golden.name);
    for (int round = 0; round < 40; ++round) {
      const std::size_t most = round == 0 ? 1 : 1 + random() % 40;
      Driver driver;
      for (const auto& [side, bytes] : golden.turns) {
        driver.turn(side);
        // the first bytes of a turn decide whether a lost parser finds its way back
        std::size_t at = std::min<std::size_t>(bytes.size(), 13);
        driver.feed(side, std::string_view(bytes).substr(0, at));
        while (at < bytes.size()) {
          const std::size_t size = std::min(bytes.size() - at, 1 + random() % most);
          driver.feed(side, std::string_view(bytes).substr(at, size));
          at += size;
        }
      }
      close(driver, golden);
      INFO("pieces of at most " << most);
      CHECK(driver.log() == golden.expected);
    }
  }
}

TEST_CASE("http1: pipelines of any depth are answered in order", "[proto][http1]") {
  const std::string ask = "GET /p HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  for (const unsigned depth : {1U, 16U, 100U, 2048U}) {
    Lines expected;
    for (unsigned i = 0; i < depth; ++i) {
      expected.push_back(fmt::format("request begin {}", i * ask.size()));
      expected.push_back("request head GET /p 1.1");
      expected.push_back(fmt::format("request end {} framing", (i + 1) * ask.size()));
    }
    for (unsigned i = 0; i < depth; ++i) {
      expected.push_back(fmt::format("response begin {}", i * reply.size()));
      expected.push_back("response head 200");
      expected.push_back(fmt::format("response end {} framing", (i + 1) * reply.size()));
    }
    Driver driver;
    driver.request(repeat(ask, depth)).response(repeat(reply, depth));
    CHECK(driver.log() == expected);
  }
}

TEST_CASE("http1: HEAD is remembered for each of many outstanding requests", "[proto][http1]") {
  Driver driver;
  std::string asks;
  std::string replies;
  std::size_t bodies = 0;
  std::mt19937 random(7);
  // twice around the ring of outstanding requests
  for (int batch = 0; batch < 50; ++batch) {
    asks.clear();
    replies.clear();
    for (int i = 0; i < 100; ++i) {
      const bool head = random() % 2 == 0;
      asks += head ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n";
      replies += "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
      if (!head) replies += "HTTP";
      bodies += head ? 0 : 1;
    }
    driver.request(asks).response(replies);
  }
  std::size_t ends = 0;
  for (const std::string& line : driver.log()) {
    CHECK(line.find("lost") == std::string::npos);
    ends += line.starts_with("response end");
  }
  CHECK(ends == 5000);
  CHECK(driver.log().back() == fmt::format("response end {} framing", 5000 * 38 + bodies * 4));
}

TEST_CASE("http1: too many outstanding requests are a loss, not memory", "[proto][http1]") {
  const std::string ask = "GET /p HTTP/1.1\r\n\r\n";
  Driver driver;
  driver.request(repeat(ask, 3000));
  Lines log = driver.take();
  CHECK(log.size() == 3 * 2048 + 1);
  CHECK(log.back() == fmt::format("request lost {}", 2048 * ask.size()));
  driver.response(repeat("HTTP/1.1 204 n\r\n\r\n", 3000));
  CHECK(driver.take().size() == 3 * 3000);  // those beyond are to requests not seen
  driver.request(ask);
  CHECK(driver.take().size() == 3);
}

TEST_CASE("http1: message extents follow each other without overlap", "[proto][http1]") {
  for (const Golden& golden : goldens()) {
    INFO(golden.name);
    for (const std::string side : {"request", "response"}) {
      unsigned long end = 0;
      bool open = false;
      for (const std::string& line : golden.expected) {
        unsigned long offset = 0;
        if (std::sscanf(line.c_str(), (side + " begin %lu").c_str(), &offset) == 1) {
          CHECK_FALSE(open);
          CHECK(offset >= end);
          open = true;
          end = offset;
        } else if (std::sscanf(line.c_str(), (side + " end %lu").c_str(), &offset) == 1 ||
                   std::sscanf(line.c_str(), (side + " lost %lu").c_str(), &offset) == 1) {
          CHECK(open);
          CHECK(offset >= end);
          open = false;
          end = offset;
        }
      }
    }
  }
}

TEST_CASE("http1: huge offsets are just numbers", "[proto][http1]") {
  const auto parser = kHttp1.make();
  ParseOutput out;
  const std::uint64_t far = std::uint64_t{1} << 60;
  parser->feed(Side::Request, far,
               as_bytes("PUT /a HTTP/1.1\r\nContent-Length: 4611686018427387904\r\n\r\n"), out);
  REQUIRE(out.messages.size() == 2);
  CHECK(out.messages[0].offset == far);
  parser->skip(Side::Request, far + 56, std::uint64_t{1} << 62, {}, out);
  REQUIRE(out.messages.size() == 3);
  CHECK(out.messages[2].offset == far + 56 + (std::uint64_t{1} << 62));
  CHECK(out.messages[2].end_rule == EndRule::Framing);
}

TEST_CASE("http1: a parser is small", "[proto][http1]") {
  // 10,000 connections must cost few MiB
  CHECK(sizeof(http1::Http1Parser) <= 720);
}
