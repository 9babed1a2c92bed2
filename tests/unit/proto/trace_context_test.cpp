// traceparent and x-request-id: what is accepted, and that all else is ignored as a whole.
#include "proto/trace_context.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

using namespace tailwhy;

namespace {
constexpr std::string_view kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
}

TEST_CASE("traceparent: ids and flags of a good one", "[proto][trace]") {
  const TraceContext c = parse_traceparent(kGood);
  REQUIRE(c.valid);
  CHECK(c.trace_id[0] == 0x4b);
  CHECK(c.trace_id[15] == 0x36);
  CHECK(c.parent_span_id[0] == 0x00);
  CHECK(c.parent_span_id[1] == 0xf0);
  CHECK(c.parent_span_id[7] == 0xb7);
  CHECK(c.flags == 1);
  CHECK(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff").flags == 0xff);
}

TEST_CASE("traceparent: what is not exactly right is ignored", "[proto][trace]") {
  for (const std::string_view bad : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "FF-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
       }) {
    INFO(bad);
    CHECK_FALSE(parse_traceparent(bad).valid);
  }
}

TEST_CASE("traceparent: any changed byte that is no hex digit makes it invalid", "[proto][trace]") {
  for (std::size_t i = 0; i < kGood.size(); ++i) {
    for (const char c : {'g', 'A', ' ', '\0', '\xff', '/', ':', '`'}) {
      std::string text(kGood);
      text[i] = c;
      INFO(text);
      CHECK_FALSE(parse_traceparent(text).valid);
    }
  }
}

TEST_CASE("traceparent: later versions may be longer", "[proto][trace]") {
  CHECK(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").valid);
  CHECK(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what").valid);
  CHECK_FALSE(
      parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what").valid);
}

TEST_CASE("x-request-id: kept when it is an id, else ignored as a whole", "[proto][trace]") {
  CHECK(parse_request_id("0af7651916cd43dd-8448.eb_21:1c/8+0=").view() ==
        "0af7651916cd43dd-8448.eb_21:1c/8+0=");
  CHECK(parse_request_id(std::string(64, 'x')).size() == 64);
  CHECK(parse_request_id(std::string(65, 'x')).empty());
  CHECK(parse_request_id("").empty());
  for (const std::string_view bad : {"a b", "a\"b", "a\nb", "caf\xc3\xa9", "<x>", "a;b", "a,b"}) {
    CHECK(parse_request_id(bad).empty());
  }
}
