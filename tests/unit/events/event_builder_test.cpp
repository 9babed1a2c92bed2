// The builder that other tests rely on: it must split calls as the kernel side does.
#include "support/event_builder.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using tailwhy::test::EventBuilder;

namespace {

std::vector<DataView> data_of(const EventBuilder& b) {
  std::vector<DataView> all;
  for (const auto record : b.records()) {
    const Decoded event = decode(record);
    REQUIRE(event);
    if (const auto* data = std::get_if<DataView>(&*event)) all.push_back(*data);
  }
  return all;
}

}  // namespace

TEST_CASE("event builder: a short call is one record, offsets follow", "[events][builder]") {
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER).in(1, 10, "abc").in(1, 20, "de").out(1, 30, "f").in(1, 40, "g");
  const auto data = data_of(b);
  REQUIRE(data.size() == 4);
  CHECK(data[0]->offset_bytes == 0);
  CHECK(data[1]->offset_bytes == 3);
  CHECK(data[2]->offset_bytes == 0);
  CHECK(data[3]->offset_bytes == 5);
  CHECK(data[0]->flags == 0);
  CHECK(b.offset(1, TW_DIR_IN) == 6);
}

TEST_CASE("event builder: a long call is split into flagged pieces", "[events][builder]") {
  std::string bytes;
  for (int i = 0; i < 20000; ++i)
    bytes += static_cast<char>('a' + i % 26);
  EventBuilder b;
  b.in(1, 10, bytes, {.arrived_ns = 5});
  const auto data = data_of(b);
  REQUIRE(data.size() == TW_PIECES_MAX);
  std::string joined;
  for (std::size_t i = 0; i < data.size(); ++i) {
    CHECK(((data[i]->flags & TW_DATA_MORE) != 0) == (i + 1 < data.size()));
    CHECK(((data[i]->flags & TW_DATA_CONT) != 0) == (i > 0));
    CHECK(data[i]->piece_off_bytes == i * TW_PAYLOAD_MAX);
    CHECK(data[i]->len_bytes == bytes.size());
    CHECK(data[i]->arrived_ns == 5);
    joined.append(reinterpret_cast<const char*>(data[i].payload.data()), data[i].payload.size());
  }
  CHECK(joined == bytes.substr(0, joined.size()));
  CHECK(data.front().tail().empty());
  CHECK(data.back().missing_bytes() == bytes.size() - joined.size());
  const auto tail = data.back().tail();
  CHECK(std::string(reinterpret_cast<const char*>(tail.data()), tail.size()) ==
        bytes.substr(bytes.size() - 8));
}

TEST_CASE("event builder: unreadable calls and losses move the stream", "[events][builder]") {
  EventBuilder b;
  b.unreadable(1, TW_DIR_OUT, 10, 1000).lose(1, TW_DIR_OUT, 24).out(1, 20, "x");
  const auto data = data_of(b);
  REQUIRE(data.size() == 2);
  CHECK(data[0]->flags == TW_DATA_UNREADABLE);
  CHECK(data[0].missing_bytes() == 1000);
  CHECK(data[0].tail().empty());
  CHECK(data[1]->offset_bytes == 1024);
}

TEST_CASE("event builder: feed hands every record to the handler", "[events][builder]") {
  struct Counter : EventHandler {
    int events = 0;
    Ns last_ns = 0;
    void on_event(const EventView& event) override {
      ++events;
      last_ns = header_of(event).ts_ns;
    }
    void on_tick(Ns) override {}
  } counter;
  EventBuilder b;
  b.open(1, TW_ROLE_CLIENT, {.unix_path = "/run/x.sock"}).out(1, 5, "q").in(1, 9, "a").close(1, 12);
  b.feed(counter);
  CHECK(counter.events == 4);
  CHECK(counter.last_ns == 12);
  CHECK(b.last_ns() == 12);
}
