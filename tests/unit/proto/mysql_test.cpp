// MySQL and MariaDB: what exchanges are called, how they end, and the properties of every parser.
#include "proto/mysql.h"

#include "mysql_goldens.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace tailwhy::test::mysql;

namespace {

// What a connection says, without the offsets: of requests their heads, of answers statuses.
Lines heads(const std::vector<Turn>& turns) {
  Lines found;
  for (const std::string& line : lines_of(kMySql, turns)) {
    if (line.find(" head ") != std::string::npos || line.find("lost") != std::string::npos ||
        line.find("mistaken") != std::string::npos || line.find("switch") != std::string::npos) {
      found.push_back(line);
    }
  }
  return found;
}

// What answers a query, and where it ends: "0 at 27".
std::string answer_of(const std::string& ask, const std::string& answer) {
  const Lines lines = lines_of(kMySql, {request(ask), response(answer)});
  if (lines.size() != 6) return fmt::format("{}", fmt::join(lines, "; "));
  return lines[4].substr(14) + " at " + lines[5].substr(13, lines[5].find(' ', 13) - 13);
}
std::string whole(const std::string& status, const std::string& answer) {
  return fmt::format("{} at {}", status, answer.size());
}

const std::string kSelect = query("SELECT 1");

}  // namespace

TEST_CASE("mysql: a query, from its packet to the end of its answer", "[proto][mysql]") {
  const std::string ask = query("SELECT * FROM a JOIN b"), answer = result(2);
  CHECK(lines_of(kMySql, {request(ask), response(answer)}) ==
        Lines{"request begin 0", "request head SELECT SELECT a b -",
              fmt::format("request end {} framing", ask.size()), "response begin 0",
              "response head 0", fmt::format("response end {} framing", answer.size())});
}

TEST_CASE("mysql: each kind of exchange by its name and status", "[proto][mysql]") {
  const std::string ok = "response head 0";
  CHECK(heads(conversation()) ==
        Lines{"request head CONNECT CONNECT -",
              ok,
              "request head SELECT SELECT users -",
              ok,
              "request head CALL CALL -",
              ok,
              "request head PREPARE INSERT t -",
              ok,
              "request head INSERT INSERT t -",
              ok,
              "request head INSERT INSERT t -",
              ok,
              "request head STMT_FETCH STMT_FETCH -",
              ok,
              "request head STMT_SEND_LONG_DATA STMT_SEND_LONG_DATA - one-way",
              "request head STMT_CLOSE STMT_CLOSE - one-way",
              "request head COMMIT COMMIT -",
              ok,
              "request head _OTHER _OTHER -",
              "response head 42000 error",
              "request head LOAD LOAD t -",
              ok,
              "request head INIT_DB INIT_DB -",
              ok,
              "request head STATISTICS STATISTICS -",
              ok,
              "request head FIELD_LIST FIELD_LIST -",
              ok,
              "request head CHANGE_USER CHANGE_USER -",
              "response head 28000 error",
              "request head PING PING -",
              ok,
              "request head QUIT QUIT - one-way"});
}

TEST_CASE("mysql: commands that are sent before they are answered", "[proto][mysql]") {
  const std::string ok = "response head 0";
  CHECK(heads(pipelined()) == Lines{"request head CONNECT CONNECT -",
                                    ok,
                                    "request head PREPARE SELECT t -",
                                    "request head SELECT SELECT t -",
                                    "request head COMMIT COMMIT -",
                                    ok,
                                    ok,
                                    ok,
                                    "request head SELECT SELECT u -",
                                    "request head SELECT SELECT t -",
                                    "request head RESET_CONNECTION RESET_CONNECTION -",
                                    ok,
                                    ok,
                                    ok,
                                    "request head PREPARE _OTHER -",
                                    "request head _OTHER _OTHER -",
                                    "request head PING PING -",
                                    "response head 42000 error",
                                    "response head HY000 error",
                                    ok,
                                    "request head SELECT SELECT t -",
                                    ok,
                                    "request head BINLOG_DUMP BINLOG_DUMP - open-ended"});
}

TEST_CASE("mysql: where answers end", "[proto][mysql]") {
  for (const std::string& answer :
       {result(0), result(300), short_result(0), short_result(2), packet(1, ok()),
        packet(1, ok(0x4002, std::string(300, 'i'))), result(1, 0x0a) + short_result(2, 2, 6),
        // MySQL's CLIENT_OPTIONAL_RESULTSET_METADATA: without and with descriptions
        packets(1, {"\0\1"s, eof(), row(), eof()}),
        packets(1, {"\1\2", column(), column(), ok_eof()}),
        // MariaDB's MARIADB_CLIENT_CACHE_METADATA, the same
        packets(1, {"\1\0"s, row(), ok_eof()}), packets(1, {"\2\1", column(), column(), ok_eof()}),
        // a text that is longer than a packet has a first byte of 0xfe
        packets(1, {"\1", column(), eof(), "\xfe" + std::string(0xfffffe, 'x'), "x", eof()}),
        packets(1, {"\xff\xff\xff\1\1\2\3\0\0"s, "\1", column(), eof(), eof()})}) {
    CHECK(answer_of(kSelect, answer) == whole("0", answer));
  }
  for (const std::string& answer :
       {packets(1, {"\1", column(), eof(), row(), error(1317, "70100")}),
        packets(1, {"\1", error(1317, "70100")}),
        result(1, 0x0a) + packet(6, error(1317, "70100"))}) {
    CHECK(answer_of(kSelect, answer) == whole("70100 error", answer));
  }
  const std::string stream = packets(1, {"\0event"s, eof()});
  CHECK(answer_of(command(0x12, "x"), stream) == whole("0", stream));
  for (const unsigned char code : {0x1b, 0x0d}) {
    const std::string simple = packet(1, eof());
    CHECK(answer_of(command(code), simple) == whole("0", simple));
  }
}

TEST_CASE("mysql: packets that continue another, and those that cannot follow it",
          "[proto][mysql]") {
  const std::string row = "\xfe" + std::string(0xfffffe, 'x');
  const std::string whole_answer =
      packets(1, {"\1", column(), eof(), row, error(1, "HY000"), eof()});  // only looks like one
  CHECK(answer_of(kSelect, whole_answer) == whole("0", whole_answer));
  for (const std::string& bad :
       {packets(1, {"\1", column()}) + packet(7, eof()), packet(1, "\1") + packet(1, column()),
        packets(1, {"\1", column(), eof(), row}) + packet(1, "x")}) {
    const Lines lines = lines_of(
        kMySql, {request(kSelect), response(packet(1, ok())), request(kSelect), response(bad)});
    CHECK_THAT(lines.back(), Catch::StartsWith("response lost"));
  }
}

TEST_CASE("mysql: errors by SQLSTATE, else by number", "[proto][mysql]") {
  const auto status = [](const std::string& payload) {
    return heads({request(kSelect), response(packet(1, payload))}).back();
  };
  // the example of the documentation of ERR_Packet
  CHECK(status("\xff\x48\x04#HY000No tables used") == "response head HY000 error");
  CHECK(status(error(1062, "23000")) == "response head 23000 error");
  CHECK(status(error(1040, "")) == "response head 1040 error");
  CHECK(status("\xff\x10\x04#\"; --x") == "response head 1040 error");
  CHECK(status("\xff") == "response head HY000 error");
  CHECK(status("\xff\0\0"s) == "response head 0 error");
}

TEST_CASE("mysql: prepared statements of connections met in the middle", "[proto][mysql]") {
  CHECK(heads({request(execute(9))}) == Lines{"request head EXECUTE EXECUTE -"});
  // Whether EOF packets are sent is told by the first answer that could have one.
  const std::string ask = prepare("SELECT ?"), next = query("DO 1");
  const std::string done = packet(1, ok());
  for (const auto& [sent, told] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{prepared(1, 0, 0)}, "all"},
           {{prepared(1, 0, 2), column(), column()}, "all"},
           {{prepared(1, 0, 1), column(), eof()}, "but the last"},
           {{prepared(1, 1, 1), column(), column()}, "all"},
           {{prepared(1, 1, 1), column(), eof(), column(), eof()}, "all"},
           {{prepared(1, 2, 0), column(), column(), eof()}, "but the last"},
           // MySQL's, with a flag that none follow
           {{prepared(1, 2, 1) + "\0"s}, "all"}}) {
    const std::string answer = packets(1, sent);
    const std::size_t end = answer.size() - (told == "all" ? 0 : kEofPacket);
    CHECK(answer_of(ask, answer) == fmt::format("0 at {}", end));
    CHECK(heads({request(ask), response(answer), request(next), response(done),
                 request(execute(1))}) == Lines{"request head PREPARE SELECT -", "response head 0",
                                                "request head DO DO -", "response head 0",
                                                "request head SELECT SELECT -"});
  }
  // Then it is known.
  const std::string answer = packets(1, {prepared(1, 0, 1), column(), eof()});
  const Lines lines =
      lines_of(kMySql, {request(ask), response(answer), request(ask), response(answer)});
  CHECK(lines.back() == fmt::format("response end {} framing", 2 * answer.size()));
}

TEST_CASE("mysql: only so many statements are remembered", "[proto][mysql]") {
  ParserDriver driver(kMySql);
  for (unsigned i = 1; i <= 200; ++i) {
    driver.request(prepare(fmt::format("SELECT 1 FROM t{}", i)));
    driver.response(packets(1, {prepared(i, 0, 0)}));
  }
  driver.take();
  driver.request(execute(1) + execute(72) + execute(73) + execute(200));
  const Lines lines = driver.take();
  REQUIRE(lines.size() == 12);
  CHECK(lines[1] == "request head EXECUTE EXECUTE -");
  CHECK(lines[4] == "request head EXECUTE EXECUTE -");
  CHECK(lines[7] == "request head SELECT SELECT t73 -");
  CHECK(lines[10] == "request head SELECT SELECT t200 -");
}

TEST_CASE("mysql: attributes before a statement", "[proto][mysql]") {
  const auto head = [](const std::string& text) { return heads({request(query(text))}).at(0); };
  CHECK(head("\0\1SELECT 1 FROM t"s) == "request head SELECT SELECT t -");
  CHECK(head("\1\1\0\1\xfd\0\3key\3bobSELECT 1 FROM t"s) == "request head QUERY QUERY -");
}

TEST_CASE("mysql: requests longer than a packet", "[proto][mysql]") {
  const std::string first = "\x03INSERT INTO t VALUES ('" + std::string(0xffffff - 24, 'C');
  const std::string ask = packet(0, first) + packet(1, "x')");
  const std::string answer = packet(2, ok());
  CHECK(answer_of(ask, answer) == whole("0", answer));
  CHECK(lines_of(kMySql, {request(ask)})[2] == fmt::format("request end {} framing", ask.size()));
  // exactly as long: an empty one ends it
  const std::string exact = packet(0, first) + packet(1, "");
  CHECK(lines_of(kMySql, {request(exact)})[2] ==
        fmt::format("request end {} framing", exact.size()));
  // whose rest was not captured
  ParserDriver driver(kMySql);
  driver.turn(Side::Request).feed(Side::Request, packet(0, first).substr(0, 5000));
  driver.skip(Side::Request, 0xffffff + 4 - 5000).feed(Side::Request, packet(1, "x')"));
  driver.response(answer);
  CHECK(driver.log().size() == 6);
}

TEST_CASE("mysql: TLS, compression, and what is no MySQL", "[proto][mysql]") {
  const std::string tls = packet(1, login_head(kModern | kTls));
  CHECK(heads({response(greeting()), request(tls + "\x16\x03\x01")}) ==
        Lines{fmt::format("switch to unknown at {}", tls.size())});
  const auto switched = [](std::uint32_t server, const std::string& verdict) {
    return heads({response(greeting(server)), request(login(kModern | kCompress)),
                  response(packet(2, verdict))});
  };
  CHECK(switched(0xffffffff, ok()) ==
        Lines{"request head CONNECT CONNECT -", "response head 0", "switch to unknown at 104"});
  CHECK(switched(~kCompress, ok()) == Lines{"request head CONNECT CONNECT -", "response head 0"});
  CHECK(switched(0xffffffff, error(1045, "28000")).size() == 2);
  CHECK(heads({request(packet(0, "\x7fwhat"))}) == Lines{"request mistaken 0"});
  CHECK(heads({request(packet(1, "what"))}) == Lines{"request mistaken 0"});
  CHECK(heads({request(kSelect), response("HTTP/1.1 400 no")}) ==
        Lines{"request head SELECT SELECT -"});  // a long packet, so far
  CHECK(heads({request(kSelect), response(packet(2, ok()))}).back() == "response mistaken 0");
  CHECK(heads({request(kSelect), response(packet(1, ok())), request(packet(0, "\x7f"))}).back() ==
        "request lost 13");
}

TEST_CASE("mysql: a connection that is refused is no exchange", "[proto][mysql]") {
  CHECK(lines_of(kMySql, {response(packet(0, error(1040, "08004")))}).empty());
}

TEST_CASE("mysql: cut anywhere, and as recorded", "[proto][mysql]") {
  for (const auto& turns : {conversation(), pipelined()}) {
    check_every_split(kMySql, turns);
    check_masked(kMySql, turns, {"CANARY", "de\xc0\x17\x5a"});
  }
}

TEST_CASE("mysql: gaps anywhere", "[proto][mysql]") {
  const Lines unknown = {
      "request head SELECT - -",   "request head CALL - -",    "request head PREPARE - -",
      "request head INSERT - -",   "request head COMMIT - -",  "request head LOAD - -",
      "request head _OTHER - -",   "request head  - -",        "request head EXECUTE EXECUTE -",
      "response head HY000 error", "response head 1064 error", "response head 1045 error",
      "response head 1243 error"};
  check_every_gap(kMySql, conversation(), next_exchange(), unknown);
  auto turns = pipelined();
  turns.resize(turns.size() - 2);  // an answer without an end is followed by nothing
  check_every_gap(kMySql, turns, next_exchange(), unknown);
}

TEST_CASE("mysql: a result that was captured only at its ends", "[proto][mysql]") {
  for (const std::string& end : {packet(9, eof()), packet(9, ok_eof())}) {
    for (const bool small_end : {false, true}) {
      ParserDriver driver(kMySql);
      driver.request(query("SELECT * FROM big"));
      driver.turn(Side::Response).feed(Side::Response, result(3).substr(0, 60));
      driver.skip(Side::Response, 100'000, "xxxxxxxx");
      std::size_t size = 60 + 100'000;
      if (small_end) {
        driver.feed(Side::Response, "a part of a row " + end);
        size += 16 + end.size();
      } else {
        driver.skip(Side::Response, 50'000, end.substr(end.size() - 8));
        size += 50'000;
      }
      const Lines lines = driver.take();
      REQUIRE(lines.size() == 8);
      CHECK(lines[4] == "response lost 57");
      CHECK(lines[5] == fmt::format("response begin {}", size));
      CHECK(lines[6] == "response head 0");
      CHECK(lines[7] == fmt::format("response end {} framing", size));
      driver.request(kSelect).response(packet(1, error(1317, "70100")));
      CHECK(driver.take()[4] == "response head 70100 error");
    }
  }
  // not where another result follows, nor where several are waited for
  for (const auto& [ask, end] : std::vector<std::pair<std::string, std::string>>{
           {kSelect, packet(9, eof(0x0a))}, {kSelect + kSelect, packet(9, eof())}}) {
    ParserDriver driver(kMySql);
    driver.request(ask);
    driver.turn(Side::Response).feed(Side::Response, result(3).substr(0, 60));
    driver.take();
    driver.skip(Side::Response, 50'000, end.substr(end.size() - 8));
    CHECK(driver.take() == Lines{"response lost 57"});
  }
}

TEST_CASE("mysql: when the server has ended, so has what it says", "[proto][mysql]") {
  ParserDriver driver(kMySql);
  driver.request(kSelect).response(result(3).substr(0, 60)).finish(Side::Response);
  driver.take();
  driver.skip(Side::Response, 50'000, packet(9, eof()).substr(1));
  CHECK(driver.take().empty());
}

TEST_CASE("mysql: backslashes are what the server says they are", "[proto][mysql]") {
  const std::string ask = query("SELECT 'a\\', 'CANARY' FROM t");
  ParserDriver driver(kMySql, true);
  driver.request(query("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")).response(packet(1, ok(0x202)));
  driver.request(ask);
  CHECK(driver.masked(Side::Request).find("CANARY") == std::string::npos);
  CHECK(driver.log()[7] == "request head SELECT SELECT t -");
}

TEST_CASE("mysql: detected by content", "[proto][mysql]") {
  const auto detect = [](const std::string& bytes, Side side = Side::Request) {
    return kMySql.detect(side, as_bytes(bytes));
  };
  for (const std::string& yes :
       {login(), packet(1, login_head(kModern | kTls)), query("select 1"), query("COMMIT"),
        prepare("UPDATE t SET a = 1"), execute(3), execute(0xffffffff), close_statement(1),
        close_statement(1) + query("x"), command(0x1c, le(1, 4) + le(100, 4)), command(0x0e),
        command(0x1f), command(1), command(9), command(0x18, le(1, 4) + le(0, 2) + "x"),
        command(0xfa, le(0xffffffff, 4) + le(0x80, 2) + "x"), query("/*!40101 SET NAMES utf8 */"),
        query("\0\1SELECT 1"s)}) {
    CHECK(detect(yes) == Confidence::Yes);
    for (std::size_t size = 1; size <= 4; ++size)
      CHECK(detect(yes.substr(0, size)) == Confidence::NeedMore);
  }
  CHECK(detect(login().substr(0, 32)) == Confidence::Yes);  // what is held of first bytes
  for (const std::string& no :
       {"GET / HTTP/1.1\r\n\r\n"s, "PING\r\n"s, "QUIT"s, "*1\r\n$4\r\nPING\r\n"s,
        query("frobnicate"), query(""), command(2, "test"), close_statement(0), execute(0),
        packet(2, ok()), "\x16\x03\x01\x02\x00\x01\x00\x01"s, "Q\0\0\0\x16SELECT 1 FROM t\0"s,
        std::string(40, '\0'), packet(1, std::string(40, 'x')),
        "\x10\0\0\0\x03\0\0\0\0\0\0\0\xdd\x07\0\0"s}) {
    CAPTURE(no);
    CHECK(detect(no) == Confidence::No);
  }
  CHECK(detect(greeting(), Side::Response) == Confidence::Yes);
  for (const std::string& first : {login(), kSelect, execute(1), prepare("SELECT 1"),
                                   command(0xfa, le(1, 4) + le(0x80, 2) + "x")}) {
    ParserDriver driver(kMySql, true);
    driver.feed(Side::Response, greeting()).feed(Side::Request, first);
    CHECK(detect(driver.masked(Side::Request)) == Confidence::Yes);  // what a recording has
    CHECK(detect(driver.masked(Side::Response), Side::Response) == Confidence::Yes);
  }
  for (const std::string& no : {packet(1, ok()), greeting(0), greeting().substr(0, 40),
                                "220 hello\r\n"s, packet(0, "\x0a" + std::string(60, '\xff'))}) {
    CHECK(detect(no, Side::Response) == Confidence::No);
  }
}
