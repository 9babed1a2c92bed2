// uwsgi: packets as uWSGI's documentation has them ("The uwsgi Protocol").
#include "proto/uwsgi.h"

#include "goldens.h"
#include "parser_properties.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace std::string_literals;

namespace {

std::string le16(std::size_t size) {
  return {static_cast<char>(size & 255), static_cast<char>(size >> 8)};
}
std::string var(const std::string& name, const std::string& value) {
  return le16(name.size()) + name + le16(value.size()) + value;
}
std::string packet(const std::string& vars) {
  return "\0"s + le16(vars.size()) + "\0"s + vars;
}
// As nginx has them.
std::string ask(const std::string& uri,
                const std::string& body = "",
                const std::string& length = "") {
  return packet(var("QUERY_STRING", "a=CANARY") + var("REQUEST_METHOD", "POST") +
                var("CONTENT_TYPE", "") +
                var("CONTENT_LENGTH", length.empty() ? std::to_string(body.size()) : length) +
                var("REQUEST_URI", uri) + var("HTTP_COOKIE", std::string(300, 'c') + "CANARY")) +
         body;
}

const std::string kFine = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>CANARY";

std::vector<Turn> conversation() {
  return {request(ask("/orders/7?key=CANARY", "a body with a CANARY")), response(kFine)};
}

Lines ended(const std::vector<Turn>& turns) {
  ParserDriver driver(kUwsgi);
  for (const auto& [side, bytes] : turns)
    driver.turn(side).feed(side, bytes);
  driver.finish(Side::Response);
  return driver.take();
}

}  // namespace

TEST_CASE("uwsgi: one request and its answer", "[proto][uwsgi]") {
  const std::string asks = conversation()[0].bytes;
  CHECK(lines_of(kUwsgi, conversation()).back() == "response head 200");  // before it ends
  CHECK(ended(conversation()) == Lines{"request begin 0", "request head POST /orders/{id} -",
                                       fmt::format("request end {} framing", asks.size()),
                                       "response begin 0", "response head 200",
                                       fmt::format("response end {} close", kFine.size())});
}

TEST_CASE("uwsgi: statuses of answers with and without a status line", "[proto][uwsgi]") {
  const auto head = [](const std::string& answer) {
    return ended({request(ask("/")), response(answer)})[4];
  };
  CHECK(head("HTTP/1.0 503 Oops\r\n\r\n") == "response head 503 error");
  CHECK(head("Status: 404 Not Found\r\nContent-Type: a\r\n\r\n") == "response head 404");
  CHECK(head("Content-Type: a\r\n\r\n") == "response head 200");
  CHECK(head("HTTP/1.1 20") == "response head 0 unknown");
}

TEST_CASE("uwsgi: where a request ends", "[proto][uwsgi]") {
  const std::string empty = ask("/");
  CHECK(lines_of(kUwsgi, {request(empty)})[2] ==
        fmt::format("request end {} framing", empty.size()));
  const std::string half = ask("/", "half", "8");
  CHECK(lines_of(kUwsgi, {request(half)}).size() == 2);
  CHECK(lines_of(kUwsgi, {request(half), response(kFine)})[2] ==
        fmt::format("request end {} framing", half.size()));
  ParserDriver driver(kUwsgi);
  driver.turn(Side::Request).feed(Side::Request, ask("/", "some", "100000"));
  driver.skip(Side::Request, 100'000 - 4);
  CHECK(driver.log().back() == fmt::format("request end {} framing", driver.offset(Side::Request)));
}

TEST_CASE("uwsgi: who closes without an answer gives none", "[proto][uwsgi]") {
  CHECK(ended({request(ask("/"))}).size() == 3);
}

TEST_CASE("uwsgi: cut anywhere, with gaps, and as recorded", "[proto][uwsgi]") {
  check_every_split(kUwsgi, conversation());
  check_masked(kUwsgi, conversation(), {"CANARY"});
  const auto said = lines_of(kUwsgi, conversation());
  for (std::size_t at = 0; at < conversation()[0].bytes.size(); ++at) {
    ParserDriver driver(kUwsgi);
    const std::string text = conversation()[0].bytes;
    driver.turn(Side::Request).feed(Side::Request, text.substr(0, at)).skip(Side::Request, 1);
    driver.feed(Side::Request, text.substr(at + 1)).response(kFine);
    for (const std::string& line : driver.log()) {
      if (line.find("request head") == std::string::npos) continue;
      CHECK((line == said[1] || line.find(" - -") != std::string::npos));
    }
  }
}

TEST_CASE("uwsgi: detected by its first variable", "[proto][uwsgi]") {
  const auto detect = [](const std::string& bytes) {
    return kUwsgi.detect(Side::Request, as_bytes(bytes));
  };
  const std::string yes = ask("/");
  CHECK(detect(yes) == Confidence::Yes);
  for (std::size_t size = 0; size < 20; ++size)
    CHECK(detect(yes.substr(0, size)) == Confidence::NeedMore);
  CHECK(detect(packet(var("A_NAME_THAT_IS_LONGER_THAN_MOST", "x"))) == Confidence::Yes);
  for (const std::string& no :
       {packet(var("lower", "x")), packet(var("AB", "x")),
        packet(var("NAME", "x")).substr(0, 4) + "\xff\xff"s, "\1"s + yes.substr(1),
        yes.substr(0, 3) + "\1"s + yes.substr(4), std::string(40, '\0'),
        packet("\4\0NAME\xff\xffvalue"s), "GET / HTTP/1.1\r\n\r\n"s})
    CHECK(detect(no) == Confidence::No);
  CHECK(kUwsgi.detect(Side::Response, as_bytes(yes)) == Confidence::No);
}

TEST_CASE("uwsgi: write the fuzz corpus", "[.][uwsgi_corpus]") {
  write_corpus(
      {{"a request", conversation(), {Side::Response}, {}},
       {"half a body", {request(ask("/", "half", "8")), response(kFine)}, {Side::Response}, {}},
       {"a CGI answer",
        {request(ask("/")), response("Status: 404 Not Found\r\n\r\n")},
        {Side::Request, Side::Response},
        {}}});
}
