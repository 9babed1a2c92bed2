// Route templates: which targets become which route, and that nothing else decides it.
#include "proto/route.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace tailwhy;

namespace {

std::string route(std::string_view target) {
  return std::string(route_template(target).view());
}

struct Row {
  std::string_view target;
  std::string_view route;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.target);
    CHECK(route(row.target) == row.route);
  }
}

}  // namespace

TEST_CASE("route: scheme, authority, query, fragment and path parameters are dropped",
          "[proto][route]") {
  check({
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/a/", "/a/"},
      {"/a//b", "/a//b"},
      {"/a?x=1&y=/b", "/a"},
      {"/a#b/c", "/a"},
      {"/?secret", "/"},
      {"http://user:pw@host:80/a/b?c", "/a/b"},
      {"https://host", "/"},
      {"https://host?x=1", "/"},
      {"ws+x-1.0://host/chat", "/chat"},
      {"/a;jsessionid=8A7F/b;v=1", "/a/b"},
      {"/app;jsessionid=0123456789012345678901234567890123456789012345678901234567890123456789",
       "/app"},
  });
}

TEST_CASE("route: what is no path has no route", "[proto][route]") {
  check({
      {"*", "*"},
      {"", ""},
      {"host:443", ""},  // authority-form of CONNECT
      {"[::1]:443", ""},
      {"1.2.3.4:80", ""},
      {"a/b", ""},
      {"*/a", ""},
      {"http:/a", ""},
      {"?x", ""},
      {"\x16\x03\x01", ""},
  });
}

TEST_CASE("route: integers, hex, UUIDs and dates become ids", "[proto][route]") {
  check({
      {"/user/42", "/user/{id}"},
      {"/0", "/{id}"},
      {"/x/-7", "/x/{id}"},
      {"/x/18446744073709551616", "/x/{id}"},
      {"/o/deadbeef", "/o/{id}"},
      {"/o/0123abcd", "/o/{id}"},
      {"/o/DEADBEEF00", "/o/{id}"},
      {"/o/550e8400-e29b-41d4-a716-446655440000", "/o/{id}"},
      {"/o/{550e8400-e29b-41d4-a716-446655440000}", "/o/{id}"},
      {"/d/2024-01-31", "/d/{id}"},
      {"/d/20240131", "/d/{id}"},
      {"/d/2024-01-31T10:20:30Z", "/d/{id}"},
      {"/d/10:20:30", "/d/{id}"},
      {"/h/10.0.0.1", "/h/{id}"},
      {"/g/52.5200", "/g/{id}"},
      {"/n/12%20", "/n/{id}"},
  });
}

TEST_CASE("route: random-looking and long segments become ids", "[proto][route]") {
  check({
      {"/v/dQw4w9WgXcQ", "/v/{id}"},
      {"/t/a1B2c3", "/t/{id}"},
      {"/k/user1234", "/k/{id}"},
      {"/k/a1234", "/k/{id}"},
      {"/k/.a1234", "/k/{id}"},
      {"/k/order-77", "/k/{id}"},
      {"/k/sk_live_4eC39HqL", "/k/{id}"},
      {"/k/XqRtKbWzPmNvLs", "/k/{id}"},
      {"/k/getHttpStatusByCode", "/k/getHttpStatusByCode"},
      {"/k/parseHTTPSURLById", "/k/parseHTTPSURLById"},
      {"/j/eyJhbGciOiJIUzI1NiJ9", "/j/{id}"},
      {"/b/c2VjcmV0Cg==", "/b/{id}"},
      {"/s/abcdefghijklmnopqrstuvwx", "/s/abcdefghijklmnopqrstuvwx"},  // 24
      {"/s/abcdefghijklmnopqrstuvwxy", "/s/{id}"},                     // 25
      {"/m/jane@example.com", "/m/{id}.com"},
      {"/m/jane@example.com/box", "/m/{id}/box"},
      {"/e/name=jane", "/e/{id}"},
      {"/e/Users(5)", "/e/{id}"},
  });
}

TEST_CASE("route: words, versions and file names stay", "[proto][route]") {
  check({
      {"/index.html", "/index.html"},
      {"/static/app.min.js", "/static/app.min.js"},
      {"/v1/users", "/v1/users"},
      {"/api/v2.1/x", "/api/v2.1/x"},
      {"/apis/v1beta1/pods", "/apis/v1beta1/pods"},
      {"/api/2.0/x", "/api/2.0/x"},
      {"/oauth2/token", "/oauth2/token"},
      {"/s3/base64/sha256/x86_64", "/s3/base64/sha256/x86_64"},
      {"/.well-known/acme-challenge", "/.well-known/acme-challenge"},
      {"/getUserByNameAndId", "/getUserByNameAndId"},
      {"/@scope/pkg", "/@scope/pkg"},
      {"/a%20b/caf%C3%A9", "/a%20b/caf%C3%A9"},
      {"/%E4%BD%A0%E5%A5%BD", "/%E4%BD%A0%E5%A5%BD"},
      {"/facade", "/facade"},  // hex, but short
      {"/abcdef1", "/abcdef1"},
      {"/v1alpha12", "/v1alpha12"},
      {"/items:batchGet", "/items:batchGet"},
      {"/odata/$metadata", "/odata/$metadata"},
  });
}

TEST_CASE("route: a file name that is an id keeps its extension", "[proto][route]") {
  check({
      {"/img/12345.jpg", "/img/{id}.jpg"},
      {"/js/main.3f2a1b9c.js", "/js/{id}.js"},
      {"/o/550e8400-e29b-41d4-a716-446655440000.json?x", "/o/{id}.json"},
      {"/img/12345.jpg/meta", "/img/{id}/meta"},  // not the last segment: no file
      {"/.env", "/.env"},
      {"/x.toolongext", "/x.toolongext"},
      {"/123.toolongext", "/{id}"},
      {"/v1.2", "/v1.2"},
  });
}

TEST_CASE("route: control and non-ASCII bytes never come through", "[proto][route]") {
  check({
      {"/a/\x01", "/a/{id}"},
      {"/a/b c/d", "/a/{id}/d"},
      {"/a/\xc3\xa9/d", "/a/{id}/d"},
      {"/\x1b[31m", "/{id}"},
      {"/a\"b", "/{id}"},
      {"/a/\x7f.html", "/a/{id}.html"},
  });
  for (int c = 0; c < 256; ++c) {
    const std::string target = std::string("/x") + static_cast<char>(c) + "y";
    for (const char out : route(target)) {
      INFO(c);
      CHECK((out > ' ' && out < 0x7f && out != '"' && out != '\\'));
    }
  }
}

TEST_CASE("route: at most ten segments, then the rest is one", "[proto][route]") {
  check({
      {"/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/i/j"},
      {"/a/b/c/d/e/f/g/h/i/j/", "/a/b/c/d/e/f/g/h/i/j/*"},
      {"/a/b/c/d/e/f/g/h/i/j/k/l?x", "/a/b/c/d/e/f/g/h/i/j/*"},
      {"////////////////////", "///////////*"},
  });
}

TEST_CASE("route: never longer than its bound", "[proto][route]") {
  std::string target;
  for (int i = 0; i < 10; ++i)
    target += "/abcdefghijklmnopqrstuvwx";
  const Route made = route_template(target);
  CHECK_FALSE(made.truncated());
  CHECK(made.view().ends_with("/*"));
  CHECK(made.size() <= 160);
  const Route same = route_template(target + "/and/more");
  CHECK(same == made);
  CHECK(route(std::string("/") + std::string(100'000, 'x')) == "/{id}");
}

TEST_CASE("route: where the target is cut makes no difference", "[proto][route]") {
  const std::vector<std::string> targets = {
      "/api/v1/users/550e8400-e29b-41d4-a716-446655440000.json?x=1/2#f",
      "https://user:pw@host.example:8080/a/b;c=d/42/index.html",
      "/a/b/c/d/e/f/g/h/i/j/k/l",
      "/" + std::string(64, 'a') + "/x",
      "/" + std::string(63, 'a') + ".js",
      "/" + std::string(65, 'a') + ".js",
      "/" + std::string(61, 'a') + ".js" + std::string(9, 'b') + "?",
      "/" + std::string(61, 'a') + ".js" + std::string(9, 'b'),
      "/s;" + std::string(90, 'a') + "/x",
      "*",
      "host:443",
      "http://host?x",
  };
  for (const std::string& target : targets) {
    const std::string whole = route(target);
    for (std::size_t cut = 0; cut <= target.size(); ++cut) {
      RouteBuilder two;
      two.append(std::string_view(target).substr(0, cut));
      two.append(std::string_view(target).substr(cut));
      INFO(target << " cut at " << cut);
      CHECK(two.finish().view() == whole);
    }
    RouteBuilder bytewise;
    for (const char c : target)
      bytewise.append({&c, 1});
    CHECK(bytewise.finish().view() == whole);
  }
}
