// AMQP 0-9-1: frames as its specification has them (2.3.5 and 4.2), methods by the numbers of its
// XML (1.4 to 1.8), publisher confirms as RabbitMQ documents them.
#include "proto/amqp.h"

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

std::string name(std::string_view text) {
  return be(text.size(), 1) + std::string(text);
}

// 2.3.5: type, channel, size, payload, frame-end.
std::string frame(int type, int channel, const std::string& payload) {
  return be(type, 1) + be(channel, 2) + be(payload.size(), 4) + payload + "\xce";
}

std::string method(int channel, int class_id, int method_id, const std::string& arguments = "") {
  return frame(1, channel, be(class_id, 2) + be(method_id, 2) + arguments);
}

// 2.3.5.2: class, weight, body size, property flags, properties; then bodies.
std::string content(int channel, const std::vector<std::string>& bodies) {
  std::size_t size = 0;
  for (const std::string& body : bodies)
    size += body.size();
  std::string all =
      frame(2, channel, be(60, 2) + be(0, 2) + be(size, 8) + be(0x8000, 2) + name("CANARY"));
  for (const std::string& body : bodies)
    all += frame(3, channel, body);
  return all;
}

std::string publish(int channel, const std::vector<std::string>& bodies = {"CANARY"}) {
  return method(channel, 60, 40, be(0, 2) + name("ex-CANARY") + name("key-CANARY") + be(0, 1)) +
         content(channel, bodies);
}

std::string declare(int channel, int bits = 0) {
  return method(channel, 50, 10, be(0, 2) + name("queue-CANARY") + be(bits, 1) + be(0, 4));
}

std::string declared(int channel) {
  return method(channel, 50, 11, name("queue-CANARY") + be(0, 8));
}

std::string ack(int channel, std::uint64_t tag, bool multiple = false) {
  return method(channel, 60, 80, be(tag, 8) + be(multiple ? 1 : 0, 1));
}

std::string nack(int channel, std::uint64_t tag, bool multiple = false) {
  return method(channel, 60, 120, be(tag, 8) + be(multiple ? 1 : 0, 1));
}

std::string closes(int channel, int code) {
  return method(channel, channel == 0 ? 10 : 20, channel == 0 ? 50 : 40,
                be(code, 2) + name("no 'CANARY'") + be(60, 2) + be(40, 2));
}

const std::string kHello("AMQP\0\0\x09\x01", 8);
const std::string kBeat = frame(8, 0, "");
const std::string kSelect = method(1, 85, 10, be(0, 1)), kSelected = method(1, 85, 11);

std::vector<Turn> conversation() {
  return {
      request(kHello),
      response(method(0, 10, 10, be(9, 2) + be(0, 4) + be(5, 4) + "PLAIN" + be(0, 4))),
      request(method(0, 10, 11,
                     be(0, 4) + name("PLAIN") + be(14, 4) + "\0u-CANARY\0p-CANARY" + name(""))),
      response(method(0, 10, 30, be(2047, 2) + be(131072, 4) + be(60, 2))),
      request(method(0, 10, 31, be(2047, 2) + be(131072, 4) + be(60, 2)) +
              method(0, 10, 40, name("/CANARY") + be(0, 2))),
      response(method(0, 10, 41, be(0, 1))),
      request(method(1, 20, 10, be(0, 1)) + method(2, 20, 10, be(0, 1))),
      response(method(1, 20, 11, be(0, 4)) + method(2, 20, 11, be(0, 4))),
      request(kSelect + declare(1) + declare(2, 16) + kBeat + publish(2, {"CANARY", "CANARY"})),
      response(kSelected + declared(1) + kBeat),
      request(publish(1) + publish(1, {}) + publish(1, {std::string(300, 'p')}) + publish(1)),
      response(ack(1, 2) + ack(1, 1) + nack(1, 4, true)),
      request(method(2, 60, 70, be(0, 2) + name("queue-CANARY") + be(1, 1)) +
              method(2, 60, 70, be(0, 2) + name("queue-CANARY") + be(1, 1))),
      response(method(2, 60, 71, be(1, 8) + be(0, 1) + name("ex-CANARY") + name("") + be(0, 4)) +
               content(2, {"CANARY", "more"}) + method(2, 60, 72, be(0, 1))),
      request(method(2, 60, 20,
                     be(0, 2) + name("queue-CANARY") + name("tag-CANARY") + be(0, 1) + be(0, 4))),
      response(method(2, 60, 21, name("tag-CANARY")) +
               method(2, 60, 60, name("tag-CANARY") + be(1, 8) + be(0, 1) + name("") + name("k")) +
               content(2, {"CANARY"})),
      request(ack(2, 1) + declare(2, 1) + declare(1)),
      response(closes(2, 404) + declared(1)),
      request(method(2, 20, 41) + method(0, 10, 50, be(200, 2) + name("bye") + be(0, 4))),
      response(method(0, 10, 51))};
}

std::vector<Turn> next_exchange() {
  return {request(method(9, 60, 10, be(0, 4) + be(1, 2) + be(0, 1))), response(method(9, 60, 11))};
}

// Operations and the words of their answers, in the order in which they were told.
Lines heads(const std::vector<Turn>& turns) {
  Lines found;
  for (const std::string& line : lines_of(kAmqp, turns)) {
    const std::size_t at = line.find(" head ");
    if (at != std::string::npos)
      found.push_back(line.substr(at + 6, line.find(" stream") - at - 6));
  }
  return found;
}

// What was told of which stream: "1 ok" for the first that was asked.
Lines answers(const std::vector<Turn>& turns) {
  Lines found;
  for (const std::string& line : lines_of(kAmqp, turns)) {
    const std::size_t stream = line.find(" stream ");
    if (line.starts_with("response head ")) {
      found.push_back(line.substr(stream + 8) + " " + line.substr(14, stream - 14));
    } else if (line.starts_with("abandoned") || line.find("abort") != std::string::npos) {
      found.push_back(line.substr(stream + 8, 1) + " given up");
    }
  }
  return found;
}

Confidence detect(const std::string& data) {
  return kAmqp.detect(Side::Request, as_bytes(data));
}

}  // namespace

TEST_CASE("amqp: a method and its answer on its channel", "[proto][amqp]") {
  const std::string one = declare(1), two = declare(2);
  CHECK(lines_of(kAmqp, {request(one + two), response(declared(2) + declared(1))}) ==
        Lines{"request begin 0 stream 1", "request head queue.declare - 0-9-1 stream 1",
              fmt::format("request end {} framing stream 1 size {}", one.size(), one.size()),
              fmt::format("request begin {} stream 2", one.size()),
              "request head queue.declare - 0-9-1 stream 2",
              fmt::format("request end {} framing stream 2 size {}", 2 * one.size(), one.size()),
              "response begin 0 stream 2", "response head 0 stream 2",
              "response end 33 framing stream 2 size 33", "response begin 33 stream 1",
              "response head 0 stream 1", "response end 66 framing stream 1 size 33"});
}

TEST_CASE("amqp: a whole session", "[proto][amqp]") {
  CHECK(heads(conversation()) == Lines{"connection.start - 0-9-1",
                                       "0",
                                       "connection.start-ok - 0-9-1",
                                       "0",
                                       "connection.tune-ok - 0-9-1 one-way",
                                       "connection.open - 0-9-1",
                                       "0",
                                       "channel.open - 0-9-1",
                                       "channel.open - 0-9-1",
                                       "0",
                                       "0",
                                       "confirm.select - 0-9-1",
                                       "queue.declare - 0-9-1",
                                       "queue.declare - 0-9-1 one-way",
                                       "basic.publish - 0-9-1 one-way",
                                       "0",
                                       "0",
                                       "basic.publish - 0-9-1",
                                       "basic.publish - 0-9-1",
                                       "basic.publish - 0-9-1",
                                       "basic.publish - 0-9-1",
                                       "0",
                                       "0",
                                       "nack error",
                                       "nack error",
                                       "basic.get - 0-9-1",
                                       "basic.get - 0-9-1",
                                       "0",
                                       "get-empty",
                                       "basic.consume - 0-9-1",
                                       "0",
                                       "queue.declare - 0-9-1",
                                       "queue.declare - 0-9-1",
                                       "NOT_FOUND error",
                                       "0",
                                       "connection.close - 0-9-1",
                                       "0"});
}

TEST_CASE("amqp: content belongs to its method, whatever is sent between", "[proto][amqp]") {
  const std::string start = method(1, 60, 40, be(0, 4) + be(0, 1)), all = content(1, {"abc", "de"});
  const std::size_t header = all.find('\x03');  // of the first body frame
  const std::string between = declare(2) + kBeat;
  const Lines lines =
      lines_of(kAmqp, {request(start + all.substr(0, header) + between + all.substr(header))});
  REQUIRE(lines.size() == 6);
  CHECK_THAT(lines[3], Catch::Contains("queue.declare"));
  CHECK(lines[5] == fmt::format("request end {} framing stream 1 size {}",
                                start.size() + all.size() + between.size(),
                                start.size() + all.size()));
  const std::string get = method(1, 60, 70, be(0, 2) + name("q") + be(0, 1));
  const std::string ok = method(1, 60, 71, be(1, 8) + be(0, 1) + name("") + name("") + be(0, 4));
  const Lines got = lines_of(kAmqp, {request(get), response(ok + all)});
  REQUIRE(got.size() == 6);
  CHECK(got[5] == fmt::format("response end {} framing stream 1 size {}", ok.size() + all.size(),
                              ok.size() + all.size()));
}

TEST_CASE("amqp: publisher confirms by delivery tag", "[proto][amqp]") {
  std::string five;
  for (int i = 0; i < 5; ++i)
    five += publish(1);
  const std::vector<Turn> asked = {request(kSelect), response(kSelected), request(five)};
  const auto confirmed = [&](const std::string& bytes) {
    std::vector<Turn> turns = asked;
    turns.push_back(response(bytes));
    Lines found = answers(turns);
    found.erase(found.begin());
    return found;
  };
  CHECK(confirmed(ack(1, 1)) == Lines{"2 0"});
  CHECK(confirmed(ack(1, 3) + ack(1, 2, true)) == Lines{"4 0", "2 0", "3 0"});
  CHECK(confirmed(ack(1, 4, true)) == Lines{"2 0", "3 0", "4 0", "5 0"});
  CHECK(confirmed(ack(1, 0, true)).size() == 5);
  CHECK(confirmed(nack(1, 5) + ack(1, 5) + ack(1, 9) + ack(2, 1)) == Lines{"6 nack error"});
  CHECK(confirmed(ack(1, 1) + ack(1, 1)) == Lines{"2 0"});
  CHECK(confirmed(ack(1, 2) + ack(1, 3, true)) == Lines{"3 0", "2 0", "4 0"});
  CHECK(confirmed(closes(1, 406)).size() == 5);
}

TEST_CASE("amqp: a channel that is opened anew counts anew", "[proto][amqp]") {
  const std::string close = method(1, 20, 40, be(200, 2) + name("") + be(0, 4));
  const std::string open = method(1, 20, 10, be(0, 1));
  CHECK(answers({request(kSelect + publish(1) + close), response(kSelected + method(1, 20, 41)),
                 request(open + publish(1) + kSelect + publish(1)),
                 response(method(1, 20, 11, be(0, 4)) + kSelected + ack(1, 1))}) ==
        Lines{"1 0", "3 0", "2 given up", "4 0", "6 0", "7 0"});
  CHECK(heads({request(kSelect + publish(1) + open + publish(1))}).back() ==
        "basic.publish - 0-9-1 one-way");
}

TEST_CASE("amqp: what a server's close answers, and what it ignores", "[proto][amqp]") {
  CHECK(answers({request(declare(1) + declare(2)), response(closes(1, 405)), request(declare(1)),
                 response(declared(2)), request(method(1, 20, 41) + method(1, 20, 10, be(0, 1))),
                 response(method(1, 20, 11, be(0, 4)))}) ==
        Lines{"1 RESOURCE_LOCKED error", "2 0", "3 0"});
  CHECK(answers({request(declare(1) + declare(2)), response(closes(0, 320)),
                 request(declare(1) + method(0, 10, 51))}) ==
        Lines{"1 CONNECTION_FORCED error", "2 CONNECTION_FORCED error"});
  CHECK(answers({request(declare(1)), response(closes(1, 999))}) == Lines{"1 _OTHER error"});
  const std::string start_ok = method(0, 10, 11, be(0, 4) + name("PLAIN") + be(0, 4) + name(""));
  CHECK(answers({request(start_ok), response(closes(0, 403))}) == Lines{"1 ACCESS_REFUSED error"});
}

TEST_CASE("amqp: who wants no answer says so behind its names", "[proto][amqp]") {  // 1.5 to 1.8
  const std::string ticket = be(0, 2), two = name("a") + name("b"), three = two + name("c"),
                    table = be(0, 4);
  const auto is_one_way = [](int class_id, int method_id, const std::string& arguments) {
    return heads({request(method(1, class_id, method_id, arguments))})[0].ends_with("one-way");
  };
  const auto check = [&](int class_id, int method_id, const std::string& before, int bit,
                         const std::string& after) {
    INFO(class_id << "." << method_id);
    CHECK(is_one_way(class_id, method_id, before + be(1 << bit, 1) + after));
    CHECK_FALSE(is_one_way(class_id, method_id, before + be(0xff ^ 1 << bit, 1) + after));
    CHECK_FALSE(is_one_way(class_id, method_id, before));
  };
  check(40, 10, ticket + two, 4, table);
  check(40, 20, ticket + name("a"), 1, "");
  check(40, 30, ticket + three, 0, table);
  check(40, 40, ticket + three, 0, table);
  check(50, 10, ticket + name(""), 4, table);
  check(50, 20, ticket + three, 0, table);
  check(50, 30, ticket + name(std::string(255, 'q')), 0, "");
  check(50, 40, ticket + name("a"), 2, "");
  check(60, 20, ticket + two, 3, table);
  check(60, 30, name("tag"), 0, "");
  check(85, 10, "", 0, "");
  CHECK_FALSE(is_one_way(50, 50, ticket + three + table));  // unbind always waits
}

TEST_CASE("amqp: answers whose own were lost do not pass on to others", "[proto][amqp]") {
  // exchange.unbind-ok is not the next number; queue.declare's answer was not seen
  CHECK(
      answers({request(declare(1) +
                       method(1, 40, 40, be(0, 2) + name("a") + name("b") + name("c") + be(0, 5))),
               response(method(1, 40, 51))}) == Lines{"1 given up", "2 0"});
  CHECK(answers({request(declare(1)), response(method(1, 50, 21))}) == Lines{});
  CHECK(answers({response(declared(1) + ack(1, 1) + method(1, 60, 30, name("t") + be(1, 1)))}) ==
        Lines{});
}

TEST_CASE("amqp: what cannot be AMQP is a mistake, or lost", "[proto][amqp]") {
  const std::string cut_end = declare(1).substr(0, declare(1).size() - 1) + "x";
  for (const std::string& wrong :
       {std::string("AMQP\0\1\0\0", 8), std::string("AMQX\0\0\x09\x01", 8), frame(4, 1, ""),
        cut_end, method(0, 50, 10, be(0, 8)), method(1, 10, 40, be(0, 3)), method(1, 70, 10),
        method(1, 60, 60), frame(8, 1, ""), frame(3, 0, "x"), frame(2, 1, "short"),
        be(1, 1) + be(1, 2) + be(0xffffffff, 4) + "xxxx", method(1, 60, 40, be(0, 5)) + declare(1),
        method(1, 60, 40, be(0, 5)) + frame(3, 1, "x")}) {
    CHECK(lines_of(kAmqp, {request(wrong)}).back().starts_with("request mistaken"));
    const Lines lines = lines_of(kAmqp, {request(kHello + wrong)});
    CHECK(lines.back().starts_with("request lost"));
  }
  const std::string more = method(1, 60, 40, be(0, 5)) + content(1, {"abc"});
  CHECK(lines_of(kAmqp, {request(kHello + more + frame(3, 1, "x"))}).size() == 6);
}

TEST_CASE("amqp: cut anywhere, with gaps anywhere, and as recorded", "[proto][amqp]") {
  check_every_split(kAmqp, conversation());
  check_masked(kAmqp, conversation(), {"CANARY", "ppp", "PLAIN", "bye"});
}

TEST_CASE("amqp: with a hole anywhere the next exchange is read", "[proto][amqp]") {
  const std::vector<Turn> turns = conversation();
  const std::vector<Turn> next = next_exchange();
  for (std::size_t gap = 0; gap + 3 < turns.size(); ++gap) {
    const std::string_view text = turns[gap].bytes;
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (const std::size_t length :
           {std::size_t{1}, std::size_t{9}, std::size_t{90}, text.size()}) {
        ParserDriver driver(kAmqp);
        for (std::size_t i = 0; i + 3 < turns.size(); ++i) {
          const auto& [side, whole] = turns[i];
          driver.turn(side);
          if (i != gap) {
            driver.feed(side, whole);
            continue;
          }
          const std::size_t size = std::min(length, text.size() - at);
          driver.feed(side, text.substr(0, at)).skip(side, size).feed(side, text.substr(at + size));
        }
        driver.take();
        const std::uint64_t asked = driver.offset(Side::Request);
        driver.request(next[0].bytes).response(next[1].bytes);
        const Lines lines = driver.take();
        INFO("turn " << gap << ", " << length << " bytes from " << at);
        REQUIRE(lines.size() == 6);
        REQUIRE(lines[0].starts_with(fmt::format("request begin {} ", asked)));
        REQUIRE_THAT(lines[1], Catch::Contains("basic.qos - 0-9-1"));
        REQUIRE_THAT(lines[4], Catch::StartsWith("response head 0 stream"));
      }
    }
  }
}

TEST_CASE("amqp: confirms after a hole are not those of other messages", "[proto][amqp]") {
  ParserDriver driver(kAmqp);
  driver.request(kSelect).response(kSelected).request(publish(1));
  driver.skip(Side::Request, 500)
      .request(publish(1) + publish(1))
      .response(ack(1, 1) + ack(1, 5, true));
  Lines told;
  for (const std::string& line : driver.take()) {
    if (line.starts_with("response head") || line.ends_with("one-way stream 3"))
      told.push_back(line);
  }
  CHECK(told == Lines{"response head 0 stream 1",
                      "request head basic.publish - 0-9-1 one-way stream 3",
                      "response head 0 stream 2"});
}

TEST_CASE("amqp: a message whose end was not seen is given up", "[proto][amqp]") {
  const std::string message = publish(1, {"first", "second"});
  ParserDriver driver(kAmqp);
  driver.request(kSelect).response(kSelected).request(message.substr(0, message.size() - 20));
  driver.skip(Side::Request, 30).response(ack(1, 1) + ack(1, 2));
  Lines told = driver.take();
  told.erase(told.begin(), told.begin() + 6);
  const std::size_t second = 14;  // a frame of which nothing was seen
  CHECK(told == Lines{"request begin 13 stream 2", "request head basic.publish - 0-9-1 stream 2",
                      "abandoned 12 stream 2",
                      fmt::format("request lost {}", 13 + message.size() - second)});
}

TEST_CASE("amqp: a body that was not captured loses nothing", "[proto][amqp]") {
  ParserDriver driver(kAmqp);
  const std::string start = publish(1, {std::string(100'000, 'x')});
  driver.turn(Side::Request)
      .feed(Side::Request, start.substr(0, 200))
      .skip(Side::Request, start.size() - 200);
  driver.feed(Side::Request, declare(1));
  const Lines lines = driver.take();
  REQUIRE(lines.size() == 6);
  CHECK(lines[2] ==
        fmt::format("request end {} framing stream 1 size {}", start.size(), start.size()));
}

TEST_CASE("amqp: detected by content", "[proto][amqp]") {
  for (const std::string& yes :
       {kHello, declare(1), publish(7), ack(1, 1), kBeat, method(0, 10, 31, be(0, 8)),
        publish(1, {std::string(9000, 'x')})}) {
    CHECK(detect(yes) == Confidence::Yes);
    CHECK(detect(yes.substr(0, 32)) == Confidence::Yes);
    for (std::size_t size = 0; size < yes.size(); ++size)
      CHECK(detect(yes.substr(0, size)) != Confidence::No);
  }
  for (const std::string& no :
       {std::string("AMQP\0\1\0\0", 8), std::string("GET / HTTP/1.1\r\n\r\n"), method(0, 50, 10),
        method(1, 10, 40), method(1, 60, 60), frame(3, 1, "body"),
        frame(2, 1, std::string(20, '\0')), frame(8, 0, "x"),
        declare(1).substr(0, declare(1).size() - 1) + "x", std::string(40, '\0'),
        std::string("\x01\x02\x03 some"), be(8, 1) + be(0, 6) + "x"}) {
    INFO(no);
    CHECK(detect(no) == Confidence::No);
  }
  CHECK(kAmqp.detect(Side::Response, as_bytes(kHello)) == Confidence::No);
}
