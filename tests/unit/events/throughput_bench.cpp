// What events cost to decode, record and replay, in CPU time. Hidden: it judges nothing. Run it by
// name, in a release build:  tw_test_events "[bench]"
#include "capture_support.h"

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <time.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

// CPU time, of this thread or of all: the machine may be busy with other things.
double cpu_seconds(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Keep-alive requests on some connections, headers as browsers send them, bodies of 600 bytes that
// compress about as well as text.
EventBuilder traffic(int requests) {
  EventBuilder b;
  const std::string head =
      " HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench/1.0 (x86_64)\r\n"
      "Accept: text/html,application/xhtml+xml\r\nCookie: session=";
  for (std::uint64_t conn = 1; conn <= 64; ++conn)
    b.open(conn, TW_ROLE_SERVER, {.at_ns = conn});
  std::uint64_t state = 1;
  std::string body(600, ' ');
  for (int i = 0; i < requests; ++i) {
    const auto conn = static_cast<std::uint64_t>(i % 64 + 1);
    const Ns at = 1'000'000 + static_cast<Ns>(i) * 20'000;
    for (std::size_t j = 0; j < body.size(); ++j) {
      if (j % 4 == 0) state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      body[j] = "etaoin shrdlu<>/=etaoin e t a oe"[(state >> (32 + 5 * (j % 4))) % 32];
    }
    const std::string request =
        "GET /item/" + std::to_string(state % 10'000) + head + std::to_string(state) + "\r\n\r\n";
    b.in(conn, at, request, {.arrived_ns = at - 5'000});
    b.out(conn, at + 9'000, "HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n" + body);
  }
  return b;
}

struct Counter final : EventHandler {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  void on_event(const EventView& event) override {
    ++events;
    bytes += header_of(event).size_bytes;
  }
  void on_tick(Ns) override {}
};

template <class Run>
double best_of(int rounds, Run run) {
  double best = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const double begin = cpu_seconds();
    run();
    best = std::min(best, cpu_seconds() - begin);
  }
  return best;
}

}  // namespace

TEST_CASE("bench: decode, with and without the handler's virtual call", "[.][bench]") {
  const EventBuilder b = traffic(2'000);
  const auto records = b.records();
  constexpr int kRounds = 500;
  const double events = static_cast<double>(records.size()) * kRounds;
  std::uint64_t bytes = 0;
  const double direct = best_of(5, [&] {
    for (int round = 0; round < kRounds; ++round) {
      for (const auto record : records) {
        if (const Decoded event = decode(record)) bytes += header_of(*event).size_bytes;
      }
    }
  });
  Counter counter;
  EventHandler* handler = &counter;
  asm volatile("" : "+r"(handler));  // its type must stay unknown to the compiler
  const double called = best_of(5, [&] {
    for (int round = 0; round < kRounds; ++round) {
      for (const auto record : records) {
        if (const Decoded event = decode(record)) handler->on_event(*event);
      }
    }
  });
  CHECK(counter.bytes == bytes);
  std::printf("decode                  %6.1f ns/event\n", direct / events * 1e9);
  std::printf("decode + virtual call   %6.1f ns/event\n", called / events * 1e9);
}

namespace {

struct Recorded {
  CaptureStats stats;
  double adding = 0;   // CPU seconds of the thread that calls add()
  double writing = 0;  // of the writer's thread
};

Recorded record(const EventBuilder& b, const std::string& path, int level) {
  const auto records = b.records();
  Recorded result;
  const double thread_before = cpu_seconds();
  const double process_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  auto writer = CaptureWriter::create(path, {.compression_level = level}).value();
  for (std::size_t i = 0; i < records.size(); i += 1'000) {
    const double batch = cpu_seconds();
    for (std::size_t j = i; j < std::min(records.size(), i + 1'000); ++j)
      writer->add(records[j]);
    result.adding += cpu_seconds() - batch;
    // no faster than the writer can: the cost of drops is not what we ask
    const auto behind = [&] {
      const CaptureStats now = writer->stats();
      return now.blocks + 16 < now.event_bytes / (256U << 10U);
    };
    while (behind())
      std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  writer->finish().value();
  result.stats = writer->stats();
  result.writing =
      cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - process_before - (cpu_seconds() - thread_before);
  return result;
}

}  // namespace

TEST_CASE("bench: record and replay", "[.][bench]") {
  const EventBuilder b = traffic(100'000);
  const TempDir dir;
  const std::string path = dir.file("b.twcap");
  for (const int level : {1, 2, 3}) {
    Recorded best = record(b, path, level);
    for (int i = 0; i < 2; ++i) {
      const Recorded again = record(b, path, level);
      best.adding = std::min(best.adding, again.adding);
      best.writing = std::min(best.writing, again.writing);
    }
    REQUIRE(best.stats.dropped_events == 0);
    const auto events = static_cast<double>(best.stats.events);
    const auto bytes = static_cast<double>(best.stats.event_bytes);
    std::printf(
        "level %d: add() %3.0f ns/event of %.0f bytes; writer %4.0f MB/s of one core, file "
        "%.0f %%\n",
        level, best.adding / events * 1e9, bytes / events, bytes / best.writing / 1e6,
        static_cast<double>(best.stats.file_bytes) / bytes * 100);
    Counter counter;
    const double replaying = best_of(3, [&] {
      auto source = ReplaySource::open(path).value();
      source.run(counter, {}).value();
    });
    CHECK(counter.events == 3 * best.stats.events);
    std::printf("         replay %.0f MB/s, %.2f M events/s of one core\n", bytes / replaying / 1e6,
                events / replaying / 1e6);
  }
}
