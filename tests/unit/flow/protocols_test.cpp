// What the flow layer does for protocols of any kind, with a made-up one: streams that are answered
// out of order, changes of protocol, wrong guesses, pins, answers that never end.
#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cctype>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

extern const ParserSpec kToy;
extern const ParserSpec kOtherToy;

// Every byte is a message: a letter begins that letter's stream, the capital ends it; a digit is
// the status of the stream that began last. '!' is no byte of this protocol, '>' the last one of
// it, '<' the same where the request that is outstanding is answered as stream `s`; '~' asks to
// wait, '/' for no answer; at '#' the place is lost. Without streams (kOtherToy) all are the same.
class ToyParser final : public Parser {
 public:
  explicit ToyParser(bool streams) : streams_(streams) {}

  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override {
    for (const std::byte byte : bytes) {
      const char c = static_cast<char>(byte);
      if (!read(side, offset++, c, out)) return;
    }
  }
  void skip(Side, std::uint64_t, std::uint64_t, std::span<const std::byte>, ParseOutput&) override {
  }
  void finish(Side, std::uint64_t, ParseOutput&) override {}
  void turn(Side, std::uint64_t, ParseOutput&) override {}
  void start_unsynchronised(Side side) override { unsynchronised[side == Side::Response] = true; }

  static inline std::array<bool, 2> unsynchronised{};

 private:
  using Kind = Message::Kind;

  Message& add(Kind kind, Side side, std::uint64_t offset, ParseOutput& out) const {
    return out.tell(kind, side, offset, stream_);
  }

  bool read(Side side, std::uint64_t at, char c, ParseOutput& out) {
    const bool asks = side == Side::Request;
    const bool letter = std::isalpha(static_cast<unsigned char>(c)) != 0;
    if (letter) stream_ = streams_ ? static_cast<std::uint64_t>(std::tolower(c)) : 0;
    if (c == '!') {
      add(Kind::Mistaken, side, at, out);
      return false;
    }
    if (c == '>' || c == '<') {
      stream_ = c == '<' ? 's' : 0;
      add(Kind::Switch, side, at + 1, out).next = c == '<' ? &kToy : parser_spec("http");
      return false;
    }
    if (c == '#') {
      add(Kind::Lost, side, at, out);
    } else if (c == '~' || c == '/') {
      RequestHead& head = add(Kind::RequestHead, side, at, out).request;
      head.open_ended = c == '~';
      head.one_way = c == '/';
    } else if (letter && std::islower(static_cast<unsigned char>(c)) != 0) {
      add(asks ? Kind::RequestBegin : Kind::ResponseBegin, side, at, out);
      if (asks) add(Kind::RequestHead, side, at, out).request.method.assign({&c, 1});
    } else if (letter) {
      Message& end = add(asks ? Kind::RequestEnd : Kind::ResponseEnd, side, at + 1, out);
      end.size = 7;
      end.end_rule = EndRule::Framing;
    } else {
      ResponseHead& head = add(Kind::ResponseHead, side, at, out).response;
      head.status_text.assign(c == '0' ? "FINE" : "BROKEN");
      head.verdict = c == '0'   ? ResponseHead::Verdict::Ok
                     : c == '4' ? ResponseHead::Verdict::ClientError
                     : c == '?' ? ResponseHead::Verdict::Unknown
                                : ResponseHead::Verdict::ServerError;
    }
    return true;
  }

  bool streams_;
  std::uint64_t stream_ = 0;
};

Confidence never(Side /*side*/, std::span<const std::byte> /*bytes*/) {
  return Confidence::No;
}

const ParserSpec kToy{
    .name = "toy",
    .family = ProtocolFamily::Rpc,
    .detect = never,
    .make = []() -> std::unique_ptr<Parser> { return std::make_unique<ToyParser>(true); },
    .finds_its_place = true};
const ParserSpec kOtherToy{
    .name = "othertoy",
    .family = ProtocolFamily::Database,
    .detect = never,
    .make = []() -> std::unique_ptr<Parser> { return std::make_unique<ToyParser>(false); }};

constexpr std::uint16_t kPort = 80;

FlowConfig pinned(const ParserSpec& spec, std::uint16_t port = kPort) {
  FlowConfig config;
  config.pins = {{port, &spec}};
  return config;
}

std::string methods(const Flow& flow) {
  std::string all;
  for (const Request& request : flow.requests)
    all += request.method.view();
  return all;
}

}  // namespace

TEST_CASE("protocols: streams are answered in any order", "[flow][protocols]") {
  Flow flow(pinned(kToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "aAbBc", {.arrived_ns = 900})
      .out(1, 2000, "b0")
      .out(1, 3000, "a5A")
      .in(1, 4000, "C")
      .out(1, 5000, "B")
      .out(1, 6000, "c4C");
  flow.feed(b);
  CHECK(methods(flow) == "abc");
  REQUIRE(flow.requests.size() == 3);
  const Request &a = flow.requests[0], &second = flow.requests[1], &c = flow.requests[2];
  CHECK(a.duration() == 2100);
  CHECK(a.service() == 2000);
  CHECK(a.failure == Failure::ServerError);
  CHECK(a.status_text.view() == "BROKEN");
  CHECK(a.protocol == "toy");
  CHECK(a.family == ProtocolFamily::Rpc);
  CHECK(a.request_bytes == 7);
  CHECK(a.response_bytes == 7);
  CHECK(second.at.write_first == 2000);
  CHECK(second.at.write_last == 5000);
  CHECK(second.failure == Failure::None);
  CHECK(second.status_known);
  CHECK(second.pipeline_depth == 2);
  CHECK(c.receive() == 3000);
  CHECK(c.client_error);
  CHECK(c.failure == Failure::None);
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("protocols: a later head of a response replaces the first", "[flow][protocols]") {
  Flow flow(pinned(kToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "aAbB").out(1, 2000, "a5a0A").out(1, 3000, "b0b?B");
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].failure == Failure::None);
  CHECK(flow.requests[0].status_text.view() == "FINE");
  CHECK_FALSE(flow.requests[1].status_known);
}

TEST_CASE("protocols: a stream that begins anew leaves the one before unanswered",
          "[flow][protocols]") {
  Flow flow(pinned(kToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "aA").in(1, 1500, "aA").out(1, 2000, "a0A");
  flow.feed(b);
  CHECK(flow.seen == 2);
  CHECK(flow.unmatched == 1);
  CHECK(flow.matched == 1);
  CHECK(flow.requests[1].duration() == 500);
}

TEST_CASE("protocols: streams share the limit of outstanding requests", "[flow][protocols]") {
  FlowConfig config = pinned(kToy);
  config.pending_requests = 3;
  Flow flow(config);
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "aAbBcC").out(1, 1500, "b0B").in(1, 2000, "dD");
  b.in(1, 2500, "eE").out(1, 3000, "a0A");
  flow.feed(b);
  CHECK(flow.table.losses().pending_full == 1);
  CHECK(flow.in_flight() == 0);  // given up, all of them
  CHECK(flow.matched == 1);
}

TEST_CASE("protocols: streams end with their connection", "[flow][protocols]") {
  Flow flow(pinned(kToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "aAbB").out(1, 2000, "b0").shut(1, TW_DIR_OUT, 2500);
  b.close(1, 3000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.matched == 1);
  CHECK(flow.unmatched == 1);
  for (const Request& request : flow.requests)
    CHECK(request.failure == Failure::NoResponse);
}

TEST_CASE("protocols: what the client asked to wait for does not fail when it ends",
          "[flow][protocols]") {
  Flow flow(pinned(kToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "a~A").out(1, 2000, "a0").shut(1, TW_DIR_IN, 2500);
  b.close(1, 3000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].open_ended);
  CHECK(flow.requests[0].failure == Failure::None);
  CHECK(flow.requests[0].end_rule == EndRule::Close);
}

TEST_CASE("protocols: a request that wants no answer does not wait for one that does",
          "[flow][protocols]") {
  Flow flow(pinned(kOtherToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "aAb/Bc/CdDe/").in(1, 1500, "E");
  flow.feed(b);
  CHECK(flow.requests.size() == 3);
  EventBuilder more;
  more.out(1, 2000, "a0A").out(1, 3000, "d0D");
  flow.feed(more);
  REQUIRE(flow.requests.size() == 5);
  CHECK(methods(flow) == "ad");  // of the others nothing is left but that they want no answer
}

TEST_CASE("protocols: a request that wants no answer has ended with its last byte",
          "[flow][protocols]") {
  for (const ParserSpec* spec : {&kToy, &kOtherToy}) {
    Flow flow(pinned(*spec));
    EventBuilder b;
    b.open(1, TW_ROLE_SERVER).in(1, 1000, "a/").in(1, 1500, "A").in(1, 2000, "bB");
    b.out(1, 3000, "b0B");
    flow.feed(b);
    CHECK(flow.matched == 2);
    REQUIRE(flow.requests.size() == 2);
    CHECK(flow.requests[0].failure == Failure::None);
    CHECK(flow.requests[0].at.write_last == 0);
    CHECK_FALSE(flow.requests[0].budget.known);
    CHECK(flow.requests[1].duration() == 1000);
  }
}

TEST_CASE("protocols: a stream whose answer may have been lost is given up in time",
          "[flow][protocols]") {
  Flow flow(pinned(kToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "aAbBcC").out(1, 2000, "a0A#").in(1, 3000, "dD");
  b.out(1, 4000, "c0C");
  flow.feed(b);
  CHECK(flow.matched == 2);
  CHECK(flow.requests.back().incomplete);
  flow.on_tick(9 * kNsPerSec);
  CHECK(flow.in_flight() == 2);
  flow.on_tick(11 * kNsPerSec);
  CHECK(flow.in_flight() == 1);  // the one that came later may still be answered
  CHECK(flow.unmatched == 1);
  CHECK(flow.requests.back().method.view() == "b");
}

TEST_CASE("protocols: a connection changes its protocol", "[flow][protocols]") {
  Flow flow(pinned(kOtherToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "aA")
      .out(1, 2000, "a0A")
      .in(1, 3000, ">" + std::string(kGet))
      .out(1, 4000, kOk);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].protocol == "othertoy");
  CHECK(flow.requests[0].family == ProtocolFamily::Database);
  CHECK(flow.requests[1].protocol == "http");
  CHECK(flow.requests[1].status == 200);
  CHECK(flow.requests[1].duration() == 1000);
}

TEST_CASE("protocols: a request is answered as a stream of the protocol that follows",
          "[flow][protocols]") {
  Flow flow(pinned(kOtherToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, "aA")
      .out(1, 2000, "<")
      .in(1, 2500, "bB")
      .out(1, 3000, "b0Bs0S");
  flow.feed(b);
  CHECK(methods(flow) == "ba");
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[1].duration() == 2000);
  CHECK(flow.requests[1].response_bytes == 7);
  CHECK(flow.in_flight() == 0);
}

TEST_CASE("protocols: a wrong guess is corrected: what it said is forgotten", "[flow][protocols]") {
  Flow flow(pinned(kOtherToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "aAbB!xx").out(1, 2000, "what").in(1, 3000, "aA");
  b.out(1, 4000, "a0A");
  flow.feed(b);
  CHECK(flow.seen == 3);
  CHECK(flow.unmatched == 1);
  REQUIRE(flow.requests.size() == 3);
  const Request &extra = flow.requests[0], &first = flow.requests[1], &next = flow.requests[2];
  CHECK(extra.protocol == "unknown");
  CHECK(extra.outcome == Outcome::Unmatched);
  CHECK(first.protocol == "unknown");
  CHECK(first.family == ProtocolFamily::Unknown);
  CHECK(first.method.empty());
  CHECK(first.incomplete);
  CHECK(first.outcome == Outcome::Matched);
  CHECK(first.duration() == 1000);
  CHECK(next.protocol == "othertoy");  // the pin stands
}

TEST_CASE("protocols: a mistake before any request leaves an unknown exchange",
          "[flow][protocols]") {
  Flow flow(pinned(kToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 1000, "!hello").out(1, 2000, "world").close(1, 3000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 1);
  CHECK(flow.requests[0].protocol == "unknown");
  CHECK(flow.requests[0].request_bytes == 6);
  CHECK(flow.requests[0].response_bytes == 5);
}

TEST_CASE("protocols: after three mistakes nobody guesses any more", "[flow][protocols]") {
  Flow flow(pinned(kToy));
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER);
  for (Ns at = 1000; at < 6000; at += 1000)
    b.in(1, at, at < 4000 ? "!" : at < 5000 ? "aA" : kGet).out(1, at + 500, "0");
  b.close(1, 9000);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 5);
  for (const Request& request : flow.requests)
    CHECK(request.protocol == "unknown");
}

TEST_CASE("protocols: a pin is for its port, of clients and of calls", "[flow][protocols]") {
  for (const std::uint16_t port : {kPort, std::uint16_t{81}}) {
    Flow flow(pinned(kToy, port));
    EventBuilder b;
    b.open(1, TW_ROLE_SERVER).in(1, 1000, "aA").out(1, 2000, "a0A").close(1, 3000);
    flow.feed(b);
    REQUIRE(flow.requests.size() == 1);
    CHECK(flow.requests[0].protocol == (port == kPort ? "toy" : "unknown"));
  }
}

TEST_CASE("protocols: met in the middle, a parser that finds its place is told so",
          "[flow][protocols]") {
  for (const bool existing : {false, true}) {
    ToyParser::unsynchronised = {};
    Flow flow(pinned(kToy));
    EventBuilder b;
    b.open(1, TW_ROLE_SERVER,
           {.flags = static_cast<std::uint8_t>(existing ? int{TW_OPEN_EXISTING} : 0)});
    b.in(1, 1000, "aA").out(1, 2000, "a0A");
    flow.feed(b);
    CHECK(ToyParser::unsynchronised == std::array<bool, 2>{existing, existing});
    CHECK(flow.matched == 1);
  }
}

TEST_CASE(
    "protocols: what was unknown is known later, also where headers come by calls of their own",
    "[flow][protocols]") {
  const std::string header("\x09\0\0\0", 4), statement = "\x03SELECT 1",
                                             strange =
                                                 "\2"
                                                 "database";
  const std::string ok("\7\0\0\1\0\0\0\2\0\0\0", 11);
  Flow flow;
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER)
      .in(1, 1000, header, {.arrived_ns = 900})
      .in(1, 1010, strange)
      .out(1, 1100, ok)
      .in(1, 2000, header, {.arrived_ns = 1900})
      .in(1, 2010, statement)
      .out(1, 2100, ok);
  flow.feed(b);
  REQUIRE(flow.requests.size() == 2);
  CHECK(flow.requests[0].protocol == "unknown");
  CHECK(flow.requests[0].at.read_first == 1000);
  CHECK(flow.requests[0].at.write_last == 1100);
  CHECK(flow.requests[0].request_bytes == 13);
  CHECK(flow.requests[1].protocol == "mysql");
  CHECK(flow.requests[1].method.view() == "SELECT");
  CHECK(flow.requests[1].at.read_first == 2000);
  CHECK(flow.requests[1].at.read_last == 2010);
  CHECK(flow.requests[1].request_bytes == 13);
  CHECK(flow.in_flight() == 0);
}
