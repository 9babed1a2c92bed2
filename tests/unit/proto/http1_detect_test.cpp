// HTTP/1: which first bytes are taken for it, and the table of protocols.
#include "proto/http1_detect.h"

#include "http1_driver.h"

#include <catch2/catch.hpp>

#include <set>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

Confidence request_confidence(std::string_view text) {
  return detect_http1(Side::Request, as_bytes(text));
}
Confidence response_confidence(std::string_view text) {
  return detect_http1(Side::Response, as_bytes(text));
}

}  // namespace

TEST_CASE("http1: requests are recognised", "[proto][http1][detect]") {
  for (const std::string_view text :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\n\n", "POST /a?b HTTP/1.1\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "CONNECT a:443 HTTP/1.1\r\n",
        "GET http://a/ HTTP/1.1\r\n", "QUERY /x HTTP/1.1\r\n", "M-SEARCH * HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n", "GET /" /* the rest was not captured */, "GET /long", "CONNECT a",
        "UNSUBSCRIBE /"}) {
    INFO(text);
    CHECK(request_confidence(text) == Confidence::Yes);
  }
}

TEST_CASE("http1: other protocols are not requests", "[proto][http1][detect]") {
  for (const std::string_view text :
       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HT", "GET key\r\n", "GET /\r\n",
        "GET / HTTP/2.0\r\n", "get key\r\n", "*1\r\n$4\r\nPING\r\n", "PING\r\n",
        "EHLO mail.example.com\r\n", "OPTIONS rtsp://a/b RTSP/1.0\r\n",
        "INVITE sip:a@b SIP/2.0\r\n", "\x16\x03\x01\x02", "SSH-2.0-x\r\n", "GET\t/ HTTP/1.1\r\n",
        "GET /\x01", "HTTP/1.1 200 OK\r\n", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "SELECT 1"}) {
    INFO(text);
    CHECK(request_confidence(text) == Confidence::No);
  }
}

TEST_CASE("http1: too few bytes are neither", "[proto][http1][detect]") {
  for (const std::string_view text : {"", "\r\n", "G", "GET", "GET ", "POST", "QUERY /x"}) {
    INFO(text);
    CHECK(request_confidence(text) == Confidence::NeedMore);
  }
  for (const std::string_view text : {"", "H", "HTTP/1", "HTTP/1.", "HTTP/1.1"}) {
    INFO(text);
    CHECK(response_confidence(text) == Confidence::NeedMore);
  }
}

TEST_CASE("http1: responses are recognised", "[proto][http1][detect]") {
  CHECK(response_confidence("HTTP/1.1 200 OK\r\n") == Confidence::Yes);
  CHECK(response_confidence("HTTP/1.0 ") == Confidence::Yes);
  for (const std::string_view text :
       {"HTTP/2 200", "HTTP/1.x 200", "HTTP/1.10 ", "http/1.1 200", "+OK\r\n", "x"}) {
    INFO(text);
    CHECK(response_confidence(text) == Confidence::No);
  }
}

TEST_CASE("http1: a beginning is found by its first bytes alone", "[proto][http1][detect]") {
  const auto found = [](std::string_view text) { return http1_begins(Side::Request, text); };
  for (const std::string_view text : {"GET /", "\r\nPUT /a\x01", "OPTIONS *", "GET http://a",
                                      "CONNECT a", "GET / HTTP/2.0\r\n"}) {
    INFO(text);
    CHECK(found(text) == Confidence::Yes);
  }
  for (const std::string_view text :
       {"GET -", "QUERY *", "QUERY /a", "PRI * HTTP/2.0", "S3CRET", "SECRET", "SECRET ", "GETX",
        "GET\t/", " GET /", "get /", "\x16\x03"}) {
    INFO(text);
    CHECK(found(text) == Confidence::No);
  }
  for (const std::string_view text : {"", "\r\n\r\n", "G", "GET", "GET ", "UNSUBSCRIBE "}) {
    INFO(text);
    CHECK(found(text) == Confidence::NeedMore);
  }
  CHECK(http1_begins(Side::Response, "HTTP/1.1 2") == Confidence::Yes);
  CHECK(http1_begins(Side::Response, "HTTP") == Confidence::NeedMore);
  CHECK(http1_begins(Side::Response, "GET /") == Confidence::No);
}

TEST_CASE("http1: no prefix of a message is refused", "[proto][http1][detect]") {
  const std::string ask = "DELETE /a/b HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t size = 0; size < ask.size(); ++size) {
    CHECK(request_confidence(ask.substr(0, size)) != Confidence::No);
  }
}

TEST_CASE("registry: every protocol has a name of its own and makes parsers", "[proto][registry]") {
  std::set<std::string_view> names;
  for (const ParserSpec* spec : parser_specs()) {
    names.insert(spec->name);
    CHECK(spec->make() != nullptr);
    CHECK(spec->detect(Side::Request, {}) == Confidence::NeedMore);
  }
  CHECK(names.size() == parser_specs().size());
  CHECK(names.count("http") == 1);
}
