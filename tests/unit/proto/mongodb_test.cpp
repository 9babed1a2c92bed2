// MongoDB: what is asked, how it went, and the properties of every parser.
#include "proto/mongodb.h"

#include "mongodb_goldens.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace tailwhy::test::mongodb;

namespace {

std::uint64_t stream(std::uint32_t id) {
  return std::uint64_t{1} << 32 | id;
}
std::string ask(const std::string& what, std::uint32_t id) {
  return fmt::format("request head {} stream {}", what, stream(id));
}
std::string told(const std::string& what, std::uint32_t id) {
  return fmt::format("response head {} stream {}", what, stream(id));
}

// Heads, and whatever is not the beginning or end of a message.
Lines heads(const std::vector<Turn>& turns) {
  Lines found = lines_of(kMongoDb, turns);
  std::erase_if(found, [](const std::string& line) {
    return line.find(" begin ") != std::string::npos || line.find(" end ") != std::string::npos;
  });
  return found;
}

std::string status(const std::string& elements) {
  return heads({request(find(1)), response(msg(9, 1, elements))}).back();
}

}  // namespace

TEST_CASE("mongodb: requests and answers by their ids", "[proto][mongodb]") {
  const std::string one = find(1), two = msg(2, 0, int32("ping", 1) + kDb);
  const std::string first = ok(2), second = ok(1);
  CHECK(lines_of(kMongoDb, {request(one + two), response(first + second)}) ==
        Lines{fmt::format("request begin 0 stream {}", stream(1)), ask("find users -", 1),
              fmt::format("request end {} framing stream {} size {}", one.size(), stream(1),
                          one.size()),
              fmt::format("request begin {} stream {}", one.size(), stream(2)), ask("ping - -", 2),
              fmt::format("request end {} framing stream {} size {}", one.size() + two.size(),
                          stream(2), two.size()),
              fmt::format("response begin 0 stream {}", stream(2)), told("0", 2),
              fmt::format("response end {} framing stream {} size {}", first.size(), stream(2),
                          first.size()),
              fmt::format("response begin {} stream {}", first.size(), stream(1)), told("0", 1),
              fmt::format("response end {} framing stream {} size {}", first.size() + second.size(),
                          stream(1), second.size())});
}

TEST_CASE("mongodb: a conversation by its names and statuses", "[proto][mongodb]") {
  CHECK(heads(conversation()) == Lines{ask("isMaster - -", 1),
                                       told("0", 1),
                                       ask("saslStart - -", 2),
                                       told("AuthenticationFailed error", 2),
                                       ask("find users -", 3),
                                       told("0", 3),
                                       ask("insert carts -", 4),
                                       told("11000 error", 4),
                                       ask("update carts - one-way", 5),
                                       ask("getMore users -", 6),
                                       told("0", 6),
                                       ask("getMore logs - open-ended", 7),
                                       told("0", 7),
                                       told("0", 7),
                                       told("0", 7),
                                       ask(" - -", 8),
                                       told("0 unknown", 8),
                                       ask("_OTHER - -", 9),
                                       ask("drop - -", 10),
                                       told("CommandNotFound error", 9),
                                       told("26 error", 10)});
}

TEST_CASE("mongodb: what ended well is what says so, or began with a cursor", "[proto][mongodb]") {
  const std::string good = told("0", 1), unknown = told("0 unknown", 1);
  CHECK(status(kOk) == good);
  CHECK(status(int32("ok", 1)) == good);
  CHECK(status(int64("ok", 1)) == good);
  CHECK(status("\x08ok\0\1"s) == good);
  CHECK(status(within("cursor", "")) == good);
  CHECK(status(int32("cursor", 1)) == unknown);
  CHECK(status(int32("n", 1) + within("cursor", "")) == unknown);
  CHECK(status("") == unknown);
  CHECK(status(text("ok", "1")) == unknown);
  CHECK(status(int32("n", 1) + text("values", std::string(2000, 'x')) + kOk) == unknown);
  CHECK(status(int32("n", 1) + "\x42what\0"s + kOk) == unknown);
  // every type of value is gone over
  CHECK(status("\5b\0"s + le(3, 4) + "\0abc"s + "\7i\0"s + std::string(12, 'i') + "\xbr\0re\0i\0"s +
               "\6u\0\xan\0\xffm\0\x7fM\0"s + "\x0cp\0"s + le(2, 4) + "p\0"s +
               std::string(12, 'p') +
               "\xf"
               "c\0"s +
               le(4, 4) +
               "\xd"
               "j\0"s +
               le(1, 4) + '\0' +
               "\x13"
               "d\0"s +
               std::string(16, 'd') + "\x11t\0"s + le(7, 8) + "\x9t\0"s + le(7, 8) + kOk) == good);
}

TEST_CASE("mongodb: errors", "[proto][mongodb]") {
  const std::string no = number("ok", 0);
  CHECK(status(no + int32("code", 50) + text("codeName", "MaxTimeMSExpired")) ==
        told("MaxTimeMSExpired error", 1));
  CHECK(status(no + number("code", 11600)) == told("11600 error", 1));
  CHECK(status(no) == told("UnknownError error", 1));
  CHECK(status(no + int32("code", 7) + text("codeName", "no word")) == told("7 error", 1));
  CHECK(status(no + int32("code", 11602) + text("codeName", "InterruptedDueToReplStateChange")) ==
        told("11602 error", 1));
  CHECK(status(int32("n", 1) +
               within("writeConcernError",
                      int32("code", 64) + text("codeName", "WriteConcernTimeout")) +
               kOk) == told("WriteConcernTimeout error", 1));
  CHECK(status(array("writeErrors", "") + kOk) == told("UnknownError error", 1));
  CHECK(status(array("writeErrors", within("0", int32("code", 8)) + within("1", "")) + no +
               int32("code", 9)) == told("9 error", 1));
  CHECK(heads({request(old_query(1, int32("hello", 1))), response(old_reply(1, "", 2))}).back() ==
        told("UnknownError error", 1));
}

TEST_CASE("mongodb: names of commands and collections", "[proto][mongodb]") {
  const auto head = [](const std::string& elements) {
    return heads({request(msg(1, 0, elements))}).at(0);
  };
  CHECK(head(text("aggregate", "system.profile")) == ask("aggregate system.profile -", 1));
  CHECK(head(int32("aggregate", 1)) == ask("aggregate - -", 1));
  CHECK(head(text("find", std::string(64, 'c'))) == ask("find " + std::string(64, 'c') + " -", 1));
  CHECK(head(text("find", std::string(65, 'c'))) == ask("find - -", 1));
  CHECK(head(text("find", "bob's")) == ask("find - -", 1));
  CHECK(head(text("renameCollection", "a.b")) == ask("renameCollection - -", 1));
  CHECK(head(text("finds", "a")) == ask("_OTHER - -", 1));
  CHECK(head("") == ask("_OTHER - -", 1));
  CHECK(head(int32("hello", 1) + within("topologyVersion", "")) == ask("hello - - open-ended", 1));
  CHECK(head(int32("hello", 1) + kDb) == ask("hello - -", 1));
  CHECK(head(text("find", "a") + int32("maxTimeMS", 1)) == ask("find a -", 1));
  // a sequence before the body
  CHECK(heads({request(message(1, 0, 2013,
                               le(0, 4) + sequence("documents", document("")) + '\0' +
                                   document(text("insert", "t"))))}) ==
        Lines{ask("insert t -", 1)});
  CHECK(heads({request(old_query(1, within("$query", int32("ismaster", 1))))}) ==
        Lines{ask("ismaster - -", 1)});
  CHECK(heads({request(message(1, 0, 2002, "12345"))}) == Lines{ask("insert - - one-way", 1)});
  CHECK(heads({request(message(1, 0, 2005, "12345"))}) == Lines{ask("getMore - -", 1)});
}

TEST_CASE("mongodb: an answer of many messages ends with the last", "[proto][mongodb]") {
  const std::string asked = msg(7, 0, int64("getMore", 1), kExhaust);
  const std::string one = msg(21, 7, kOk, kMore), two = msg(22, 21, kOk, kMore),
                    last = msg(23, 22, kOk);
  const Lines lines =
      lines_of(kMongoDb, {request(asked), response(one + two + last), request(find(8))});
  REQUIRE(lines.size() == 11);
  CHECK(lines[7] == fmt::format("response end {} framing stream {} size {}", 3 * one.size(),
                                stream(7), 3 * one.size()));
  // after a gap nobody knows what goes on
  ParserDriver driver(kMongoDb);
  driver.request(asked).response(one);
  driver.skip(Side::Response, 500);
  driver.feed(Side::Response, last);
  CHECK(driver.log()[5] == fmt::format("abandoned {} stream {}", one.size(), stream(7)));
}

TEST_CASE("mongodb: what is compressed may want no answer", "[proto][mongodb]") {
  CHECK(heads({request(compressed(1, 0) + compressed(2, 0) + find(3) + compressed(4, 0)),
               response(compressed(9, 2) + ok(3))}) ==
        Lines{ask(" - -", 1), ask(" - -", 2), ask("find users -", 3), ask(" - -", 4),
              fmt::format("response no answer 0 stream {}", stream(1)), told("0 unknown", 2),
              told("0", 3)});
}

TEST_CASE("mongodb: what cannot be MongoDB is a mistake, or lost", "[proto][mongodb]") {
  CHECK(heads({request(message(1, 0, 99, "what"))}) == Lines{"request mistaken 0"});
  CHECK(heads({request(le(0xffffffff, 4) + le(1, 8) + le(2013, 4))}) ==
        Lines{"request mistaken 0"});
  CHECK(heads({request(find(1)), response("HTTP/1.1 400 no\r\n")}).back() == "response lost 0");
}

TEST_CASE("mongodb: lengths within a message are not trusted", "[proto][mongodb]") {
  for (const std::string& value : {le(0x7fffffff, 4), le(0xffffffff, 4), le(0, 4), le(3, 4)}) {
    for (const char type : {'\2', '\3', '\4', '\5', '\xc', '\xd', '\xf'}) {
      const std::string odd = type + "writeErrors\0"s + value + "\0x\0"s;
      CHECK_THAT(status(odd), Catch::Contains("unknown") || Catch::Contains("UnknownError"));
      CHECK(heads({request(msg(1, 0, type + "find\0"s + value + "xx"))}).size() == 1);
    }
    const std::string sections = message(1, 0, 2013, le(0, 4) + '\1' + value + "xxx\0"s);
    CHECK(heads({request(sections)}) == Lines{ask(" - -", 1)});
  }
}

TEST_CASE("mongodb: cut anywhere, and as recorded", "[proto][mongodb]") {
  check_every_split(kMongoDb, conversation());
  check_masked(kMongoDb, conversation(), {"CANARY"});
}

TEST_CASE("mongodb: gaps anywhere", "[proto][mongodb]") {
  Lines unknown;
  for (std::uint32_t id = 1; id <= 10; ++id) {
    unknown.push_back(told("0 unknown", id));
    for (const std::string& name :
         {" - -"s, "insert - -"s, "find - -"s, "getMore - -"s, "getMore users -"s,
          "getMore logs - open-ended"s, " - - open-ended"s, "update - - one-way"s, " - - one-way"s,
          "getMore - - open-ended"s})
      unknown.push_back(ask(name, id));
  }
  for (const char* code : {"UnknownError error", "18 error", "59 error"})
    for (const std::uint32_t id : {2, 4, 9, 10})
      unknown.push_back(told(code, id));
  for (const std::uint32_t id : {2001, 2002})  // whose stream is not known
    unknown.push_back(told("0", id)), unknown.push_back(told("0 unknown", id));
  check_every_gap(kMongoDb, conversation(), next_exchange(), unknown);
}

TEST_CASE("mongodb: detected by content", "[proto][mongodb]") {
  const auto detect = [](const std::string& bytes) {
    return kMongoDb.detect(Side::Request, as_bytes(bytes));
  };
  for (const std::string& yes :
       {find(1), old_query(1, int32("isMaster", 1)), compressed(1, 0),
        msg(1, 0, int32("ping", 1), kExhaust), msg(0xffffffff, 0, text("insert", "t"), kMore),
        message(1, 0, 2013,
                le(0, 4) + sequence("documents", document("")) + '\0' + document("a"))}) {
    CHECK(detect(yes) == Confidence::Yes);
    CHECK(detect(yes.substr(0, 32)) == Confidence::Yes);
    for (std::size_t size = 1; size < 26; ++size)
      CHECK(detect(yes.substr(0, size)) == Confidence::NeedMore);
  }
  for (const std::string& no :
       {"GET / HTTP/1.1\r\n\r\n"s, "PING\r\n"s, "*1\r\n$4\r\nPING\r\n"s, std::string(40, '\0'),
        message(1, 0, 99, std::string(40, 'x')), msg(1, 0, int32("\1", 1)),
        msg(1, 0, int32("ping", 1), 4), message(1, 0, 2013, std::string(40, 'x')),
        "\x16\x03\x01\x02\x00\x01\x00\x01"s + std::string(20, '\0')}) {
    CAPTURE(no);
    CHECK(detect(no) == Confidence::No);
  }
  CHECK(kMongoDb.detect(Side::Response, as_bytes(ok(1))) == Confidence::No);
  for (const std::string& first : {find(1), old_query(1, int32("hello", 1)), compressed(1, 0)}) {
    ParserDriver driver(kMongoDb, true);
    driver.feed(Side::Request, first);
    CHECK(detect(driver.masked(Side::Request)) == Confidence::Yes);  // what a recording has
  }
  for (const ParserSpec* spec : parser_specs()) {
    CAPTURE(spec->name);
    if (spec != &kMongoDb)
      CHECK(spec->detect(Side::Request, as_bytes(find(0x151))) == Confidence::No);
  }
}
