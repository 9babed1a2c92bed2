// Variables and heads of answers as RFC 3875 has them.
#include "proto/cgi.h"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace tailwhy;

namespace {

struct Read {
  RequestHead head;
  std::string kept;  // of the values, what a recording holds
};

Read read(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Read result;
  cgi::Variables variables;
  for (const auto& [name, value] : pairs) {
    variables.begin(cgi::name_of(name));
    for (const char c : value)
      result.kept += variables.step(c) ? c : 'x';
    variables.end();
    result.kept += ' ';
  }
  result.head = variables.head();
  return result;
}

std::uint16_t status_of(const std::string& text, std::string* kept = nullptr) {
  cgi::AnswerHead head;
  std::string masked;
  for (const char c : text)
    masked += head.step(c) ? c : 'x';
  if (kept != nullptr) {
    *kept = masked;
    CHECK(status_of(masked) == head.status());
  }
  return head.status();
}

}  // namespace

TEST_CASE("cgi: method and route of the variables", "[proto][cgi]") {
  Read r = read({{"REQUEST_METHOD", "POST"},
                 {"SCRIPT_NAME", "/index.php"},
                 {"REQUEST_URI", "/orders/42;p=SECRET/items?key=SECRET"},
                 {"HTTP_COOKIE", "SECRET"},
                 {"HTTP_X_REQUEST_ID", "id-1"},
                 {"HTTP_TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  CHECK(r.head.method.view() == "POST");
  CHECK(r.head.route.view() == "/orders/{id}/items");
  CHECK(r.head.route_source == RouteSource::Classified);
  CHECK(r.head.request_id.view() == "id-1");
  CHECK(r.head.trace.valid);
  CHECK(r.kept.find("SECRET") == std::string::npos);
  CHECK(r.kept.find("/orders/42;xxxxxxxx/items?xxx") != std::string::npos);
  CHECK(read({{"SCRIPT_NAME", "/a"}}).head.route.view() == "/a");
  CHECK(read({{"REQUEST_METHOD", "EVIL"}}).head.method.view() == "_OTHER");
  CHECK(read({{"REQUEST_URI", "*"}}).head.route.view() == "*");
  r = read({{"REQUEST_URI", "http://user:SECRET@host/a"}, {"SCRIPT_NAME", "/b"}});
  CHECK(r.head.route.view() == "/b");
  CHECK(r.kept.find("SECRET") == std::string::npos);
}

TEST_CASE("cgi: the length of a body", "[proto][cgi]") {
  const auto length = [](const std::string& value) {
    cgi::Variables variables;
    variables.begin(cgi::Name::ContentLength);
    for (const char c : value)
      variables.step(c);
    variables.end();
    return variables.content_length();
  };
  CHECK(length("") == 0U);
  CHECK(length("1234") == 1234U);
  CHECK_FALSE(length("12a").has_value());
  CHECK_FALSE(length("9999999999999999999").has_value());
  CHECK_FALSE(cgi::Variables().content_length().has_value());
}

TEST_CASE("cgi: the status of an answer", "[proto][cgi]") {
  std::string kept;
  CHECK(status_of("Content-type: text/html\r\n\r\nSECRET", &kept) == 200);
  CHECK(kept == "xxxxxxxxxxxx:xxxxxxxxxx\r\n\r\nxxxxxx");
  CHECK(status_of("Status: 404 Not Found SECRET\r\n\r\n", &kept) == 404);
  CHECK(kept == "Status: 404xxxxxxxxxxxxxxxxx\r\n\r\n");
  CHECK(status_of("X-Some: SECRET\nstatus:503\n\n", &kept) == 503);
  CHECK(kept.find("SECRET") == std::string::npos);
  CHECK(status_of("Set-Cookie: a=SECRET\r\nLocation: http://SECRET/\r\n\r\n", &kept) == 302);
  CHECK(kept.find("SECRET") == std::string::npos);
  CHECK(status_of("Location: /a\r\nStatus: 301 Moved\r\n\r\n", &kept) == 301);
  CHECK(status_of("HTTP/1.1 500 Oops\r\nStatus: 200\r\n\r\n", &kept) == 500);
  CHECK(status_of("HTTP/1.0 204\r\n") == 204);
  for (const char* unknown : {"Content-type: text", "Status: 20\r\n\r\n", "Status: 2000\r\n\r\n",
                              "Status: abc\r\n\r\n", "HTTP/x 200\r\n\r\n", "HTTP/1.1x200 \r\n\r\n"})
    CHECK(status_of(unknown, &kept) == 0);
  CHECK(status_of("A: b\r\nHTTP/1.1 500\r\n\r\n", &kept) == 200);
  std::string endless(20'000, 'a');
  endless.append("\r\n\r\n");
  CHECK(status_of(endless) == 0);
}
