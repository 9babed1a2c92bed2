// A recording made once, by the first version of the format. It must be readable for ever: a
// failure here means that recordings of users have become unreadable. Do not make the file anew; a
// changed format gets a second one.
#include "capture_support.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

// What was recorded into data/v1.twcap.
Diary expected() {
  EventBuilder before;
  before.open(0x1001, TW_ROLE_SERVER, {.at_ns = 1'000'000, .established_ns = 999'000})
      .open(0x1002, TW_ROLE_CLIENT, {.at_ns = 1'100'000, .unix_path = "/run/db.sock"})
      .in(0x1001, 2'000'000, "GET /cart HTTP/1.1\r\nHost: x\r\n\r\n",
          {.arrived_ns = 1'900'000, .accepted_ns = 1'950'000, .flags = TW_DATA_ACCEPT_SEEN})
      .out(0x1001, 3'000'000,
           "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + std::string(9000, 'b'))
      .unreadable(0x1001, TW_DIR_OUT, 4'000'000, 65'536)
      .arrival(0x1001, 4'500'000, 31);
  EventBuilder after;
  after.shut(0x1001, TW_DIR_IN, 1'001'000'000)
      .retransmit(0x1001, 1'002'000'000, 3)
      .io_error(0x1001, TW_DIR_OUT, 1'003'000'000, 104)
      .close(0x1001, 1'004'000'000, {.flags = TW_CLOSE_RST_IN, .retransmits = 3, .error = 104})
      .fork(1'005'000'000, 100, 101, "worker")
      .exec(1'006'000'000, 101, "sh")
      .exit(1'007'000'000, 101, 101, 256,
            {.on_cpu_ns = 5, .run_queue_ns = 6, .sleep_ns = 7, .voluntary_switches = 8});
  Diary diary;
  before.feed(diary);
  diary.on_side({1'000'000'000, "losses", R"({"ring_full":2})"});
  diary.on_tick(1'000'000'000);
  after.feed(diary);
  diary.on_tick(2'000'000'000);
  return diary;
}

}  // namespace

TEST_CASE("golden recording: format 1.0 is read field for field", "[events][capture]") {
  const Replay back = replay_file(TW_EVENTS_DATA "/v1.twcap");
  CHECK(back.error.empty());
  CHECK(back.header_json == R"({"target":"golden"})");
  CHECK(back.diary.lines == expected().lines);
  CHECK(back.stats.unknown == 0);
  CHECK(back.stats.malformed == 0);
  CHECK(back.progress.complete);
}

TEST_CASE("golden recording: it can be told from any other file", "[events][capture]") {
  const std::string file = read_file(TW_EVENTS_DATA "/v1.twcap");
  REQUIRE(file.size() > 32);
  CHECK(file.substr(0, 12) == std::string("\x89TWCAP\r\n\x01\0\0\0", 12));
}
