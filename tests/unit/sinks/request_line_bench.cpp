// What a line of the log costs. Not run by default: `tw_test_sinks [.bench]` in a release build.
#include "sinks/request_line.h"

#include "base/clock.h"
#include "sinks/json_log_sink.h"
#include "unit/sinks/sample.h"
#include "unit/stats/requests.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <ctime>

using namespace tailwhy;

namespace {

// Other load on the machine must not count.
Ns thread_cpu_now() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<Ns>(now.tv_sec) * kNsPerSec + static_cast<Ns>(now.tv_nsec);
}

}  // namespace

TEST_CASE("bench: a line of the log", "[.bench]") {
  constexpr int kLines = 400'000;
  Request request = test::http_request("/api/v1/items/{id}", 5'000'000'000, 123'456);
  request.trace.valid = true;
  request.request_id = RequestId("0123456789abcdef");
  fmt::memory_buffer out;
  Ns begin = thread_cpu_now();
  std::size_t bytes = 0;
  for (int i = 0; i < kLines; ++i) {
    out.clear();
    request.at.write_last += 20'000;
    begin_request_line(out, request, "all", {1'788'000'000'000'000'000, 1}, false);
    end_request_line(out, 1);
    bytes += out.size();
  }
  std::printf("format: %llu ns a line of %zu bytes\n",
              static_cast<unsigned long long>((thread_cpu_now() - begin) / kLines), bytes / kLines);

  for (const bool all : {true, false}) {
    auto sink = JsonLogSink::create({.path = "/dev/null", .all = all, .slow_ns = 0});
    REQUIRE(sink);
    (*sink)->on_start(test::sample_run());
    begin = thread_cpu_now();
    for (int i = 0; i < kLines; ++i) {
      request.at.write_last += 20'000;  // 50,000 requests a second of recorded time
      (*sink)->on_request(request);
    }
    const Ns spent = thread_cpu_now() - begin;
    CHECK((*sink)->on_end(test::sample_report()));
    std::printf("%s: %llu ns a request, %llu lines dropped\n", all ? "all" : "sampled",
                static_cast<unsigned long long>(spent / kLines),
                static_cast<unsigned long long>((*sink)->dropped()));
  }
}

TEST_CASE("bench: 50,000 lines a second into a file", "[.bench]") {
  auto sink = JsonLogSink::create({.path = "/tmp/tailwhy-bench.jsonl", .all = true});
  REQUIRE(sink);
  (*sink)->on_start(test::sample_run());
  Request request = test::http_request("/api/v1/items/{id}", 5'000'000'000, 123'456);
  constexpr int kPerMs = 50, kSeconds = 5;
  const Ns begin = mono_now();
  for (int ms = 0; ms < kSeconds * 1000; ++ms) {
    for (int i = 0; i < kPerMs; ++i)
      (*sink)->on_request(request);
    while (mono_now() < begin + static_cast<Ns>(ms + 1) * 1'000'000) {
    }
  }
  CHECK((*sink)->on_end(test::sample_report()));
  std::remove("/tmp/tailwhy-bench.jsonl");
  std::printf("%d lines in %d s, %llu dropped\n", kPerMs * 1000 * kSeconds, kSeconds,
              static_cast<unsigned long long>((*sink)->dropped()));
  CHECK((*sink)->dropped() == 0);
}
