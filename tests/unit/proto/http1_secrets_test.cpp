// HTTP/1: what a recording must not contain is marked, wherever the bytes are cut, and what is left
// replays to the same messages.
#include "http1_goldens.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::string_view kCanary = "CANARY";

// Every place in which a secret may travel. "CANARY" is the secret, and nothing else is.
const std::vector<Turn>& canary_turns() {
  static const std::vector<Turn> kTurns = {
      request("POST /path?token=CANARY&b=CANARY HTTP/1.1\r\nHost: CANARY\r\n"
              "Authorization: Bearer CANARY\r\nCookie: a=CANARY;\r\n b=CANARY\r\n"
              "X-CANARx: CANARY\r\nT E: CANARY\r\ncontent-type-x: CANARY\r\n"
              "A-Header-Name-That-Is-Longer-Than-Any-Of-Ours: CANARY\r\n"
              "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
              "6\r\nCANARY\r\nC;k=CANARY;q=\"CANARY\"\r\nCANARYCANARY\r\n"
              "0\r\nX-Sum: CANARY\r\ntraceparent: CANARY\r\nConnection: CANARY\r\n\r\n"),
      response("HTTP/1.1 200 Fine\r\nSet-Cookie: s=CANARY\r\nX-Request-Id: CANARY\r\n"
               "Content-Length: 18\r\n\r\nCANARYCANARYCANARY"),
      request("GET http://me:CANARY@host/x;s=CANARY/y?CANARY#CANARY HTTP/1.1\r\n\r\n"
              "CONNECTED http://CANARY@host/x#CANARY HTTP/1.1\r\n\r\n"
              "PUT /len HTTP/1.1\r\nContent-Length: 6\r\n\r\nCANARY"),
      response("HTTP/1.1 103 Early\r\nLink: CANARY\r\n\r\nHTTP/1.1 204 No\r\nX: CANARY\r\n\r\n"
               "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\nX: CANARY\r\n\r\nCANARY until the end"),
  };
  return kTurns;
}

void check_clean(const Driver& driver) {
  CHECK(driver.spans_inside());
  for (const Side side : {Side::Request, Side::Response}) {
    INFO(driver.masked(side));
    CHECK(driver.masked(side).find(kCanary) == std::string::npos);
  }
}

}  // namespace

TEST_CASE("http1: a canary in any secret place is masked", "[proto][http1][secrets]") {
  Driver driver(true);
  for (const auto& [side, bytes] : canary_turns())
    driver.turn(side).feed(side, bytes);
  check_clean(driver);
  for (const std::string& line : driver.log())
    CHECK(line.find("CANAR") == std::string::npos);
  CHECK(driver.log().back() == "response head 200");
}

TEST_CASE("http1: a canary is masked wherever the bytes are cut", "[proto][http1][secrets]") {
  for (std::size_t which = 0; which < canary_turns().size(); ++which) {
    const std::size_t size = canary_turns()[which].bytes.size();
    for (std::size_t cut = 0; cut <= size; ++cut) {
      Driver driver(true);
      for (std::size_t i = 0; i < canary_turns().size(); ++i) {
        const auto& [side, bytes] = canary_turns()[i];
        const std::string_view text(bytes);
        driver.turn(side);
        if (i == which) {
          driver.feed(side, text.substr(0, cut)).feed(side, text.substr(cut));
        } else {
          driver.feed(side, text);
        }
      }
      INFO("turn " << which << " cut at " << cut);
      check_clean(driver);
    }
  }
  Driver bytewise(true);
  for (const auto& [side, bytes] : canary_turns()) {
    bytewise.turn(side);
    for (const char c : bytes)
      bytewise.feed(side, {&c, 1});
  }
  check_clean(bytewise);
}

TEST_CASE("http1: a canary is masked when the place is lost", "[proto][http1][secrets]") {
  const std::string secret = "CANARY-and-CANARY";
  SECTION("met in the middle") {
    Driver driver(true);
    driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
    driver.feed(Side::Request, secret).feed(Side::Response, secret);
    driver.request(secret).response(secret);
    check_clean(driver);
  }
  SECTION("in a tunnel, and after CONNECT") {
    Driver driver(true);
    driver.request("CONNECT CANARY@a:443 HTTP/1.1\r\n\r\n" + secret);
    driver.response("HTTP/1.1 200 OK\r\n\r\n" + secret).request(secret).response(secret);
    check_clean(driver);
  }
  SECTION("after a parse error") {
    for (const std::string_view before :
         {"GET /?", "GET http://u:", "GET / HTTP/1.1\r\nX: ",
          "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6;k="}) {
      for (const std::string_view error : {"\x01\x01", "\r\r", "\x7f"}) {
        Driver driver(true);
        driver.request(std::string(before) + secret + std::string(error) + secret);
        driver.feed(Side::Request, secret);
        check_clean(driver);
      }
    }
    Driver driver(true);
    driver.request("\x16" + secret).response("\x16" + secret);
    check_clean(driver);
  }
  SECTION("in tails of skips") {
    Driver driver(true);
    driver.request("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        .skip(Side::Request, 50, "xxCANARY");
    driver.skip(Side::Request, 100, "xxCANARY");
    driver.response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    driver.skip(Side::Response, 100, "xCANARY0").feed(Side::Response, "CANARY\r\n0\r\n");
    driver.feed(Side::Response, "\r\nCANARY\r\n0\r\n\r\n");
    check_clean(driver);
    CHECK(driver.log().back().ends_with("last_chunk"));
    CHECK(driver.masked(Side::Response).ends_with("\r\n0\r\n\r\n"));
  }
  SECTION("in what only begins like a beginning") {
    Driver driver(true);
    driver.unsynchronised(Side::Request).turn(Side::Request);
    driver.feed(Side::Request, "CAN").feed(Side::Request, "ARY").feed(Side::Request, "CANARY ");
    driver.feed(Side::Request, secret);
    check_clean(driver);
  }
}

TEST_CASE("http1: what is no secret stays", "[proto][http1][secrets]") {
  Driver driver(true);
  driver.request(
      "GET /path/42?q HTTP/1.1\r\nConnection: close\r\nX: y\r\n"
      "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
      "X-Request-Id: r\r\nExpect: e\r\nTE: t\r\nKeep-Alive: k\r\nTrailer: T\r\n\r\n");
  CHECK(driver.masked(Side::Request) ==
        "GET /path/42?x HTTP/1.1\r\nConnection: close\r\nX: x\r\n"
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        "X-Request-Id: r\r\nExpect: e\r\nTE: t\r\nKeep-Alive: k\r\nTrailer: T\r\n\r\n");
  driver.response(
      "HTTP/1.1 200 Reason\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n"
      "Server: s\r\n\r\n3;n=v\r\nabc\r\n0\r\nT: v\r\n\r\n");
  CHECK(driver.masked(Side::Response) ==
        "HTTP/1.1 200 Reason\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n"
        "Server: x\r\n\r\n3;n=x\r\nxxx\r\n0\r\nT: x\r\n\r\n");
}

TEST_CASE("http1: what a recording keeps replays to the same messages", "[proto][http1][secrets]") {
  const auto check_replay = [](const std::vector<Turn>& turns, const std::vector<Side>& closes) {
    for (const std::size_t piece : {std::size_t{1'000'000}, std::size_t{37}, std::size_t{1}}) {
      Driver recorded(true);
      Driver replayed(true);
      for (const auto& [side, bytes] : turns) {
        recorded.turn(side);
        replayed.turn(side);
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
          const std::size_t before = recorded.masked(side).size();
          recorded.feed(side, std::string_view(bytes).substr(at, piece));
          replayed.feed(side, recorded.masked(side).substr(before));
        }
      }
      for (const Side side : closes) {
        recorded.finish(side);
        replayed.finish(side);
      }
      CHECK(replayed.log() == recorded.log());
      for (const Side side : {Side::Request, Side::Response}) {
        CHECK(replayed.masked(side) == recorded.masked(side));
      }
    }
  };
  for (const Golden& golden : goldens()) {
    INFO(golden.name);
    check_replay(golden.turns, golden.closes);
  }
  check_replay(canary_turns(), {Side::Response});
  check_replay({response("HTTP/1.1 408 R\r\ntraceparent: 00-4bf9\n\t\nServer: s\r\n\r\n")}, {});
  // found by the fuzzer: what is masked may not change what is an error, nor where
  for (const std::string_view bytes :
       {"GET gth: 1\r\n\r\n", "CONNECT /1.1\r\nHost: a\r\n\r\n", "CONNECT a@b@c:1 HTTP/1.1\r\n\r\n",
        "GET http://user:pw@@:@0/a HTTP/1.1\r\n\r\n", "peg\rrde: h2c\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length            :2\r\n\r\nok",
        "PUT / HTTP/1.1\r\nTransfer-Encoding: "
        "chunked\r\n\r\nA;ext=DE\"\r\n0123456789\r\n0\r\n\r\n"}) {
    INFO(bytes);
    check_replay({request(std::string(bytes)), response("HTTP/1.1 204 n\r\n\r\n"),
                  request("GET -b HTTP/1.1\r\n\r\n"), request("GET /a HTTP/1.1\r\n\r\n")},
                 {});
  }
}
