// MQTT: bytes as the OASIS documents have them ("3.1.1" and "5.0" with the sections below).
#include "proto/mqtt.h"

#include "parser_properties.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values)
    text += static_cast<char>(value);
  return text;
}

std::string be16(std::size_t value) {
  return bytes({static_cast<int>(value >> 8), static_cast<int>(value & 0xff)});
}

std::string text(std::string_view value) {
  return be16(value.size()) + std::string(value);
}

// 2.2.3 of 3.1.1, 1.5.5 of 5.0: the length in 7 bits a byte.
std::string packet(int first, const std::string& body) {
  std::string head = bytes({first});
  std::size_t size = body.size();
  do {
    head += static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
    size >>= 7;
  } while (size > 0);
  return head + body;
}

// Figure 3.6 of 3.1.1: "MQTT", level, flags 0xce (user name, password, will, clean), keep alive 10.
std::string connect(int level) {
  return packet(0x10, text("MQTT") + bytes({level, 0xce, 0, 10}) + (level == 5 ? bytes({0}) : "") +
                          text("my-client") + text("will-CANARY") + text("CANARY") +
                          text("user-CANARY") + text("password-CANARY"));
}

// Figure 3.11 of 3.1.1: topic "a/b", packet identifier.
std::string publish(int qos, int id, const std::string& payload = "CANARY") {
  return packet(0x30 | qos << 1, text("a/b-CANARY") + (qos > 0 ? be16(id) : "") + payload);
}

std::string with_id(int first, int id, const std::string& rest = "") {
  return packet(first, be16(id) + rest);
}

// Figure 3.23 of 3.1.1: "a/b" with quality of service 1, "c/d" with 2.
std::string subscribe(int id, const std::string& properties = "") {
  return with_id(0x82, id, properties + text("a/b-CANARY") + bytes({1}) + text("c/d") + bytes({2}));
}

const std::string kPing = bytes({0xc0, 0}), kPong = bytes({0xd0, 0}), kBye = bytes({0xe0, 0});
// Server: deliveries, with the same identifiers as the client's own.
const std::string kPushed = publish(1, 1) + publish(2, 2) + publish(0, 0);

std::vector<Turn> conversation() {
  return {request(connect(4)),
          response(bytes({0x20, 2, 0, 0})),
          request(subscribe(1) + publish(1, 2, std::string(400, 'p')) + publish(0, 0)),
          response(kPushed + with_id(0x90, 1, bytes({0, 2, 0x80})) + with_id(0x40, 2)),
          request(with_id(0x40, 1) + with_id(0x50, 2) + publish(2, 3) + kPing),
          response(with_id(0x62, 2) + with_id(0x50, 3) + kPong),
          request(with_id(0x70, 2) + with_id(0x62, 3) + with_id(0xa2, 4, text("a/b-CANARY"))),
          response(with_id(0x70, 3) + publish(0, 0, std::string(300, 'x')) + with_id(0xb0, 4)),
          request(kBye)};
}

std::vector<Turn> conversation_5() {
  const std::string reason = bytes({17, 0x1f}) + text("reason-CANARY.");
  return {request(connect(5)),
          response(packet(0x20, bytes({0, 0, 0}))),
          request(subscribe(7, bytes({2, 0x0b, 1}))),
          response(with_id(0x90, 7, reason + bytes({1, 0x87}))),
          request(publish(1, 8) + publish(1, 9) + with_id(0xa2, 10, bytes({0}) + text("c/d"))),
          response(with_id(0x40, 9, bytes({0x10})) + with_id(0x40, 8, bytes({0x97}) + reason) +
                   with_id(0xb0, 10, bytes({0, 0x11})))};
}

std::vector<Turn> next_exchange() {
  return {request(with_id(0xa2, 77, text("c/d"))), response(with_id(0xb0, 77))};
}

// Operations and the words of their answers, in the order in which they were told.
Lines heads(const std::vector<Turn>& turns) {
  Lines found;
  for (const std::string& line : lines_of(kMqtt, turns)) {
    const std::size_t at = line.find(" head ");
    if (at != std::string::npos)
      found.push_back(line.substr(at + 6, line.find(" stream") - at - 6));
  }
  return found;
}

Confidence detect(const std::string& data) {
  return kMqtt.detect(Side::Request, as_bytes(data));
}

}  // namespace

TEST_CASE("mqtt: requests and answers by packet identifier", "[proto][mqtt]") {
  const std::string one = publish(1, 1), two = publish(1, 2);
  const std::uint64_t id1 = (std::uint64_t{3} << 48) + 1, id2 = id1 + 1;
  CHECK(lines_of(kMqtt, {request(one + two), response(with_id(0x40, 2) + with_id(0x40, 1))}) ==
        Lines{fmt::format("request begin 0 stream {}", id1),
              fmt::format("request head PUBLISH - - stream {}", id1),
              fmt::format("request end {} framing stream {} size {}", one.size(), id1, one.size()),
              fmt::format("request begin {} stream {}", one.size(), id2),
              fmt::format("request head PUBLISH - - stream {}", id2),
              fmt::format("request end {} framing stream {} size {}", 2 * one.size(), id2,
                          two.size()),
              fmt::format("response begin 0 stream {}", id2),
              fmt::format("response head 0 stream {}", id2),
              fmt::format("response end 4 framing stream {} size 4", id2),
              fmt::format("response begin 4 stream {}", id1),
              fmt::format("response head 0 stream {}", id1),
              fmt::format("response end 8 framing stream {} size 4", id1)});
}

TEST_CASE("mqtt: what is an exchange in each version", "[proto][mqtt]") {
  CHECK(heads(conversation()) ==
        Lines{"CONNECT - 3.1.1", "0", "SUBSCRIBE - 3.1.1", "PUBLISH - 3.1.1",
              "PUBLISH - 3.1.1 one-way", "unspecified_error error", "0", "PUBLISH - 3.1.1",
              "PINGREQ - 3.1.1", "0", "0", "PUBREL - 3.1.1", "UNSUBSCRIBE - 3.1.1", "0", "0",
              "DISCONNECT - 3.1.1 one-way"});
  CHECK(heads(conversation_5()) == Lines{"CONNECT - 5.0", "0", "SUBSCRIBE - 5.0",
                                         "not_authorized error", "PUBLISH - 5.0", "PUBLISH - 5.0",
                                         "UNSUBSCRIBE - 5.0", "no_matching_subscribers",
                                         "quota_exceeded error", "no_subscription_existed"});
  const std::string old =
      packet(0x10, text("MQIsdp") + bytes({3, 2, 0, 10}) + text("my-client"));  // 3.1, section 3.1
  CHECK(heads({request(old)}) == Lines{"CONNECT - 3.1"});
}

TEST_CASE("mqtt: quality of service 2 is two exchanges", "[proto][mqtt]") {  // 3.1.1, figure 4.3
  const Lines lines = lines_of(kMqtt, {request(publish(2, 5)), response(with_id(0x50, 5)),
                                       request(with_id(0x62, 5)), response(with_id(0x70, 5))});
  const std::uint64_t published = (std::uint64_t{3} << 48) + 5;
  const std::uint64_t released = (std::uint64_t{6} << 48) + 5;
  REQUIRE(lines.size() == 12);
  CHECK(lines[5] == fmt::format("response end 4 framing stream {} size 4", published));
  CHECK(lines[7] == fmt::format("request head PUBREL - - stream {}", released));
  CHECK(lines[11] == fmt::format("response end 8 framing stream {} size 4", released));
}

TEST_CASE("mqtt: codes that were not all read are unknown, unless one is an error",
          "[proto][mqtt]") {
  const auto status = [](int level, const std::string& codes, std::uint64_t skipped) {
    ParserDriver driver(kMqtt);
    driver.request(connect(level)).response(packet(0x20, bytes({0, 0, 0}))).request(subscribe(1));
    driver.take();
    const std::string whole = with_id(0x90, 1, codes + std::string(skipped, '\2'));
    driver.turn(Side::Response).feed(Side::Response, whole.substr(0, whole.size() - skipped));
    driver.skip(Side::Response, skipped);
    const std::string line = driver.take().at(1);
    return line.substr(0, line.find(" stream"));
  };
  CHECK(status(4, bytes({2, 0}), 0) == "response head 0");
  CHECK(status(4, bytes({0x80, 0}), 0) == "response head unspecified_error error");
  CHECK(status(4, bytes({2, 0}), 1) == "response head 0 unknown");
  CHECK(status(4, bytes({2, 0x80}), 1) == "response head unspecified_error error");
  CHECK(status(5, bytes({0, 2, 0}), 0) == "response head 0");
  CHECK(status(5, bytes({2, 0x87, 0x87, 1}), 0) == "response head 0");  // two bytes of properties
  CHECK(status(5, bytes({0, 2, 0x87}), 1) == "response head not_authorized error");
  CHECK(status(5, bytes({0}), 0) == "response head 0 unknown");
}

TEST_CASE("mqtt: refused connections, by return and by reason code", "[proto][mqtt]") {
  const auto refused = [](int level, int code) {
    const std::string rest = level == 5 ? bytes({0}) : "";
    return heads({request(connect(level)), response(packet(0x20, bytes({0, code}) + rest))}).back();
  };
  CHECK(refused(4, 1) == "unsupported_version error");  // 3.1.1, table 3.1
  CHECK(refused(4, 4) == "bad_user_or_password error");
  CHECK(refused(4, 5) == "not_authorized error");
  CHECK(refused(4, 77) == "_OTHER error");
  CHECK(refused(5, 0x86) == "bad_user_or_password error");  // 5.0, table 3-1
  CHECK(refused(5, 0x9f) == "connection_rate_exceeded error");
  CHECK(refused(5, 0xff) == "_OTHER error");
}

TEST_CASE("mqtt: enhanced authentication goes to and fro", "[proto][mqtt]") {  // 5.0, 4.12
  const std::string more = packet(0xf0, bytes({0x18, 0}));
  CHECK(heads({request(connect(5)), response(more), request(more), response(more), request(more),
               response(packet(0x20, bytes({0, 0, 0})))}) ==
        Lines{"CONNECT - 5.0", "continue_authentication", "AUTH - 5.0", "continue_authentication",
              "AUTH - 5.0", "0"});
}

TEST_CASE("mqtt: an error in the broker's DISCONNECT answers what is outstanding",
          "[proto][mqtt]") {
  const std::vector<Turn> asked = {request(connect(5) + publish(1, 1) + publish(0, 0) + kPing),
                                   response(packet(0x20, bytes({0, 0, 0})))};
  std::vector<Turn> turns = asked;
  turns.push_back(response(packet(0xe0, bytes({0x8e, 0}))));  // 5.0, 3.14.2.1
  CHECK(heads(turns) == Lines{"CONNECT - 5.0", "PUBLISH - 5.0", "PUBLISH - 5.0 one-way",
                              "PINGREQ - 5.0", "0", "session_taken_over error",
                              "session_taken_over error"});
  turns.back() = response(kBye);
  CHECK(heads(turns).size() == 5);
}

TEST_CASE("mqtt: without its CONNECT a connection has no version", "[proto][mqtt]") {
  CHECK(heads({request(subscribe(1)), response(with_id(0x90, 1, bytes({0, 1}))), request(kPing),
               response(kPong + with_id(0x40, 9, bytes({0x87})))}) ==
        Lines{"SUBSCRIBE - -", "0 unknown", "PINGREQ - -", "0", "not_authorized error"});
}

TEST_CASE("mqtt: who delivers and who pings back is not asked", "[proto][mqtt]") {
  CHECK(heads({response(kPong + kPushed + bytes({0x20, 2, 0, 0})), request(with_id(0x40, 1))}) ==
        Lines{});
}

TEST_CASE("mqtt: lengths of one to four bytes, and no others", "[proto][mqtt]") {
  for (const std::size_t size : {127U, 128U, 16'383U, 16'384U, 2'097'151U, 2'097'152U}) {
    const std::string head = text("a/b") + be16(5);
    const std::string whole = packet(0x32, head + std::string(size - head.size(), 'p'));
    const std::size_t length = whole.size() - size - 1;
    ParserDriver driver(kMqtt);
    driver.turn(Side::Request);
    for (const char& c : whole.substr(0, 1 + length + head.size()))
      driver.feed(Side::Request, {&c, 1});
    driver.skip(Side::Request, size - head.size()).feed(Side::Request, kPing);
    const Lines lines = driver.take();
    REQUIRE(lines.size() == 6);
    CHECK_THAT(lines[2], Catch::Contains(fmt::format("request end {} framing", whole.size())));
  }
  ParserDriver cut(kMqtt);
  cut.request(bytes({0x32, 0x90})).skip(Side::Request, 500);
  CHECK(cut.take() == Lines{"request lost 0"});
  CHECK(lines_of(kMqtt, {request(bytes({0x30, 0x80, 0x80, 0x80, 0x80, 1}))}) ==
        Lines{"request mistaken 0"});
  CHECK(lines_of(kMqtt, {request(bytes({0x30, 0x85, 0, 0, 1, 'a', 'b'}))}) ==
        Lines{"request mistaken 0"});
}

TEST_CASE("mqtt: what cannot be MQTT is a mistake, or lost", "[proto][mqtt]") {
  for (const std::string& wrong :
       {bytes({0x36, 5, 0, 1, 'a', 0, 1}), bytes({0x80, 6, 0, 1, 0, 1, 'a', 0}),
        bytes({0xc0, 1, 0}), bytes({0, 0}), bytes({0x82, 3, 0, 1, 0}),
        with_id(0xa2, 0, text("c/d")), bytes({0x32, 5, 0, 9, 'a', 0, 1}),
        packet(0x10, text("MQTX") + bytes({4, 2, 0, 10}) + text("client"))}) {
    CHECK(lines_of(kMqtt, {request(wrong)}) == Lines{"request mistaken 0"});
    const std::string hello = connect(4);
    const Lines lines = lines_of(kMqtt, {request(hello + wrong)});
    REQUIRE(lines.size() == 4);
    CHECK(lines[3] == fmt::format("request lost {}", hello.size()));
  }
}

TEST_CASE("mqtt: cut anywhere, with gaps anywhere, and as recorded", "[proto][mqtt]") {
  for (const auto& turns : {conversation(), conversation_5()}) {
    check_every_split(kMqtt, turns);
    check_masked(kMqtt, turns, {"CANARY", "my-client", "c/d", "ppp", "xxxa"});
  }
  // Met in the middle, so that the version of what comes next does not depend on where the hole is.
  for (auto turns : {conversation(), conversation_5()}) {
    turns.erase(turns.begin(), turns.begin() + 2);
    Lines unknown;
    for (const int id : {1, 4, 7, 8, 9, 10}) {
      for (const std::uint64_t type : {3U, 8U, 10U})
        unknown.push_back(fmt::format("response head 0 unknown stream {}", (type << 48) + id));
    }
    check_every_gap(kMqtt, turns, next_exchange(), unknown);
  }
}

TEST_CASE("mqtt: detected by content", "[proto][mqtt]") {
  for (const std::string& yes :
       {connect(3), connect(4), connect(5), publish(0, 0), publish(1, 1), subscribe(1),
        subscribe(1, bytes({0})), subscribe(1, bytes({2, 0x0b, 1})), with_id(0xa2, 1, text("a/#")),
        with_id(0x40, 1), with_id(0x62, 1) + kPing, kPing, kPing + kBye,
        publish(1, 1, std::string(9000, 'x'))}) {
    CHECK(detect(yes) == Confidence::Yes);
    CHECK(detect(yes.substr(0, 32)) == Confidence::Yes);
    CHECK(detect(yes.substr(0, 1)) == Confidence::NeedMore);
    for (std::size_t size = 1; size < yes.size(); ++size)
      CHECK(detect(yes.substr(0, size)) != Confidence::No);
  }
  CHECK(detect("") == Confidence::NeedMore);
  for (const std::string& no :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("*1\r\n$4\r\nPING\r\n"),
        std::string("123 hello world\r\n"), std::string("0 7 3 text\r\n"),
        bytes({0x30, 0x0c, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0}),  // LDAP's bind
        bytes({0x16, 3, 1, 2, 0, 1}), bytes({0xc0, 0, 0, 1, 2}), kBye, with_id(0x40, 0),
        packet(0x30, text("a+b") + "x"), packet(0x30, text("a\nb") + "x"), std::string(40, '\0'),
        bytes({0x40, 2, 0, 1, 0, 0}),
        packet(0x10, text("MQTX") + bytes({4, 2, 0, 10, 0, 1, 'a'}))}) {
    INFO(no);
    CHECK(detect(no) == Confidence::No);
  }
  CHECK(kMqtt.detect(Side::Response, as_bytes(kPong)) == Confidence::No);
}
