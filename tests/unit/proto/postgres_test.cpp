// PostgreSQL: bytes as its manual has them.
#include "proto/postgres.h"

#include "parser_properties.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace std::string_literals;

namespace {

std::string be32(std::uint64_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8)
    text += static_cast<char>(value >> shift & 0xff);
  return text;
}

std::string message(char type, const std::string& body = "") {
  return type + be32(body.size() + 4) + body;
}
std::string query(const std::string& sql) {
  return message('Q', sql + '\0');
}
std::string parse(const std::string& name, const std::string& sql) {
  return message('P', name + '\0' + sql + '\0' + "\0\0"s);
}
std::string bind(const std::string& name, const std::string& value = "") {
  return message('B', '\0' + name + '\0' + "\0\0\0\1"s + be32(value.size()) + value + "\0\0"s);
}
const std::string kDescribe = message('D', "P\0"s);
const std::string kExecute = message('E', "\0\0\0\0\0"s);
const std::string kSync = message('S');

const std::string kParsed = message('1'), kBound = message('2'),
                  kRow = message('D', "\0\1"s + be32(6) + "CANARY");
const std::string kDone = message('C', "SELECT 1\0"s);
const std::string kReady = message('Z', "I");
std::string error(const std::string& code) {
  return message('E', "SERROR\0VERROR\0C"s + code + "\0Mnear \"CANARY\"\0\0"s);
}

std::string startup(std::uint32_t code, const std::string& rest = "") {
  return be32(8 + rest.size()) + be32(code) + rest;
}
constexpr std::uint32_t kVersion = 196608, kSsl = 80877103, kCancel = 80877102;

// What a connection says, without the offsets: of requests their heads, of answers statuses.
Lines heads(const std::vector<Turn>& turns) {
  Lines found;
  for (const std::string& line : lines_of(kPostgreSql, turns)) {
    if (line.find(" head ") != std::string::npos || line.find("lost") != std::string::npos ||
        line.find("mistaken") != std::string::npos || line.find("switch") != std::string::npos) {
      found.push_back(line);
    }
  }
  return found;
}

std::vector<Turn> conversation() {
  const std::string start = startup(kVersion, "user\0CANARY\0database\0d\0\0"s);
  return {
      request(startup(kSsl)),
      response("N"),
      request(start),
      response(message('R', be32(10) + "SCRAM-SHA-256\0\0"s)),
      request(message('p', "n,,n=CANARY")),
      response(message('R', be32(0)) + message('S', "server_version\00015\0"s) +
               message('K', be32(1) + be32(2)) + kReady),
      request(query("SELECT * FROM users WHERE name = 'CANARY'")),
      response(message('T', "\0\1"s) + kRow + kRow + kDone + kReady),
      request(parse("s1", "INSERT INTO t VALUES ($1, 'CANARY')") + kSync),
      response(kParsed + kReady),
      request(bind("s1", "CANARY") + kExecute + bind("s1") + kExecute + kSync),
      response(kBound + kDone + kBound + kDone + kReady),
      request(bind("s1") + kExecute + bind("s1") + kExecute + kSync + query("COMMIT")),
      response(kBound + error("23505") + kReady + kDone + kReady),
      request(query("COPY t FROM STDIN")),
      response(message('G', "\0\0\0"s)),
      request(message('d', "CANARY\n") + message('c')),
      response(kDone + kReady),
      request(message('X')),
  };
}

std::vector<Turn> next_exchange() {
  return {request(query("DELETE FROM last")), response(kDone + kReady)};
}

}  // namespace

TEST_CASE("postgres: a simple query, from Query to ReadyForQuery", "[proto][postgres]") {
  const std::string ask = query("SELECT 1; SELECT 2"), answer = kRow + kDone + kDone + kReady;
  CHECK(lines_of(kPostgreSql, {request(ask), response(answer)}) ==
        Lines{"request begin 0", "request head SELECT SELECT -",
              fmt::format("request end {} framing", ask.size()), "response begin 0",
              "response head 0", fmt::format("response end {} framing", answer.size())});
}

TEST_CASE("postgres: each kind of exchange by its name and status", "[proto][postgres]") {
  CHECK(heads(conversation()) ==
        Lines{"request head CONNECT CONNECT -", "response head 0",
              "request head SELECT SELECT users -", "response head 0",
              "request head PREPARE INSERT t -", "response head 0",
              "request head INSERT INSERT t -", "request head INSERT INSERT t -", "response head 0",
              "response head 0", "request head INSERT INSERT t -", "request head INSERT INSERT t -",
              "request head COMMIT COMMIT -", "response head 23505 error",
              "response head 23505 error", "response head 0", "request head COPY COPY t -",
              "response head 0"});
}

TEST_CASE("postgres: an Execute ends with its completion, the last before Sync when all is ready",
          "[proto][postgres]") {
  const std::string one = parse("", "SELECT 1") + bind("") + kDescribe + kExecute;
  const std::string answer = kParsed + kBound + kRow + kDone;
  const Lines lines =
      lines_of(kPostgreSql, {request(one + one + kSync), response(answer + answer + kReady)});
  REQUIRE(lines.size() == 12);
  CHECK(lines[8] == fmt::format("response end {} framing", answer.size()));
  CHECK(lines[11] == fmt::format("response end {} framing", 2 * answer.size() + kReady.size()));
  // a client that flushes waits for no ReadyForQuery
  const Lines flushed = lines_of(kPostgreSql, {request(one + message('H')), response(answer),
                                               request(kSync), response(kReady)});
  REQUIRE(flushed.size() == 6);
  CHECK(flushed[5] == fmt::format("response end {} framing", answer.size()));
}

TEST_CASE("postgres: statements whose Parse nobody saw are EXECUTE", "[proto][postgres]") {
  CHECK(heads({request(bind("old") + kExecute + kSync)}) ==
        Lines{"request head EXECUTE EXECUTE -"});
  CHECK(heads({request(message('C', "Sold\0"s) + kSync)}) ==
        Lines{"request head DEALLOCATE DEALLOCATE -"});
}

TEST_CASE("postgres: errors", "[proto][postgres]") {
  const auto status = [](const std::string& answer) {
    return heads({request(query("SELECT x")), response(answer)}).back();
  };
  CHECK(status(error("42703") + kReady) == "response head 42703 error");
  CHECK(status(message('E', "SERROR\0Mno code\0\0"s) + kReady) == "response head XX000 error");
  CHECK(status(message('E', "C\"; --\0\0"s) + kReady) == "response head XX000 error");
  // an error of an attempt to connect is the end of it
  CHECK(heads({request(startup(kVersion, "user\0u\0\0"s)), response(error("28P01"))}).back() ==
        "response head 28P01 error");
}

TEST_CASE("postgres: encryption, cancel requests, and what is no PostgreSQL", "[proto][postgres]") {
  CHECK(heads({request(startup(kSsl)), response("S"), request("\x16\x03\x01")}) ==
        Lines{"switch to unknown at 1"});
  CHECK(heads({request(startup(kCancel, be32(1) + be32(2)))}) ==
        Lines{"request head CANCEL CANCEL - one-way"});
  CHECK(heads({request("Q\xff\xff\xff\xffx")}) == Lines{"request mistaken 0"});
  CHECK(heads({request(query("SELECT 1")), response("HTTP/1.1 400 no")}) ==
        Lines{"request head SELECT SELECT -", "response mistaken 0"});
}

TEST_CASE("postgres: cut anywhere, with gaps anywhere, and as recorded", "[proto][postgres]") {
  check_every_split(kPostgreSql, conversation());
  check_masked(kPostgreSql, conversation(), {"CANARY"});
}

TEST_CASE("postgres: gaps anywhere", "[proto][postgres]") {
  check_every_gap(
      kPostgreSql, conversation(), next_exchange(),
      {"request head SELECT - -", "request head INSERT - -", "request head COPY - -",
       "request head PREPARE - -", "request head COMMIT - -", "request head  - -",
       "request head EXECUTE EXECUTE -", "response head 0 unknown", "response head XX000 error"});
}

TEST_CASE("postgres: a result that was captured only at its ends", "[proto][postgres]") {
  ParserDriver driver(kPostgreSql);
  driver.request(query("SELECT * FROM big"));
  driver.turn(Side::Response).feed(Side::Response, kRow + kRow);
  driver.skip(Side::Response, 1'000'000, "xx" + kReady);
  Lines lines = driver.take();
  REQUIRE(lines.size() == 6);
  CHECK(lines[4] == "response head 0 unknown");
  CHECK(lines[5] == fmt::format("response end {} framing", 2 * kRow.size() + 1'000'000));
  driver.request(query("SELECT 1")).response(kDone + kReady);
  lines = driver.take();
  REQUIRE(lines.size() == 6);
  CHECK(lines[4] == "response head 0");
}

TEST_CASE("postgres: detected by content", "[proto][postgres]") {
  const auto detect = [](const std::string& bytes) {
    return kPostgreSql.detect(Side::Request, as_bytes(bytes));
  };
  for (const std::string& yes :
       {startup(kVersion, "user\0u\0\0"s), startup(kSsl), startup(kCancel, "12345678"),
        query("select 1"), query("BEGIN"), parse("", "SELECT 1") + kSync,
        bind("s") + kExecute + kSync, bind("s") + kDescribe + kExecute + kSync}) {
    CHECK(detect(yes) == Confidence::Yes);
  }
  for (const std::string& no :
       {"GET / HTTP/1.1\r\n\r\n"s, "QUIT\r\n"s, "PING\r\n"s, "SUBSCRIBE x\r\n"s, "EXEC\r\n"s,
        "DEL a\r\n"s, query("frobnicate"), "\x16\x03\x01\x02\x00\x01\x00\x01"s,
        "*1\r\n$4\r\nPING\r\n"s, startup(99, "12345678"), startup(kSsl, "more"),
        message('S', "long"), "CONNECT {}\r\n"s,
        message('Q', "SELECT 1 FROM its_end_is_missing")}) {
    CAPTURE(no);
    CHECK(detect(no) == Confidence::No);
  }
  CHECK(detect(query("SELECT 1").substr(0, 3)) == Confidence::NeedMore);
  CHECK(detect(startup(kVersion).substr(0, 7)) == Confidence::NeedMore);
}
