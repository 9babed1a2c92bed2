// Cassandra: frames as native_protocol_v4.spec has them (sections 2, 4 and 9).
#include "proto/cassandra.h"

#include "goldens.h"
#include "parser_properties.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace std::string_literals;

namespace {

constexpr unsigned kError = 0, kStartup = 1, kReady = 2, kOptions = 5, kSupported = 6, kQuery = 7,
                   kResult = 8, kPrepare = 9, kExecute = 10, kRegister = 11, kEvent = 12,
                   kBatch = 13;

std::string be(std::uint64_t value, int size) {
  std::string text;
  while (size-- > 0)
    text += static_cast<char>(value >> 8 * size & 0xff);
  return text;
}
std::string frame(unsigned opcode,
                  unsigned stream,
                  const std::string& body,
                  unsigned flags = 0,
                  unsigned version = 4) {
  return be(version, 1) + be(flags, 1) + be(stream, 2) + be(opcode, 1) + be(body.size(), 4) + body;
}
std::string answer(unsigned opcode,
                   unsigned stream,
                   const std::string& body,
                   unsigned flags = 0,
                   unsigned version = 4) {
  return frame(opcode, stream, body, flags, version | 0x80);
}
std::string longs(const std::string& text) {
  return be(text.size(), 4) + text;
}
std::string shorts(const std::string& text) {
  return be(text.size(), 2) + text;
}
std::string query(unsigned stream, const std::string& text) {
  return frame(kQuery, stream, longs(text) + "\0\1\0"s);
}
std::string error(unsigned stream, unsigned code) {
  return answer(kError, stream, be(code, 4) + shorts("CANARY in a message"));
}

const std::string kStart = frame(kStartup, 0, be(1, 2) + shorts("CQL_VERSION") + shorts("3.0.0"));
const std::string kId = "0123456789abcdef";
const std::string kVoid = be(1, 4);

std::vector<Turn> conversation() {
  return {request(frame(kOptions, 0, "")),
          response(answer(kSupported, 0, be(0, 2))),
          request(kStart),
          response(answer(kReady, 0, "")),
          request(query(1, "SELECT a FROM users WHERE b = 'CANARY' AND c = 987654") +
                  frame(kPrepare, 2, longs("INSERT INTO orders (a) VALUES ('CANARY', ?)"))),
          response(answer(kResult, 2, be(4, 4) + shorts(kId) + "CANARY") +
                   answer(kEvent, 0xffff, shorts("STATUS_CHANGE CANARY")) +
                   answer(kResult, 1, be(2, 4) + std::string(300, 'r') + "CANARY")),
          request(frame(kExecute, 3, shorts(kId) + "CANARY") + frame(kBatch, 4, "CANARY") +
                  frame(kRegister, 5, "CANARY")),
          response(error(4, 0x2200) + answer(kResult, 3, std::string(16, 't') + kVoid, 2) +
                   answer(kReady, 5, ""))};
}

Confidence detect(const std::string& bytes) {
  return kCassandra.detect(Side::Request, as_bytes(bytes));
}

}  // namespace

TEST_CASE("cassandra: requests and answers by their streams", "[proto][cassandra]") {
  const Lines lines = lines_of(kCassandra, conversation());
  Lines heads;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(heads),
               [](const std::string& line) { return line.find(" head ") != std::string::npos; });
  CHECK(heads ==
        Lines{"request head OPTIONS - - stream 65536", "response head 0 stream 65536",
              "request head STARTUP - - stream 65536", "response head 0 stream 65536",
              "request head SELECT SELECT users - stream 65537",
              "request head PREPARE - - stream 65538", "response head 0 stream 65538",
              "response head 0 stream 65537", "request head INSERT INSERT orders - stream 65539",
              "request head BATCH - - stream 65540", "request head REGISTER - - stream 65541",
              "response head INVALID error stream 65540", "response head 0 stream 65539",
              "response head 0 stream 65541"});
  const std::string one = query(7, "SELECT a FROM b");
  CHECK(lines_of(kCassandra, {request(one)})[2] ==
        fmt::format("request end {} framing stream 65543 size {}", one.size(), one.size()));
}

TEST_CASE("cassandra: errors by the names of their codes (section 9)", "[proto][cassandra]") {
  const auto head = [](const std::string& bytes) {
    return lines_of(kCassandra, {request(query(1, "SELECT a FROM b")), response(bytes)})[4];
  };
  CHECK(head(error(1, 0x1200)) == "response head READ_TIMEOUT error stream 65537");
  CHECK(head(error(1, 0x2500)) == "response head UNPREPARED error stream 65537");
  CHECK(head(error(1, 0x7777)) == "response head _OTHER error stream 65537");
  CHECK(head(answer(kError, 1, std::string(16, 't') + be(0x2000, 4), 2)) ==
        "response head SYNTAX_ERROR error stream 65537");
  for (const unsigned flag : {1U, 4U, 8U})  // compressed, with a payload, with warnings
    CHECK(head(answer(kError, 1, be(0x2000, 4), flag)) == "response head 0 error stream 65537");
}

TEST_CASE("cassandra: what is not plain has its opcode", "[proto][cassandra]") {
  const std::string bytes =
      frame(kQuery, 1, "compressed", 1) + frame(kExecute, 2, shorts("another")) + query(3, "what?");
  const Lines lines = lines_of(kCassandra, {request(bytes)});
  CHECK(lines[1] == "request head QUERY - - stream 65537");
  CHECK(lines[4] == "request head EXECUTE - - stream 65538");
  CHECK(lines[7].starts_with("request head _OTHER"));
}

TEST_CASE("cassandra: after the handshake of version 5 nothing is read", "[proto][cassandra]") {
  const std::string start =
      frame(kStartup, 0, be(1, 2) + shorts("CQL_VERSION") + shorts("3.0.0"), 0, 5);
  const std::string ready = answer(kReady, 0, "", 0, 5);
  ParserDriver driver(kCassandra);
  driver.request(start).response(ready);
  CHECK(driver.take().back() == fmt::format("switch to unknown at {}", ready.size()));
}

TEST_CASE("cassandra: what cannot be a frame loses the place", "[proto][cassandra]") {
  for (const std::string& bad :
       {frame(kOptions, 0, "", 0, 2), frame(kOptions, 0, "", 0, 6), frame(kOptions, 0, "", 0x20),
        frame(kResult, 0, ""), frame(0x11, 0, ""), answer(kReady, 0, ""),
        frame(kOptions, 0xffff, ""), "\4\0\0\0\7\x7f\0\0\0"s})
    CHECK(lines_of(kCassandra, {request(bad)}) == Lines{"request lost 0"});
  CHECK(lines_of(kCassandra, {response(frame(kOptions, 0, ""))}) == Lines{"response lost 0"});
}

TEST_CASE("cassandra: cut anywhere, with gaps anywhere, and as recorded", "[proto][cassandra]") {
  check_every_split(kCassandra, conversation());
  Lines unknown;
  for (unsigned stream = 65536; stream < 65542; ++stream) {
    for (const char* what :
         {"request head EXECUTE - -", "request head QUERY - -", "request head SELECT SELECT -",
          "request head INSERT INSERT -", "request head _OTHER _OTHER -", "response head 0 error"})
      unknown.push_back(fmt::format("{} stream {}", what, stream));
  }
  check_every_gap(kCassandra, conversation(),
                  {request(query(9, "DELETE FROM a")), response(answer(kResult, 9, kVoid))},
                  unknown);
  check_masked(kCassandra, conversation(), {"CANARY", "87654"});
}

TEST_CASE("cassandra: detected by content", "[proto][cassandra]") {
  for (const std::string& yes :
       {frame(kOptions, 0, ""), frame(kOptions, 7, "", 0, 5), kStart,
        query(300, "SELECT a FROM b WHERE c = 1"), query(1, "UPDATE a SET b = 2"),
        frame(kExecute, 1, shorts(kId) + be(0, 4))}) {
    CHECK(detect(yes) == Confidence::Yes);
    for (std::size_t size = 0; size < 9; ++size)
      CHECK(detect(yes.substr(0, size)) == Confidence::NeedMore);
  }
  for (const std::string& no :
       {frame(kOptions, 0, "x"), frame(kOptions, 0, "", 0, 2),
        frame(kQuery, 0, longs("binary stuff here, say")), frame(kExecute, 0, shorts("an id")),
        frame(kBatch, 0, ""), "GET / HTTP/1.1\r\n"s, std::string(40, '\4'),
        "\3\0\0\x0b\6\xe0\0\0\0\0\0"s, answer(kReady, 0, "")})
    CHECK(detect(no) == Confidence::No);
  CHECK(kCassandra.detect(Side::Response, as_bytes(answer(kReady, 0, ""))) == Confidence::No);
}

TEST_CASE("cassandra: write the fuzz corpus", "[.][cassandra_corpus]") {
  write_corpus(
      {{"a conversation", conversation(), {}, {}},
       {"an error", {request(query(1, "SELECT a FROM b")), response(error(1, 0x1000))}, {}, {}}});
}
