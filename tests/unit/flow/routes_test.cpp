// By what the routes of requests are made, and who teaches them.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

std::string name_of(int number) {
  std::string name = "n";
  for (; number > 0; number /= 26)
    name += static_cast<char>('a' + number % 26);
  return name;
}

// One connection that asks for `count` users.
EventBuilder ask_for_users(int count, std::string_view status, tw_role role = TW_ROLE_SERVER) {
  EventBuilder b;
  b.open(1, role);
  Ns at = 1000;
  for (int i = 1; i <= count; ++i, at += 1000) {
    const std::string request = "GET /user/" + name_of(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string answer =
        "HTTP/1.1 " + std::string(status) + " x\r\nContent-Length: 0\r\n\r\n";
    if (role == TW_ROLE_SERVER) {
      b.in(1, at, request, {.arrived_ns = at - 100}).out(1, at + 500, answer);
    } else {
      b.out(1, at, request).in(1, at + 500, answer, {.arrived_ns = at + 400});
    }
  }
  return b;
}

}  // namespace

TEST_CASE("routes: too many names are learned to be ids", "[flow][routes]") {
  for (const tw_role role : {TW_ROLE_SERVER, TW_ROLE_CLIENT}) {
    Flow flow{FlowConfig{}};
    EventBuilder b = ask_for_users(120, "200", role);
    flow.feed(b);
    REQUIRE(flow.requests.size() == 120);
    CHECK(flow.requests.front().route.view() == "/user/" + name_of(1));
    CHECK(flow.requests.front().route_source == RouteSource::Classified);
    CHECK(flow.requests.back().route.view() == "/user/{id}");
    CHECK(flow.requests.back().route_source == RouteSource::Learned);
  }
}

TEST_CASE("routes: what was not found teaches nothing", "[flow][routes]") {
  for (const char* status : {"301", "404", "500"}) {
    Flow flow{FlowConfig{}};
    EventBuilder b = ask_for_users(450, status);
    flow.feed(b);
    REQUIRE(flow.requests.size() == 450);
    CHECK(flow.requests.back().route.view() == "/user/" + name_of(450));
    CHECK(flow.requests.back().route_source == RouteSource::Classified);
  }
}

TEST_CASE("routes: the user's patterns come first", "[flow][routes]") {
  const std::vector<std::string> patterns{"/user/{name}"};
  FlowConfig config;
  config.routes = std::move(*RoutePatterns::compile(patterns));
  Flow flow(std::move(config));
  EventBuilder b = ask_for_users(120, "200");
  flow.feed(b);
  REQUIRE(flow.requests.size() == 120);
  for (const Request& request : flow.requests) {
    CHECK(request.route.view() == "/user/{name}");
    CHECK(request.route_source == RouteSource::Pattern);
  }
}
