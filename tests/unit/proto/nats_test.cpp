// NATS: conversations whole, in pieces and with holes; what a recording holds of them; hostile
// sizes; and what bytes are taken for it.
#include "nats_goldens.h"
#include "parser_properties.h"
#include "proto/nats_detect.h"
#include "proto/nats_words.h"
#include "proto/parser.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

const std::string kConnect = "CONNECT {\"verbose\":false}\r\n";

std::string repeat(std::string_view text, unsigned times) {
  std::string all;
  for (unsigned i = 0; i < times; ++i)
    all += text;
  return all;
}

// A parser that has read a whole exchange.
ParserDriver sure(bool verbose = false, bool want_secrets = false) {
  ParserDriver driver(kNats, want_secrets);
  driver.response(kNatsInfo).request(verbose ? "CONNECT {}\r\n" : kConnect);
  if (verbose) driver.response("+OK\r\n");
  driver.request("PING\r\n").response("PONG\r\n").take();
  return driver;
}

Lines heads(const Lines& log) {
  Lines found;
  for (const std::string& line : log) {
    if (line.find(" head ") != std::string::npos || line.find("no answer") != std::string::npos ||
        line.find("lost") != std::string::npos) {
      found.push_back(line);
    }
  }
  return found;
}

// The next exchange works as if nothing had been.
void check_next_exchange(ParserDriver& driver) {
  driver.take();
  driver.request("PING\r\n").response("PONG\r\n");
  driver.take();
  const auto asked = driver.offset(Side::Request);
  const auto answered = driver.offset(Side::Response);
  driver.request("PING\r\n").response("PONG\r\n");
  CHECK(driver.take() == Lines{fmt::format("request begin {}", asked), "request head PING - -",
                               fmt::format("request end {} framing", asked + 6),
                               fmt::format("response begin {}", answered), "response head 0",
                               fmt::format("response end {} framing", answered + 6)});
}

Confidence detect(std::string_view text, Side side = Side::Request) {
  return detect_nats(side, as_bytes(text));
}

std::vector<Turn> conversation() {
  return {
      response(kNatsInfo),
      request("CONNECT "
              "{\"verbose\":false,\"pass\":\"CANARY\",\"name\":\"CANARY\\\"verbose\\\":true\"}\r\n"
              "PING\r\n"),
      response("PONG\r\n"),
      request("PUB CANARY _INBOX.CANARY 6\r\nCANARY\r\nSUB CANARY CANARY 7531\r\nHPUB CANARY "
              "7531.CANARY "
              "22 28\r\nNATS/1.0\r\nA:CANARY\r\n\r\nCANARY\r\nCANARY CANARY\r\n"),
      response("MSG CANARY 7531 6\r\nCANARY\r\n-ERR 'Unknown Protocol Operation CANARY'\r\n"),
      request("PUB CANARY 1\r\na\r\nPING\r\n"),
      response("-ERR 'Permissions Violation for Publish to \"CANARY\"'\r\n"
               "HMSG CANARY 7531 CANARY 22 28\r\nNATS/1.0\r\nA:CANARY\r\n\r\nCANARY\r\nPONG\r\n")};
}

}  // namespace

TEST_CASE("nats: golden conversations", "[proto][nats]") {
  for (const Golden& golden : nats_goldens())
    check_whole(kNats, golden);
}

TEST_CASE("nats: every split point gives the same messages", "[proto][nats]") {
  for (const Golden& golden : nats_goldens())
    check_splits(kNats, golden);
}

TEST_CASE("nats: after a hole anywhere the next turns are read", "[proto][nats][skip]") {
  const Golden plain =
      resolve({"plain",
               {request("|PING\r\n|"), response("|PONG\r\n|")},
               {},
               {"request begin @0", "request head PING - -", "request end @1 framing",
                "response begin @0", "response head 0", "response end @1 framing"}});
  for (const Golden& golden : nats_goldens()) {
    if (golden.expected.back().find("mistaken") == std::string::npos) {
      check_gaps(kNats, golden, plain);
    }
  }
}

TEST_CASE("nats: cut anywhere, and as recorded", "[proto][nats][secrets]") {
  check_every_split(kNats, conversation());
  check_masked(kNats, conversation(), {"CANARY", "ANAR", "NATS/1.0"});
  const Lines log = lines_of(kNats, conversation());
  for (const std::string& line : log) {
    CHECK(line.find("CANARY") == std::string::npos);
    CHECK(line.find("lost") == std::string::npos);
  }
  CHECK(std::count(log.begin(), log.end(), "request head PUB - - one-way") == 2);
}

TEST_CASE("nats: subjects and ids of digits are in no recording of whole calls",
          "[proto][nats][secrets]") {
  ParserDriver driver = sure(false, true);
  driver.request(
      "PUB 7531 7531 1\r\na\r\nSUB 7531 7531\r\nHPUB 7531 7531 12 13\r\nNATS/1.0\r\n\r\na\r\n");
  driver.response("MSG 7531 7531 7531 1\r\na\r\nPONG\r\n");
  CHECK(driver.spans_inside());
  for (const Side side : {Side::Request, Side::Response})
    CHECK(driver.masked(side).find("7531") == std::string::npos);
}

TEST_CASE("nats: met in the middle", "[proto][nats]") {
  ParserDriver driver(kNats);
  driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
  SECTION("of a message, with a client that is not verbose") {
    driver.request("rest of a payload\r\nPUB foo 1\r\na\r\nPING\r\n");
    driver.response("rest\r\nPONG\r\n");
    CHECK(heads(driver.take()) ==
          Lines{"request head PUB - - one-way", "request head PING - -", "response lost 0"});
  }
  SECTION("of nothing") {
    driver.request("PING\r\n").response("MSG foo 1 1\r\na\r\nPONG\r\n");
    CHECK(heads(driver.take()) == Lines{"request head PING - -", "response head 0"});
  }
  SECTION("with a client that turns out to be verbose") {
    driver.request("PUB foo 1\r\na\r\nPUB foo 1\r\na\r\n").response("+OK\r\n+OK\r\n");
    CHECK(heads(driver.take()) ==
          Lines{"request head PUB - - one-way", "request head PUB - - one-way", "response lost 0"});
    driver.request("PUB foo 1\r\na\r\n").response("+OK\r\n");
    CHECK(heads(driver.take()) == Lines{"request head PUB - -", "response head 0"});
  }
  check_next_exchange(driver);
}

TEST_CASE("nats: a payload that is missing loses nothing", "[proto][nats][skip]") {
  ParserDriver driver = sure(true);
  driver.request("PUB foo 1000\r\nabc").skip(Side::Request, 997, "x").feed(Side::Request, "\r\n");
  driver.response("MSG foo 1 1000\r\nabc").skip(Side::Response, 997 + 2 + 5, "+OK\r\n");
  CHECK(heads(driver.take()) == Lines{"request head PUB - -", "response head 0"});
  check_next_exchange(driver);
}

TEST_CASE("nats: after a hole the place is found where a line is", "[proto][nats][skip]") {
  ParserDriver driver = sure();
  driver.request("PUB foo 10\r\nabc").skip(Side::Request, 500);
  CHECK(heads(driver.take()) == Lines{"request head PUB - - one-way", "request lost 57"});
  driver.feed(Side::Request,
              "PUB x\r\nzz\r\nPUB foo 3\r\nabcdefg\r\nSUB foo 1\r\nPUB foo 3\r\nabc\r\n");
  CHECK(heads(driver.take()) ==
        Lines{fmt::format("response lost {}", driver.offset(Side::Response)),
              "request head SUB - - one-way", "request head PUB - - one-way"});
  check_next_exchange(driver);
}

TEST_CASE("nats: a recording leads to the same place after a hole",
          "[proto][nats][skip][secrets]") {
  const std::vector<std::string> after = {"lost\r\nstill\r\nPUB a 3\r\nabc\r\nPING\r\n",
                                          "PUB b 1\r\nb\r\nPING\r\n"};
  ParserDriver driver = sure(false, true);
  ParserDriver replay = sure();
  std::size_t from = driver.masked(Side::Request).size();
  driver.skip(Side::Request, 10);
  replay.skip(Side::Request, 10);
  for (const std::string& bytes : after) {
    driver.request(bytes);
    replay.request(driver.masked(Side::Request).substr(from));
    from += bytes.size();
  }
  CHECK(heads(driver.log()).size() == 6);
  CHECK(driver.log() == replay.log());
}

TEST_CASE("nats: who says CONNECT and goes has not failed", "[proto][nats]") {
  ParserDriver driver(kNats);
  driver.response(kNatsInfo).request(kConnect + "PUB foo 1\r\na\r\n").finish(Side::Request);
  CHECK(heads(driver.take()) == Lines{"request head CONNECT - -", "request head PUB - - one-way"});
  driver.finish(Side::Response);
  CHECK(driver.take() == Lines{fmt::format("response no answer {}", kNatsInfo.size())});
}

TEST_CASE("nats: what is delivered says that CONNECT had no error", "[proto][nats]") {
  ParserDriver driver(kNats);
  driver.response(kNatsInfo).request(kConnect + "SUB foo 1\r\n").take();
  driver.response("MSG foo 1 2\r\nhi\r\n");
  CHECK(driver.take() == Lines{fmt::format("response no answer {}", kNatsInfo.size())});
}

TEST_CASE("nats: a second CONNECT changes what it says and nothing else", "[proto][nats]") {
  ParserDriver driver = sure();
  driver.request("CONNECT {\"name\":\"x\"}\r\nPUB foo 1\r\na\r\n");
  CHECK(heads(driver.take()) == Lines{"request head CONNECT - -", "request head PUB - - one-way"});
  driver.request("CONNECT {\"verbose\":true}\r\nPUB foo 1\r\na\r\n");
  CHECK(heads(driver.take()) == Lines{"request head CONNECT - -", "request head PUB - -"});
}

TEST_CASE("nats: a request that was seen in part is not waited for", "[proto][nats][skip]") {
  ParserDriver driver = sure();
  driver.request("SUB fo").skip(Side::Request, 100).take();
  const auto end = driver.offset(Side::Response);
  driver.finish(Side::Response);
  CHECK(driver.take() == Lines{fmt::format("response no answer {}", end)});
}

TEST_CASE("nats: PONG ends any doubt of who was answered", "[proto][nats]") {
  ParserDriver driver(kNats);  // verbose by what is known, and yet it is not
  driver.response(kNatsInfo).request("PUB foo 1\r\na\r\nPING\r\n").response("PONG\r\n");
  CHECK(heads(driver.take()) == Lines{"request head PUB - -", "request head PING - -",
                                      fmt::format("response no answer {}", kNatsInfo.size()),
                                      "response head 0"});
  driver.request("PUB foo 1\r\na\r\n");
  CHECK(heads(driver.take()) == Lines{"request head PUB - - one-way"});
  check_next_exchange(driver);
}

TEST_CASE("nats: an error that nobody waits for is nobody's", "[proto][nats]") {
  ParserDriver driver = sure();
  driver.request("SUB foo 1\r\n")
      .response("-ERR 'Permissions Violation for Subscription to \"foo\"'\r\n");
  CHECK(heads(driver.take()) ==
        Lines{"request head SUB - - one-way", "response head PermissionsViolation error"});
  check_next_exchange(driver);
}

TEST_CASE("nats: hostile sizes lose the place, and no more", "[proto][nats]") {
  for (const char* size : {"99999999999999999999", "1073741825", "-1", "1x", "x"}) {
    INFO(size);
    ParserDriver driver = sure();
    driver.request(fmt::format("PUB foo {}\r\n", size));
    CHECK(driver.take().back().starts_with("request lost"));
    check_next_exchange(driver);
    driver.response(fmt::format("MSG foo 1 {}\r\n", size));
    check_next_exchange(driver);
  }
  ParserDriver driver = sure();
  driver.request("PUB foo 3\r\nabcde\r\n");
  CHECK(driver.take().back().starts_with("request lost"));
  check_next_exchange(driver);
  driver.request(repeat("PING\r\n", 10'000));
  const Lines log = driver.take();
  CHECK(std::count(log.begin(), log.end(), "request head PING - -") == 10'000);
  CHECK(std::count_if(log.begin(), log.end(), [](const std::string& line) {
          return line.starts_with("response lost");
        }) == 1);
  check_next_exchange(driver);
  const std::uint64_t begin = driver.offset(Side::Request);
  driver.request("SUB " + std::string(3U << 20U, 's'));
  CHECK(driver.take().back() == fmt::format("request lost {}", begin + (1U << 20U)));
  check_next_exchange(driver);
}

TEST_CASE("nats: what is taken for it", "[proto][nats][detect]") {
  for (const char* yes : {"PUB foo 5\r\n", "PUB foo _INBOX.1 0\r\n\r\n", "SUB foo 1\r\n",
                          "SUB foo q 1\r\n", "UNSUB 1\r\n", "HPUB a 12 14\r\nNATS/1.0\r\n"}) {
    INFO(yes);
    CHECK(detect(yes) == Confidence::Yes);
    const std::string_view line = std::string_view(yes).substr(0, std::string_view(yes).find('\n'));
    for (std::size_t size = 0; size < line.size(); ++size)
      CHECK(detect(line.substr(0, size)) == Confidence::NeedMore);
  }
  CHECK(detect("CONNECT {\"ver") == Confidence::Yes);
  CHECK(detect(kNatsInfo, Side::Response) == Confidence::Yes);
  CHECK(detect("MSG foo 1 5\r\nhel", Side::Response) == Confidence::Yes);
  for (const char* no : {"GET / HTTP/1.1\r\n", "CONNECT a:443 HTTP/1.1\r\n", "PING\r\n", "PONG\r\n",
                         "PUB foo\r\n", "PUB foo x\r\n", "PUB foo 5\n", "pub foo 5\r\n", "SUB\r\n",
                         "INFO\r\n", "SUBSCRIBE\r\n", "PUB a b c 5\r\n", "A+ b\r\n",
                         "*1\r\n$4\r\nPING\r\n", "\x16\x03\x01", "PUB f\x01o 5\r\n"}) {
    INFO(no);
    CHECK(detect(no) == Confidence::No);
  }
  for (const char* no : {"INFO {\"a\":1}\r\n", "+OK\r\n", "PONG\r\n", "HTTP/1.1 200 OK\r\n", "IN"})
    CHECK(detect(no, Side::Response) == Confidence::No);
  // nobody else wants them
  for (const std::string& bytes : {kConnect, std::string("PUB foo 5\r\nhello\r\n"),
                                   std::string("SUB foo 1\r\n"), std::string("UNSUB 1\r\n")}) {
    for (const ParserSpec* spec : parser_specs()) {
      INFO(spec->name << " and " << bytes);
      CHECK((spec->detect(Side::Request, as_bytes(bytes)) == Confidence::Yes) == (spec == &kNats));
    }
  }
}

TEST_CASE("nats: write the fuzz corpus", "[.][nats_corpus]") {
  write_corpus(nats_goldens());
}
