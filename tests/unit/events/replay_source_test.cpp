// Ticks, stops and odd records in replays.
#include "events/replay_source.h"

#include "capture_support.h"

#include <catch2/catch.hpp>

#include <limits>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

using Lines = std::vector<std::string>;

// A recording of one-byte events at these stamps, without ticks.
std::string recording_at(const std::vector<Ns>& stamps, Ns tick_interval_ns = 0) {
  const TempDir dir;
  {
    auto writer =
        CaptureWriter::create(dir.file("r.twcap"), {.tick_interval_ns = tick_interval_ns}).value();
    EventBuilder b;
    for (const Ns at : stamps)
      b.in(1, at, "x");
    for (const auto record : b.records())
      writer->add(record);
    writer->finish().value();
  }
  return read_file(dir.file("r.twcap"));
}

}  // namespace

TEST_CASE("replay: recorded ticks come where they were", "[events][replay]") {
  const Replay back = replay_bytes(sample_recording());
  CHECK(back.diary.marks() ==
        Lines{"side 5000 losses {\"ring_full\":0}", "tick 5000", "tick 10000"});
  // asking for the interval that was recorded is no other interval
  CHECK(replay_bytes(sample_recording(), {.tick_interval_ns = 5'000}).diary.lines ==
        back.diary.lines);
}

TEST_CASE("replay: another interval makes its own ticks, side records stay", "[events][replay]") {
  const Replay back =
      replay_bytes(sample_recording(), {.tick_interval_ns = 2'000, .begin_ns = 500});
  // events at 1000, 2000, 3000 | side | 6000, 7000
  CHECK(back.diary.marks() ==
        Lines{"tick 2500", "side 5000 losses {\"ring_full\":0}", "tick 4500", "tick 6500"});
}

TEST_CASE("replay: recordings without ticks get one a second", "[events][replay]") {
  const Ns s = kNsPerSec;
  const Replay back = replay_bytes(recording_at({5 * s, 5 * s + 1, 6 * s, 9 * s + 5, 9 * s}));
  CHECK(back.diary.marks() ==
        Lines{"tick 6000000000", "tick 7000000000", "tick 8000000000", "tick 9000000000"});
  CHECK(back.diary.lines[2] == "tick 6000000000");  // at the end of its second: before the event
}

TEST_CASE("replay: absurd stamps do not make it count for years", "[events][replay]") {
  const Ns max = std::numeric_limits<Ns>::max();
  const std::string file = recording_at({1, max / 2, max - 1, max, max, 5});
  CHECK(replay_bytes(file).diary.lines.size() < 20);
  CHECK(replay_bytes(file, {.tick_interval_ns = 1}).diary.lines.size() < 20);
  std::vector<Ns> steps;
  for (Ns i = 0; i < 100; ++i)
    steps.push_back(i * 500'000);
  const Replay many = replay_bytes(recording_at(steps), {.tick_interval_ns = 1});
  CHECK(many.diary.lines.size() < 1'100'000);
  CHECK(many.stats.events == 100);
}

TEST_CASE("replay: unknown and malformed records are counted and passed over", "[events][replay]") {
  const TempDir dir;
  EventBuilder b;
  b.in(1, 1, "a").in(1, 2, "b").in(1, 3, "c");
  std::vector<std::vector<std::byte>> records;
  for (const auto record : b.records())
    records.emplace_back(record.begin(), record.end());
  reinterpret_cast<tw_ev_hdr*>(records[0].data())->type = 999;
  reinterpret_cast<tw_ev_data*>(records[1].data())->captured_bytes = 4000;
  {
    auto writer = CaptureWriter::create(dir.file("r.twcap"), {}).value();
    for (const auto& record : records)
      writer->add(record);
  }
  const Replay back = replay_file(dir.file("r.twcap"));
  CHECK(back.error.empty());
  CHECK(back.stats.unknown == 1);
  CHECK(back.stats.malformed == 1);
  CHECK(back.stats.events == 1);
  CHECK(back.diary.lines.back().back() == 'c');
}

TEST_CASE("replay: a request to stop is heard between blocks and is no error", "[events][replay]") {
  const TempDir dir;
  {
    auto writer = CaptureWriter::create(dir.file("r.twcap"), {.tick_interval_ns = 5'000}).value();
    write_sample(*writer);
  }
  struct Stopper : Diary {
    std::stop_source source;
    void on_tick(Ns now_ns) override {
      Diary::on_tick(now_ns);
      source.request_stop();
    }
  } stopper;
  auto source = ReplaySource::open(dir.file("r.twcap")).value();
  CHECK(source.run(stopper, stopper.source.get_token()));
  CHECK(stopper.marks() == Lines{"side 5000 losses {\"ring_full\":0}", "tick 5000"});
  CHECK_FALSE(source.reader().progress().complete);
}

TEST_CASE("replay: a file that is no recording fails before anything runs", "[events][replay]") {
  CHECK_FALSE(ReplaySource::open("/dev/null"));
  CHECK_FALSE(ReplaySource::open("/nonexistent"));
}

TEST_CASE("replay: stats can be asked for while it runs", "[events][replay]") {
  struct Asker : Diary {
    const EventSource* source = nullptr;
    std::uint64_t seen = 0;
    void on_event(const EventView&) override { seen = source->stats().events; }
  } asker;
  ReplaySource source(CaptureReader::from_fd(memory_file(sample_recording()), "test").value(), {});
  asker.source = &source;
  CHECK(source.run(asker, {}));
  CHECK(asker.seen == 5);
}
