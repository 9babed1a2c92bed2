// HTTP/1: bytes that were not captured, places that were lost and how they are found again, and
// connections that were met in the middle.
#include "http1_goldens.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::string_view kAsk = "GET /a HTTP/1.1\r\n\r\n";
constexpr std::string_view kReply = "HTTP/1.1 204 n\r\n\r\n";
constexpr std::string_view kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::uint64_t kTera = std::uint64_t{1} << 40;

// The next exchange works as if nothing had been.
void check_next_exchange(Driver& driver) {
  const auto request_at = driver.offset(Side::Request);
  const auto response_at = driver.offset(Side::Response);
  driver.take();
  driver.request(kAsk).response(kReply);
  CHECK(driver.take() ==
        Lines{fmt::format("request begin {}", request_at), "request head GET /a 1.1",
              fmt::format("request end {} framing", request_at + kAsk.size()),
              fmt::format("response begin {}", response_at), "response head 204",
              fmt::format("response end {} framing", response_at + kReply.size())});
}

}  // namespace

TEST_CASE("http1: a skip inside a body of known length loses nothing", "[proto][http1][skip]") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n";
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{5}}) {
    Driver driver;
    driver.request(kAsk).response(head).feed(Side::Response, std::string(first, 'b'));
    driver.take();
    driver.skip(Side::Response, 1000).skip(Side::Response, kTera - first - 1001);
    CHECK(driver.log().empty());
    driver.skip(Side::Response, 1);
    CHECK(driver.take() == Lines{fmt::format("response end {} framing", head.size() + kTera)});
    check_next_exchange(driver);
  }
}

TEST_CASE("http1: a skip over the end of a body knows that end and loses what follows",
          "[proto][http1][skip]") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
  Driver driver;
  driver.request(kAsk).response(head).take();
  driver.skip(Side::Response, 150);
  CHECK(driver.take() == Lines{fmt::format("response end {} framing", head.size() + 100),
                               fmt::format("response lost {}", head.size() + 100)});
  check_next_exchange(driver);
}

TEST_CASE("http1: the tail of a skip is read when its place is known", "[proto][http1][skip]") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
  Driver driver;
  driver.request(std::string(kAsk) + std::string(kAsk)).response(head).take();
  driver.skip(Side::Response, 100 + kReply.size(), std::string("b").append(kReply));
  CHECK(driver.take() ==
        Lines{fmt::format("response end {} framing", head.size() + 100),
              fmt::format("response begin {}", head.size() + 100), "response head 204",
              fmt::format("response end {} framing", head.size() + 100 + kReply.size())});
}

TEST_CASE("http1: a tail longer than its skip is cut", "[proto][http1][skip]") {
  Driver driver;
  driver.request("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n").take();
  driver.skip(Side::Request, 3, "xxxGET /phantom HTTP/1.1\r\n\r\nend");
  CHECK(driver.take() == Lines{"request end 42 framing"});
}

TEST_CASE("http1: a skip of a close-delimited body changes nothing", "[proto][http1][skip]") {
  Driver driver;
  driver.request(kAsk).response("HTTP/1.1 200 OK\r\n\r\n").take();
  driver.skip(Side::Response, kTera, "\r\n0\r\n\r\n").finish(Side::Response);
  CHECK(driver.take() == Lines{fmt::format("response end {} close", 19 + kTera)});
}

TEST_CASE("http1: a skip inside a chunk loses nothing", "[proto][http1][skip]") {
  for (std::uint64_t before = 0; before <= 1000; before += 100) {
    Driver driver;
    driver.request(kAsk).response(kChunkedHead).feed(Side::Response, "3E8\r\n").take();
    driver.feed(Side::Response, std::string(before, 'd')).skip(Side::Response, 1000 - before);
    driver.feed(Side::Response, "\r\n5\r\nhello\r\n0\r\n\r\n");
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} framing", driver.offset(Side::Response))});
    check_next_exchange(driver);
  }
}

TEST_CASE("http1: a skip that ends inside a chunk's tail is exact", "[proto][http1][skip]") {
  // what the kernel sends of one write of head, chunk and last chunk: its start and its last bytes
  Driver driver;
  driver.request(kAsk).response(std::string(kChunkedHead).append("2710\r\n").append(500, 'd'));
  driver.take();
  driver.skip(Side::Response, 9500 + 7, "d\r\n0\r\n\r\n");
  CHECK(driver.take() ==
        Lines{fmt::format("response end {} framing", driver.offset(Side::Response))});
  check_next_exchange(driver);
}

TEST_CASE("http1: a skip over chunk framing waits for a last chunk", "[proto][http1][skip]") {
  const auto in_gap = [](Driver& driver) {
    driver.request(kAsk).response(kChunkedHead).feed(Side::Response, "5\r\nhe").take();
  };
  SECTION("at the end of the tail") {
    Driver driver;
    in_gap(driver);
    driver.skip(Side::Response, 5000, "d\r\n0\r\n\r\n");
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} last_chunk", driver.offset(Side::Response))});
    check_next_exchange(driver);
  }
  SECTION("as the whole of a short tail") {
    Driver driver;
    in_gap(driver);
    driver.skip(Side::Response, 5000, "0\r\n\r\n");
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} last_chunk", driver.offset(Side::Response))});
    check_next_exchange(driver);
  }
  SECTION("as a write of its own") {
    Driver driver;
    in_gap(driver);
    driver.skip(Side::Response, 5000, "ddddd\r\n").feed(Side::Response, "0\r\n\r\n");
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} last_chunk", driver.offset(Side::Response))});
    check_next_exchange(driver);
  }
  SECTION("byte by byte") {
    Driver driver;
    in_gap(driver);
    driver.skip(Side::Response, 5000).skip(Side::Response, 100);
    for (const char c : std::string("..\r\n..0\r\n\r\n\r\n0\r\n\r\r\n0\r\n\r\n")) {
      CHECK(driver.log().empty());
      driver.feed(Side::Response, {&c, 1});
    }
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} last_chunk", driver.offset(Side::Response))});
    check_next_exchange(driver);
  }
  SECTION("not in the middle of what was captured") {
    Driver driver;
    in_gap(driver);
    driver.skip(Side::Response, 5000, "\r\n0\r\n\r\nd");
    driver.feed(Side::Response, "d\r\n0\r\n\r\nd").feed(Side::Response, "00\r\n\r\n");
    driver.feed(Side::Response, "\r\n0\r\n").skip(Side::Response, 3);
    CHECK(driver.log().empty());
    driver.feed(Side::Response, "\r\n0\r\n\r\n");
    CHECK(driver.take().size() == 1);
  }
  SECTION("or the end of the connection") {
    Driver driver;
    in_gap(driver);
    driver.skip(Side::Response, 5000, "trailer").finish(Side::Response);
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} close", driver.offset(Side::Response))});
  }
  SECTION("or the next response") {
    Driver driver;
    in_gap(driver);
    driver.skip(Side::Response, 5000, "Trailer: x\r\n\r\n");
    const auto end = driver.offset(Side::Response);
    driver.request(kAsk).take();
    driver.response(kReply);
    CHECK(driver.take() == Lines{fmt::format("response end {} direction_reversal", end),
                                 fmt::format("response begin {}", end), "response head 204",
                                 fmt::format("response end {} framing", end + kReply.size())});
    check_next_exchange(driver);
  }
}

TEST_CASE("http1: a gap in an upload ends with the next request", "[proto][http1][skip]") {
  Driver driver;
  driver.request("POST /u HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n").take();
  driver.skip(Side::Request, 100'000, "12345678");
  const auto end = driver.offset(Side::Request);
  driver.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").take();
  driver.request(kAsk);
  CHECK(driver.take() == Lines{fmt::format("request end {} direction_reversal", end),
                               fmt::format("request begin {}", end), "request head GET /a 1.1",
                               fmt::format("request end {} framing", end + kAsk.size())});
}

TEST_CASE("http1: turns within an upload do not disturb it", "[proto][http1][skip]") {
  Driver driver;
  driver.request("POST /u HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n").take();
  driver.skip(Side::Request, 100'000, "12345678");
  driver.response("HTTP/1.1 100 Continue\r\n\r\n").request("more data\r\n").request("\r\n");
  driver.request("0\r\n\r\n");
  CHECK(driver.take() ==
        Lines{fmt::format("request end {} last_chunk", driver.offset(Side::Request))});
}

TEST_CASE("http1: a skip inside a head tells what was known", "[proto][http1][skip]") {
  SECTION("request, in its first line") {
    Driver driver;
    driver.request("HEAD /a/long").skip(Side::Request, 5000, "r: x\r\n\r\n");
    CHECK(driver.take() == Lines{"request begin 0", "request lost 12"});
    driver.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    check_next_exchange(driver);
  }
  SECTION("request, in its headers") {
    Driver driver;
    driver.request("HEAD /a/42 HTTP/1.1\r\nX-Request-Id: r1\r\nCookie: abc")
        .skip(Side::Request, 5000);
    CHECK(driver.take() ==
          Lines{"request begin 0", "request head HEAD /a/{id} 1.1 id r1", "request lost 50"});
    driver.response("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    CHECK(driver.take() ==
          Lines{"response begin 0", "response head 200", "response end 38 framing"});
    check_next_exchange(driver);
  }
  SECTION("response, before its status") {
    Driver driver;
    driver.request(kAsk).take();
    driver.response("HTTP/1.1 20").skip(Side::Response, 500);
    CHECK(driver.take() == Lines{"response lost 11"});
    check_next_exchange(driver);
  }
  SECTION("response, after its status") {
    Driver driver;
    driver.request(kAsk).take();
    driver.response("HTTP/1.1 503 Down\r\nServer: ").skip(Side::Response, 500);
    CHECK(driver.take() ==
          Lines{"response begin 0", "response head 503 error", "response lost 27"});
    check_next_exchange(driver);
  }
  SECTION("interim response") {
    Driver driver;
    driver.request(kAsk).take();
    driver.response("HTTP/1.1 103 Early\r\nLink: ").skip(Side::Response, 500);
    CHECK(driver.take() == Lines{"response lost 26"});
    check_next_exchange(driver);
  }
}

TEST_CASE("http1: a skip between messages is a loss", "[proto][http1][skip]") {
  Driver driver;
  driver.request(kAsk).response(kReply).take();
  driver.turn(Side::Request).skip(Side::Request, 100);
  CHECK(driver.take() == Lines{fmt::format("request lost {}", kAsk.size())});
  driver.turn(Side::Response).skip(Side::Response, 100);
  CHECK(driver.take() == Lines{fmt::format("response lost {}", kReply.size())});
  check_next_exchange(driver);
}

TEST_CASE("http1: a skip of nothing is nothing", "[proto][http1][skip]") {
  Driver driver;
  driver.skip(Side::Request, 0).skip(Side::Response, 0).feed(Side::Request, "");
  CHECK(driver.log().empty());
  check_next_exchange(driver);
}

TEST_CASE("http1: any part of a conversation may be missing", "[proto][http1][skip]") {
  // Wherever the gap is, one exchange later all is as if it had not been.
  for (const Golden& golden : goldens()) {
    const std::string& last = golden.expected.back();
    if (last.starts_with("tunnel") || last.starts_with("switch") || !golden.closes.empty())
      continue;
    for (std::size_t which = 0; which < golden.turns.size(); ++which) {
      const std::string& cut_bytes = golden.turns[which].bytes;
      for (std::size_t from = 0; from < cut_bytes.size(); ++from) {
        for (const std::size_t size : {std::size_t{1}, std::size_t{9}, cut_bytes.size() - from}) {
          if (from + size > cut_bytes.size()) continue;
          Driver driver;
          for (std::size_t i = 0; i < golden.turns.size(); ++i) {
            const auto& [side, bytes] = golden.turns[i];
            const std::string_view text(bytes);
            driver.turn(side);
            if (i != which) {
              driver.feed(side, text);
            } else {
              driver.feed(side, text.substr(0, from));
              driver.skip(side, size).feed(side, text.substr(from + size));
            }
          }
          INFO(golden.name << ": turn " << which << " without " << size << " bytes at " << from);
          driver.request(kAsk).response(kReply);  // may end what the gap left open
          check_next_exchange(driver);
        }
      }
    }
  }
}

TEST_CASE("http1: a connection met in the middle counts from the next turn", "[proto][http1]") {
  const std::string ask = "POST /first HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789";
  const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
  for (std::size_t at = 1; at <= ask.size(); ++at) {  // attached within the request
    Driver driver;
    driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
    driver.feed(Side::Request, std::string_view(ask).substr(at));
    CHECK(driver.log().empty());
    driver.response(reply);
    CHECK(driver.take() ==
          Lines{"response begin 0", "response head 200", "response end 49 framing"});
    check_next_exchange(driver);
  }
  for (std::size_t at = 1; at <= reply.size(); ++at) {  // attached within the response
    Driver driver;
    driver.unsynchronised(Side::Request).unsynchronised(Side::Response);
    driver.feed(Side::Response, std::string_view(reply).substr(at));
    CHECK(driver.log().empty());
    check_next_exchange(driver);
  }
}

TEST_CASE("http1: a lost side finds a beginning whose first bytes come one by one",
          "[proto][http1]") {
  for (std::size_t cut = 1; cut < kAsk.size(); ++cut) {
    Driver driver;
    driver.unsynchronised(Side::Request).turn(Side::Request);
    driver.feed(Side::Request, kAsk.substr(0, cut)).feed(Side::Request, kAsk.substr(cut));
    CHECK(driver.take() == Lines{"request begin 0", "request head GET /a 1.1",
                                 fmt::format("request end {} framing", kAsk.size())});
  }
  Driver driver;
  driver.unsynchronised(Side::Response).turn(Side::Response);
  for (const char c : kReply)
    driver.feed(Side::Response, {&c, 1});
  CHECK(driver.take() == Lines{"response begin 0", "response head 204",
                               fmt::format("response end {} framing", kReply.size())});
}

TEST_CASE("http1: whether a turn is a beginning does not depend on how it comes",
          "[proto][http1]") {
  for (const std::string_view text :
       {"PURGE /a HTTP/1.1\r\n\r\n", "FOO /a\x01\x02 nothing",
        "\r\n\r\nVERSION-CONTROL /a HTTP/1.1\r\n\r\n",
        "THIS-IS-A-METHOD-TOO-LONG-TO-BE-ONE /a HTTP/1.1\r\n\r\n", "get /a HTTP/1.1\r\n\r\n",
        "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / "
        "HTTP/1.1\r\n\r\n"}) {
    INFO(text);
    Driver whole;
    whole.unsynchronised(Side::Request).turn(Side::Request).feed(Side::Request, text);
    const Lines expected = whole.take();
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      Driver pieces;
      pieces.unsynchronised(Side::Request).turn(Side::Request);
      pieces.feed(Side::Request, text.substr(0, cut)).feed(Side::Request, text.substr(cut));
      CHECK(pieces.take() == expected);
    }
    Driver bytewise;
    bytewise.unsynchronised(Side::Request).turn(Side::Request);
    for (const char& c : text)
      bytewise.feed(Side::Request, {&c, 1});
    CHECK(bytewise.take() == expected);
  }
}

TEST_CASE("http1: what only begins like a beginning is none", "[proto][http1]") {
  for (const std::string_view almost :
       {"G", "GET", "GET ", "\r\n\r\n", "GETTING ON", "HTTP/1.1 200"}) {
    Driver driver;
    driver.unsynchronised(Side::Request).turn(Side::Request).feed(Side::Request, almost);
    driver.feed(Side::Request, "\x01\x02").feed(Side::Request, kAsk);
    CHECK(driver.log().empty());
    check_next_exchange(driver);
  }
  for (const std::string_view almost :
       {"H", "HTTP/1.", "HTTP/1.1", "HTTP/2 200", "GET / HTTP/1.1"}) {
    Driver driver;
    driver.unsynchronised(Side::Response).turn(Side::Response).feed(Side::Response, almost);
    driver.skip(Side::Response, 3).feed(Side::Response, kReply);
    CHECK(driver.log().empty());
    check_next_exchange(driver);
  }
}

TEST_CASE("http1: bytes that waited are not lost to a gap's last chunk", "[proto][http1]") {
  Driver driver;
  driver.request("POST /u HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n").take();
  driver.skip(Side::Request, 100'000);
  driver.response("HTTP/1.1 100 Continue\r\n\r\n");
  driver.request("\r\n").feed(Side::Request, "0\r\n\r\n");  // an empty line may precede a request
  CHECK(driver.take() ==
        Lines{fmt::format("request end {} last_chunk", driver.offset(Side::Request))});
}

TEST_CASE("http1: a response that may be to HEAD has a body only if one comes", "[proto][http1]") {
  for (const std::string_view head :
       {std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), kChunkedHead,
        std::string_view("HTTP/1.1 200 OK\r\n\r\n")}) {
    Driver driver;
    driver.unsynchronised(Side::Request).feed(Side::Request, "the end of a request");
    driver.response(head).take();
    const auto end = driver.offset(Side::Response);
    driver.request(kAsk).take();
    driver.response(kReply);
    CHECK(driver.take() == Lines{fmt::format("response end {} direction_reversal", end),
                                 fmt::format("response begin {}", end), "response head 204",
                                 fmt::format("response end {} framing", end + kReply.size())});
  }
}

TEST_CASE("http1: a body that looks like a response is a body", "[proto][http1]") {
  Driver driver;
  driver.request("GET /log HTTP/1.1\r\n\r\n")
      .response("HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n");
  driver.take();
  driver.response(kReply);
  CHECK(driver.take() == Lines{"response end 57 framing"});
}

TEST_CASE("http1: after the end of a side nothing more is read", "[proto][http1]") {
  Driver driver;
  driver.finish(Side::Request).finish(Side::Response);
  driver.request(kAsk).response(kReply).skip(Side::Request, 10).finish(Side::Request);
  CHECK(driver.log().empty());
}

TEST_CASE("http1: a message cut off by the end of its side has no end", "[proto][http1]") {
  Driver driver;
  driver.request("GET /half HTTP/1.1\r\nHo").finish(Side::Request);
  CHECK(driver.take() == Lines{"request begin 0"});
  driver.response("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").finish(Side::Response);
  CHECK(driver.take() == Lines{"response begin 0", "response head 200"});
}

TEST_CASE("http1: bytes that waited for more are over with a skip or the end", "[proto][http1]") {
  for (const bool skip : {true, false}) {
    Driver driver;
    driver.unsynchronised(Side::Response).turn(Side::Response).feed(Side::Response, "HTT");
    skip ? driver.skip(Side::Response, 5) : driver.finish(Side::Response);
    driver.feed(Side::Response, "P/1.1 204 n\r\n\r\n");
    CHECK(driver.log().empty());
  }
}

TEST_CASE("http1: a response that comes in pieces ends a gap where it begins", "[proto][http1]") {
  Driver driver;
  driver.request(kAsk).response(kChunkedHead).feed(Side::Response, "5\r\nhe").take();
  driver.skip(Side::Response, 5000).request(kAsk).take();
  const auto end = driver.offset(Side::Response);
  driver.response("HT").feed(Side::Response, "TP/1.1 204 n\r\n\r\n");
  CHECK(driver.take() == Lines{fmt::format("response end {} direction_reversal", end),
                               fmt::format("response begin {}", end), "response head 204",
                               fmt::format("response end {} framing", end + kReply.size())});
}

TEST_CASE("http1: a response that has a body is no response to HEAD", "[proto][http1]") {
  Driver driver;
  driver.unsynchronised(Side::Request).feed(Side::Request, "the end of a request");
  driver.response("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nb").take();
  driver.response(kReply);
  CHECK(driver.take() == Lines{"response end 58 framing"});
}

TEST_CASE("http1: after lost responses the next one answers the last request", "[proto][http1]") {
  Driver driver;
  driver.request(std::string(kAsk) + std::string(kAsk)).response("garbage");
  driver.request("HEAD /h HTTP/1.1\r\n\r\n").take();
  driver.response("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
  CHECK(driver.take().back() == "response end 47 framing");
  check_next_exchange(driver);
}

TEST_CASE("http1: a CONNECT that got lost opens no tunnel later", "[proto][http1]") {
  Driver driver;
  driver.request("CONNECT a:443 HTTP/1.1\r\nX: ").skip(Side::Request, 100);
  driver.turn(Side::Response).skip(Side::Response, 100);
  driver.request(kAsk).take();
  driver.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(driver.take().back() == "response end 140 framing");
  check_next_exchange(driver);
}

TEST_CASE("http1: a CONNECT that is not the last request opens no tunnel", "[proto][http1]") {
  Driver driver;
  driver.request("CONNECT a:443 HTTP/1.1\r\nX: ").skip(Side::Request, 100);
  driver.response("HTTP/1.1 103 Early\r\n\r\n").request(kAsk).take();
  const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  driver.response(reply + reply);
  CHECK(driver.take().back() == "response end 102 framing");
  check_next_exchange(driver);
}

TEST_CASE("http1: a skip within a chunk's size or the trailers is not one of data",
          "[proto][http1][skip]") {
  for (const std::string_view before :
       {"5", "5\r\nhello\r\n4", "5\r\nhello\r\n0\r\nContent-Length: 9\r\n"}) {
    Driver driver;
    driver.request(kAsk).response(kChunkedHead).feed(Side::Response, before).take();
    driver.skip(Side::Response, 3).feed(Side::Response, "\r\nhello\r\n0\r\n\r\n");
    CHECK(driver.take() ==
          Lines{fmt::format("response end {} last_chunk", driver.offset(Side::Response))});
    check_next_exchange(driver);
  }
}
