// Kafka: bytes as the protocol guide has them.
#include "proto/kafka.h"

#include "parser_properties.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

std::string be(std::uint64_t value, int size) {
  std::string text;
  while (size-- > 0)
    text += static_cast<char>(value >> 8 * size & 0xff);
  return text;
}

std::string frame(const std::string& body) {
  return be(body.size(), 4) + body;
}

std::string name(std::string_view text) {
  return be(text.size(), 2) + std::string(text);
}

std::string ask(int api, int version, std::uint32_t id, const std::string& rest = "") {
  return frame(be(api, 2) + be(version, 2) + be(id, 4) + name("my-client") + rest);
}

std::string answer(std::uint32_t id, const std::string& rest = "") {
  return frame(be(id, 4) + rest);
}

const std::string kNoName = "\xff\xff";

// Produce 7: no transaction, acks, timeout, topics...
std::string produce(std::uint32_t id, int acks) {
  return ask(0, 7, id, kNoName + be(acks, 2) + be(1000, 4) + "records with a CANARY in them");
}
// Produce 9: no tags, transaction "tx-CANARY", acks ...
std::string flexible_produce(std::uint32_t id, int acks) {
  return ask(0, 9, id, std::string("\0\x0atx-CANARY", 11) + be(acks, 2) + be(1000, 4) + "CANARY");
}

std::vector<Turn> conversation() {
  return {request(ask(18, 3, 0)),
          response(answer(0, "versions")),
          request(ask(3, 9, 1, "topic CANARY") + produce(2, 1) + flexible_produce(3, 1)),
          response(answer(2, "one") + answer(1, std::string(300, 'm'))),
          response(answer(3, "")),
          request(flexible_produce(4, 0) + produce(5, 0) + ask(1, 11, 0xffffffff, "fetch")),
          response(answer(0xffffffff, "CANARY"))};
}

std::vector<Turn> next_exchange() {
  return {request(ask(12, 4, 77)), response(answer(77, "ok"))};
}

}  // namespace

TEST_CASE("kafka: requests and answers by correlation id", "[proto][kafka]") {
  const std::string ask1 = ask(3, 9, 1, "topics"), ask2 = ask(9, 5, 2, "group");
  const std::string answer1 = answer(1, "brokers"), answer2 = answer(2, "offsets");
  const std::uint64_t id1 = (std::uint64_t{1} << 32) + 1, id2 = id1 + 1;
  CHECK(
      lines_of(kKafka, {request(ask1 + ask2), response(answer2 + answer1)}) ==
      Lines{fmt::format("request begin 0 stream {}", id1),
            fmt::format("request head Metadata - - stream {}", id1),
            fmt::format("request end {} framing stream {} size {}", ask1.size(), id1, ask1.size()),
            fmt::format("request begin {} stream {}", ask1.size(), id2),
            fmt::format("request head OffsetFetch - - stream {}", id2),
            fmt::format("request end {} framing stream {} size {}", ask1.size() + ask2.size(), id2,
                        ask2.size()),
            fmt::format("response begin 0 stream {}", id2),
            fmt::format("response head 0 unknown stream {}", id2),
            fmt::format("response end {} framing stream {} size {}", answer2.size(), id2,
                        answer2.size()),
            fmt::format("response begin {} stream {}", answer2.size(), id1),
            fmt::format("response head 0 unknown stream {}", id1),
            fmt::format("response end {} framing stream {} size {}",
                        answer2.size() + answer1.size(), id1, answer1.size())});
}

TEST_CASE("kafka: who waits, and who wants no answer", "[proto][kafka]") {
  const auto head = [](const std::string& bytes) { return lines_of(kKafka, {request(bytes)})[1]; };
  CHECK_THAT(head(ask(1, 11, 1)), Catch::Contains("Fetch - - open-ended"));
  CHECK_THAT(head(ask(14, 5, 1)), Catch::Contains("SyncGroup - - open-ended"));
  CHECK_THAT(head(produce(1, 0)), Catch::Contains("Produce - - one-way"));
  CHECK_THAT(head(produce(1, 0xffff)), !Catch::Contains("one-way"));
  CHECK_THAT(head(flexible_produce(1, 0)), Catch::Contains("one-way"));
  CHECK_THAT(head(flexible_produce(1, 1)), !Catch::Contains("one-way"));
  CHECK_THAT(head(ask(0, 2, 1, be(0, 2))), Catch::Contains("one-way"));
  CHECK_THAT(head(ask(0, 2, 1)), !Catch::Contains("one-way"));  // it ends before
  CHECK_THAT(head(ask(1042, 0, 1)), Catch::Contains("_OTHER"));
}

TEST_CASE("kafka: what cannot be Kafka is a mistake, or lost", "[proto][kafka]") {
  CHECK(lines_of(kKafka, {request(ask(400, 1, 1))}) == Lines{"request mistaken 0"});
  CHECK(lines_of(kKafka, {request(be(0xffffffff, 4) + "xxxxxxxx")}) == Lines{"request lost 0"});
  const std::string good = ask(3, 1, 1);
  const Lines lines = lines_of(kKafka, {request(good + ask(400, 1, 2) + good)});
  REQUIRE(lines.size() == 4);
  CHECK(lines[3] == fmt::format("request lost {}", good.size()));
}

TEST_CASE("kafka: cut anywhere, with gaps anywhere, and as recorded", "[proto][kafka]") {
  check_every_split(kKafka, conversation());
  check_every_gap(kKafka, conversation(), next_exchange());
  check_masked(kKafka, conversation(), {"CANARY", "my-client", "fetch"});
}

TEST_CASE("kafka: a body that was not captured loses nothing", "[proto][kafka]") {
  ParserDriver driver(kKafka);
  const std::string big = be(1'000'008, 4) + be(1, 2) + be(11, 2) + be(9, 4);
  driver.turn(Side::Request).feed(Side::Request, big).skip(Side::Request, 1'000'000);
  driver.feed(Side::Request, ask(12, 4, 10));
  const Lines lines = driver.take();
  REQUIRE(lines.size() == 6);
  CHECK_THAT(lines[2], Catch::Contains("request end 1000012 framing"));
  CHECK_THAT(lines[3], Catch::Contains("request begin 1000012"));
}

TEST_CASE("kafka: detected by content", "[proto][kafka]") {
  const auto detect = [](const std::string& bytes) {
    return kKafka.detect(Side::Request, as_bytes(bytes));
  };
  for (const std::string& yes : {ask(18, 3, 0), ask(0, 7, 9), ask(3, 0, 0xffffffff),
                                 frame(be(18, 2) + be(0, 2) + be(1, 4) + kNoName)}) {
    CHECK(detect(yes) == Confidence::Yes);
    for (std::size_t size = 1; size < 14; ++size)
      CHECK(detect(yes.substr(0, size)) == Confidence::NeedMore);
  }
  for (const std::string& no :
       {std::string("GET / HTTP/1.1\r\n\r\n"), ask(200, 0, 1), ask(3, 99, 1),
        frame(be(3, 2) + be(0, 2) + be(1, 4) + kNoName), std::string("\x16\x03\x01\x02\x00\x01", 6),
        frame(be(3, 2) + be(0, 2) + be(1, 4) + name("\x01\x02")), std::string(40, '\0'),
        frame(be(3, 2) + be(0, 2) + be(1, 4) + be(200, 2) + "short")}) {
    CHECK(detect(no) == Confidence::No);
  }
  CHECK(kKafka.detect(Side::Response, as_bytes(answer(1))) == Confidence::No);
}
