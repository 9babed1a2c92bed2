// What a recording costs, in CPU time: the thread that hands over events, the thread that
// compresses and writes, and the replay; and how small the file is. At each level of compression.
#include "events/capture_writer.h"
#include "events/event_source.h"
#include "events/replay_source.h"
#include "support/event_builder.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <span>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tailwhy;

namespace {

using Records = std::vector<std::span<const std::byte>>;

constexpr int kRequests = 100'000;
constexpr int kRounds = 3;

// Keep-alive requests on some connections, heads as browsers send them, bodies of 600 bytes that
// compress about as well as text: what `record --payload` keeps.
test::EventBuilder traffic() {
  test::EventBuilder b;
  const std::string head =
      " HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench/1.0 (x86_64)\r\n"
      "Accept: text/html,application/xhtml+xml\r\nCookie: session=";
  for (std::uint64_t conn = 1; conn <= 64; ++conn)
    b.open(conn, TW_ROLE_SERVER, {.at_ns = conn});
  std::uint64_t state = 1;
  std::string body(600, ' ');
  for (int i = 0; i < kRequests; ++i) {
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

// Of this thread or of all: the machine may be busy with other things.
double cpu_seconds(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

struct Recorded {
  CaptureStats stats;
  double adding = 0;   // CPU seconds of the thread that calls add()
  double writing = 0;  // of the writer's thread
};

Recorded record(const Records& records, const std::string& path, int level) {
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

struct Counter final : EventHandler {
  std::uint64_t events = 0;
  void on_event(const EventView&) override { ++events; }
  void on_tick(Ns) override {}
};

bool measure(const Records& records, const std::string& path, int level) {
  Recorded best = record(records, path, level);
  double replaying = 1e9;
  Counter counter;
  for (int round = 0; round < kRounds; ++round) {
    const Recorded again = record(records, path, level);
    best.adding = std::min(best.adding, again.adding);
    best.writing = std::min(best.writing, again.writing);
    const double begin = cpu_seconds();
    auto source = ReplaySource::open(path).value();
    source.run(counter, {}).value();
    replaying = std::min(replaying, cpu_seconds() - begin);
  }
  const auto events = static_cast<double>(best.stats.events);
  const auto bytes = static_cast<double>(best.stats.event_bytes);
  fmt::print(
      "level {}: add {:3.0f} ns/event of {:.0f} bytes, writer {:4.0f} MB/s of one core, file "
      "{:4.1f} %, replay {:4.0f} MB/s, {:.1f} M events/s of one core\n",
      level, best.adding / events * 1e9, bytes / events, bytes / best.writing / 1e6,
      static_cast<double>(best.stats.file_bytes) / bytes * 100, bytes / replaying / 1e6,
      events / replaying / 1e6);
  const bool whole =
      best.stats.dropped_events == 0 && counter.events == kRounds * best.stats.events;
  if (!whole) fmt::print(stderr, "not every event was recorded and replayed\n");
  return whole;
}

}  // namespace

int main() {
  const std::string path =
      std::filesystem::temp_directory_path() / fmt::format("tailwhy-bench-{}.twcap", ::getpid());
  bool whole = true;
  const test::EventBuilder events = traffic();
  const Records records = events.records();
  for (const int level : {1, 2, 3})
    whole = measure(records, path, level) && whole;
  std::filesystem::remove(path);
  return whole ? 0 : 1;
}
