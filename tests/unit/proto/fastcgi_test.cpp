// FastCGI: records as the specification 1.0 has them, and its examples in appendix B.
#include "proto/fastcgi.h"

#include "goldens.h"
#include "parser_properties.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace std::string_literals;

namespace {

constexpr unsigned kBegin = 1, kAbort = 2, kEnd = 3, kParams = 4, kStdin = 5, kStdout = 6,
                   kStderr = 7;

std::string record(unsigned type, unsigned id, const std::string& content, unsigned padding = 0) {
  std::string text;
  for (const std::size_t byte :
       {std::size_t{1}, std::size_t{type}, std::size_t{id >> 8}, std::size_t{id & 255},
        content.size() >> 8, content.size() & 255, std::size_t{padding}, std::size_t{0}})
    text += static_cast<char>(byte);
  return text + content + std::string(padding, '\0');
}

std::string pair(const std::string& name, const std::string& value) {
  std::string text;
  for (const std::size_t size : {name.size(), value.size()}) {
    if (size < 128) {
      text += static_cast<char>(size);
    } else {
      text += "\x80\0"s + static_cast<char>(size >> 8) + static_cast<char>(size & 255);
    }
  }
  return text + name + value;
}

std::string begin(unsigned id, unsigned flags = 1) {
  return record(kBegin, id, "\0\1"s + static_cast<char>(flags) + "\0\0\0\0\0"s);
}
std::string end(unsigned id, unsigned protocol_status = 0, unsigned app_status = 0) {
  return record(
      kEnd, id,
      "\0\0\0"s + static_cast<char>(app_status) + static_cast<char>(protocol_status) + "\0\0\0"s);
}
// As nginx has them: what is secret, and a value of more than 127 bytes.
std::string params(const std::string& uri, const std::string& method = "GET") {
  return pair("QUERY_STRING", "a=CANARY") + pair("REQUEST_METHOD", method) +
         pair("HTTP_COOKIE", std::string(200, 'c') + "CANARY") + pair("SCRIPT_NAME", "/index.php") +
         pair("REQUEST_URI", uri);
}
std::string ask(unsigned id, const std::string& uri, const std::string& body = "") {
  return begin(id) + record(kParams, id, params(uri), 5) + record(kParams, id, "") +
         (body.empty() ? "" : record(kStdin, id, body)) + record(kStdin, id, "");
}
std::string answer(unsigned id, const std::string& text) {
  return record(kStdout, id, text, 3) + end(id);
}

const std::string kFine = "Content-type: text/html\r\n\r\n<html>CANARY";
const std::string kMissing = "Status: 404 Not Found\r\nContent-type: text/html\r\n\r\nCANARY";

std::vector<Turn> conversation() {
  return {request(ask(1, "/orders/7?key=CANARY", "a body with a CANARY")),
          response(record(kStderr, 1, "CANARY in a log") + answer(1, kFine)),
          request(ask(1, "/a") + ask(258, "/b;p=CANARY/c")),
          response(record(kStdout, 258, kMissing.substr(0, 9)) +
                   answer(1, "Location: http://CANARY\r\n\r\n") +
                   record(kStdout, 258, kMissing.substr(9)) + end(258)),
          request(begin(3, 0) + record(kParams, 3, params("/cut").substr(0, 30)) +
                  record(kParams, 3, params("/cut").substr(30)) + record(kParams, 3, "")),
          response(end(3, 2))};
}

std::string head(const std::vector<Turn>& turns) {
  for (const std::string& line : lines_of(kFastCgi, turns)) {
    if (line.find("response head") != std::string::npos) return line;
  }
  return "";
}

}  // namespace

TEST_CASE("fastcgi: a request without a body (appendix B, 1)", "[proto][fastcgi]") {
  const std::string asks =
      begin(1, 0) +
      record(kParams, 1, pair("SERVER_PORT", "80") + pair("SERVER_ADDR", "199.170.183.42")) +
      record(kParams, 1, "") + record(kStdin, 1, "");
  const std::string out = record(kStdout, 1, "Content-type: text/html\r\n\r\n<html>\n<head> ... ") +
                          record(kStdout, 1, "");
  CHECK(lines_of(kFastCgi, {request(asks), response(out + end(1))}) ==
        Lines{"request begin 0 stream 65537", "request head  - - stream 65537",
              fmt::format("request end {} framing stream 65537 size {}", asks.size(), asks.size()),
              "response begin 0 stream 65537", "response head 200 stream 65537",
              fmt::format("response end {} framing stream 65537 size {}", out.size() + 16,
                          out.size() + 16)});
}

TEST_CASE("fastcgi: requests of one connection by their ids (appendix B, 4)", "[proto][fastcgi]") {
  const Lines lines = lines_of(kFastCgi, conversation());
  const auto has = [&](const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  CHECK(has("request head GET /orders/{id} - stream 65537"));
  CHECK(has("request head GET /a - stream 65537"));
  CHECK(has("request head GET /b/c - stream 65794"));
  CHECK(has("request head GET /cut - stream 65539"));
  CHECK(has("response head 200 stream 65537"));
  CHECK(has("response head 302 stream 65537"));
  CHECK(has("response head 404 stream 65794"));
  CHECK(has("response head 0 error stream 65539"));
  CHECK(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
          return line.starts_with("response end");
        }) == 4);
}

TEST_CASE("fastcgi: how it went", "[proto][fastcgi]") {
  const Turn asks = request(ask(1, "/"));
  CHECK(head({asks, response(answer(1, "Status: 500 Oops\r\n\r\n"))}) ==
        "response head 500 error stream 65537");
  CHECK(head({asks, response(answer(1, "no head"))}) == "response head 0 unknown stream 65537");
  CHECK(head({asks, response(end(1))}) == "response head 0 unknown stream 65537");
  const Lines aborted = lines_of(
      kFastCgi, {request(ask(1, "/") + record(kAbort, 1, "")), response(answer(1, kFine))});
  CHECK_THAT(aborted.back(), Catch::Contains("client_abort"));
}

TEST_CASE("fastcgi: an answer before the request was whole ends both", "[proto][fastcgi]") {
  const std::string half = begin(1) + record(kParams, 1, params("/a")) + record(kParams, 1, "") +
                           record(kStdin, 1, "some");
  const Lines lines = lines_of(kFastCgi, {request(half), response(answer(1, kFine))});
  REQUIRE(lines.size() == 6);
  CHECK(lines[4] ==
        fmt::format("request end {} framing stream 65537 size {}", half.size(), half.size()));
}

TEST_CASE("fastcgi: an END_REQUEST that was not captured", "[proto][fastcgi]") {
  const std::string out = record(kStdout, 1, kFine + std::string(5'000, 'b'));
  for (const std::string& rest : {end(1), record(kStdout, 1, "") + end(1)}) {
    ParserDriver driver(kFastCgi);
    driver.request(ask(1, "/a")).turn(Side::Response).feed(Side::Response, out.substr(0, 1'000));
    driver.skip(Side::Response, out.size() - 1'000 + rest.size(), rest.substr(rest.size() - 8));
    driver.request(ask(1, "/b")).response(answer(1, kFine));
    const Lines lines = driver.take();
    REQUIRE(lines.size() == 12);
    CHECK(lines[5] == fmt::format("response end {} framing stream 65537 size {}",
                                  out.size() + rest.size(), out.size() + rest.size()));
    CHECK(lines[7] == "request head GET /b - stream 65537");
  }
  // Of another size, or with another end, it is something else: the next request ends it.
  for (const auto& [size, tail] :
       {std::pair{17, "\0\0\0\0\0\0\0\0"s}, std::pair{16, "\0\0\0\0\0\0\0a"s},
        std::pair{16, "\0\0\0\0\4\0\0\0"s}}) {
    ParserDriver driver(kFastCgi);
    driver.request(ask(1, "/a")).turn(Side::Response).feed(Side::Response, out.substr(0, 1'000));
    driver.skip(Side::Response, out.size() - 1'000 + size, tail);
    CHECK(driver.take().back() == fmt::format("response lost {}", out.size()));
    driver.request(ask(1, "/b"));
    CHECK_THAT(driver.take()[0], Catch::Contains("response end") && Catch::Contains("direction"));
  }
}

TEST_CASE("fastcgi: a request that overtakes the padding of the end before", "[proto][fastcgi]") {
  std::string last = end(1) + std::string(9, '\0');
  last[6] = 9;
  const std::string out = record(kStdout, 1, kFine) + last;
  ParserDriver driver(kFastCgi);
  driver.request(ask(1, "/a")).response(out.substr(0, out.size() - 5)).request(ask(1, "/b"));
  driver.response(out.substr(out.size() - 5) + answer(1, kMissing));
  CHECK(std::count_if(driver.log().begin(), driver.log().end(), [](const std::string& line) {
          return line.starts_with("response end");
        }) == 2);
  CHECK(driver.log()[driver.log().size() - 2] == "response head 404 stream 65537");
}

TEST_CASE("fastcgi: what cannot be a record loses the place", "[proto][fastcgi]") {
  for (const std::string& bad : {"\2\1\0\1\0\x08\0\0........"s, "\1\x0c\0\1\0\x08\0\0........"s,
                                 "\1\0\0\1\0\x08\0\0........"s, record(kBegin, 1, "short"),
                                 begin(0), answer(1, "of the other side")})
    CHECK(lines_of(kFastCgi, {request(bad)}) == Lines{"request lost 0"});
  CHECK(lines_of(kFastCgi, {response(begin(1))}) == Lines{"response lost 0"});
}

TEST_CASE("fastcgi: no more requests are kept than a server has", "[proto][fastcgi]") {
  std::string all;
  for (unsigned id = 1; id <= 66; ++id)
    all += begin(id);
  const Lines lines = lines_of(kFastCgi, {request(all)});
  CHECK(std::count_if(lines.begin(), lines.end(),
                      [](const std::string& line) { return line.starts_with("abandoned"); }) == 2);
}

TEST_CASE("fastcgi: cut anywhere, with gaps anywhere, and as recorded", "[proto][fastcgi]") {
  check_every_split(kFastCgi, conversation());
  check_every_gap(
      kFastCgi, conversation(), {request(ask(9, "/next")), response(answer(9, kFine))},
      {"request head  - - stream 65537", "request head GET - - stream 65537",
       "request head GET /index.php - stream 65537", "request head  - - stream 65794",
       "request head GET - - stream 65794", "request head GET /index.php - stream 65794",
       "request head  - - stream 65539", "request head GET - - stream 65539",
       "request head GET /index.php - stream 65539", "response head 0 unknown stream 65537",
       "response head 0 unknown stream 65794", "response head 0 unknown stream 65539"});
  check_masked(kFastCgi, conversation(), {"CANARY"});
}

TEST_CASE("fastcgi: detected by its first record", "[proto][fastcgi]") {
  const auto detect = [](const std::string& bytes) {
    return kFastCgi.detect(Side::Request, as_bytes(bytes));
  };
  CHECK(detect(ask(1, "/")) == Confidence::Yes);
  CHECK(detect(begin(513, 0)) == Confidence::Yes);
  const std::string after = record(kStdin, 1, "") + begin(1);
  CHECK(detect(after) == Confidence::Yes);
  for (std::size_t size = 0; size < after.size(); ++size)
    CHECK(detect(after.substr(0, size)) == Confidence::NeedMore);
  for (std::size_t size = 0; size < 16; ++size)
    CHECK(detect(begin(1).substr(0, size)) == Confidence::NeedMore);
  for (const std::string& no :
       {begin(0), end(1), record(kStdin, 1, "a body") + begin(1), record(kStdin, 0, "") + begin(1),
        record(kStdin, 1, "") + end(1), record(kBegin, 1, "\0\4\0\0\0\0\0\0"s),
        record(kBegin, 1, "\0\1\2\0\0\0\0\0"s), record(kBegin, 1, "\0\1\0\0\0\0\0\1"s),
        "GET / HTTP/1.1\r\n"s, "\1\2"s, "\2"s})
    CHECK(detect(no) == Confidence::No);
  CHECK(kFastCgi.detect(Side::Response, as_bytes(begin(1))) == Confidence::No);
}

TEST_CASE("fastcgi: write the fuzz corpus", "[.][fastcgi_corpus]") {
  write_corpus({{"a conversation", conversation(), {Side::Response}, {}},
                {"one request", {request(ask(1, "/a")), response(answer(1, kFine))}, {}, {}},
                {"aborted",
                 {request(ask(1, "/") + record(kAbort, 1, "")), response(answer(1, kMissing))},
                 {},
                 {}}});
}
