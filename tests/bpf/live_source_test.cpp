// The event loop over a real ring: ticks, stopping, descriptors of the application, the end.
#include "bpf/live_source.h"

#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

struct CountingHandler : EventHandler {
  void on_event(const EventView& event) override {
    if (std::holds_alternative<DataView>(event)) ++data;
    if (on_data) on_data();
  }
  void on_tick(Ns now_ns) override {
    ticks.push_back(now_ns);
    if (on_each_tick) on_each_tick();
  }
  std::uint64_t data = 0;
  std::vector<Ns> ticks;
  std::function<void()> on_data;
  std::function<void()> on_each_tick;
};

// A target that sends bytes to itself, each by a call of its own.
Body sender(int count) {
  return [count](Side& side) {
    const auto pair = socket_pair();
    side.wait();
    for (int i = 0; i < count; ++i) {
      send_all(pair.first, "x");
      recv_exactly(pair.second, 1);
    }
    side.wait();
  };
}

LiveSourceConfig fast_ticks() {
  LiveSourceConfig config;
  config.interval_ns = 20'000'000;
  return config;
}

}  // namespace

TEST_CASE("live: events come with their ticks until a stop is requested", "[live]") {
  Scene scene(usable_modes().front(), sender(100));
  auto source = LiveSource::create(scene.tracer(), fast_ticks()).value();
  CountingHandler handler;
  handler.on_each_tick = [&] {
    if (handler.ticks.size() == 10) source->request_stop();
  };
  REQUIRE(source->run(handler, {}));
  CHECK(handler.data == 200);
  REQUIRE(handler.ticks.size() == 10);
  for (std::size_t i = 1; i < handler.ticks.size(); ++i) {
    CHECK(handler.ticks[i] > handler.ticks[i - 1]);
  }
  const Ns span = handler.ticks.back() - handler.ticks.front();
  CHECK(span >= 9 * 20'000'000ULL - 15'000'000);
  CHECK(source->stats().events >= 200);
  CHECK(source->stats().malformed == 0);
  CHECK(source->stats().unknown == 0);
}

TEST_CASE("live: a stop token ends it from another thread", "[live]") {
  Scene scene(usable_modes().front(), sender(1));
  LiveSourceConfig slow;
  slow.interval_ns = 3600 * kNsPerSec;  // were the stop not heard, the test would not end
  auto source = LiveSource::create(scene.tracer(), slow).value();
  CountingHandler handler;
  const Ns begin = mono_now();
  std::stop_source stop;
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  REQUIRE(source->run(handler, stop.get_token()));
  CHECK(mono_now() - begin >= 50'000'000);
  CHECK(handler.ticks.empty());
}

TEST_CASE("live: what the ring still holds at the end is given", "[live]") {
  Scene scene(usable_modes().front(), sender(5000));
  scene.await();  // all is sent, nothing is read yet
  auto source = LiveSource::create(scene.tracer(), {}).value();
  CountingHandler handler;
  source->request_stop();
  REQUIRE(source->run(handler, {}));
  CHECK(handler.data == 10000);
}

TEST_CASE("live: descriptors of the application are watched until removed", "[live]") {
  Scene scene(usable_modes().front(), sender(1));
  auto source = LiveSource::create(scene.tracer(), {}).value();
  const int signal = eventfd(2, EFD_SEMAPHORE);
  REQUIRE(signal >= 0);
  int calls = 0;
  REQUIRE(source->add_fd(signal, [&] {
    ++calls;
    source->remove_fd(signal);  // it stays readable: were it watched, the loop would spin
  }));
  const int end = eventfd(0, 0);
  REQUIRE(source->add_fd(end, [&] { source->request_stop(); }));
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const std::uint64_t one = 1;
    CHECK(write(end, &one, sizeof(one)) == sizeof(one));
  });
  CountingHandler handler;
  REQUIRE(source->run(handler, {}));
  CHECK(calls == 1);
  CHECK_FALSE(source->add_fd(-1, [] {}));
  close(signal);
  close(end);
}

TEST_CASE("live: an exception of the handler comes out of run", "[live]") {
  Scene scene(usable_modes().front(), sender(10));
  scene.await();  // all is sent
  auto source = LiveSource::create(scene.tracer(), {}).value();
  CountingHandler handler;
  handler.on_data = [] { throw std::runtime_error("full disk"); };
  CHECK_THROWS_AS(source->run(handler, {}), std::runtime_error);
  handler.on_data = nullptr;
  source->request_stop();
  REQUIRE(source->run(handler, {}));  // the rest is still there
  CHECK(handler.data >= 18);
}

TEST_CASE("live: a ring that overflows counts what it drops", "[live]") {
  SceneOptions options;
  options.config.ring_size_bytes = 64U << 10;
  options.config.ring_wake_bytes = 16U << 10;
  constexpr int kCalls = 2000;
  Scene scene(usable_modes().front(), sender(kCalls), options);
  scene.await();
  auto source = LiveSource::create(scene.tracer(), {}).value();
  CountingHandler handler;
  source->request_stop();
  REQUIRE(source->run(handler, {}));
  const LossCounters losses = scene.tracer().read_counters().value();
  CHECK(losses[TW_CNT_RING_FULL] > 0);
  CHECK(handler.data > 0);
  CHECK(handler.data + losses[TW_CNT_RING_FULL] >= 2 * kCalls);
}

TEST_CASE("live: an idle source costs next to nothing", "[live]") {
  Scene scene(usable_modes().front(), sender(1));
  auto source = LiveSource::create(scene.tracer(), {}).value();
  CountingHandler handler;
  std::stop_source stop;
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    stop.request_stop();
  });
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_THREAD, &before);
  REQUIRE(source->run(handler, stop.get_token()));
  getrusage(RUSAGE_THREAD, &after);
  CHECK(after.ru_nvcsw - before.ru_nvcsw < 50);  // 10 looks and a tick a second
}
