// Stacks of a request's threads: kept for a while, and given to the request that they belong to.
#include "flow/stack_samples.h"

#include "flow_fixture.h"

#include <catch2/catch.hpp>

#include <sys/syscall.h>

#include <map>
#include <utility>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::uint64_t kConn = 7;
constexpr std::uint64_t kOther = 8;

tw_ev_stack stack_of(std::uint32_t tid, Ns at, std::int32_t place) {
  tw_ev_stack stack{};
  stack.hdr.ts_ns = at;
  stack.tid = tid;
  stack.user_stack = place;
  return stack;
}

std::vector<int> places(StackSamples& samples, std::uint32_t tid, Ns from) {
  std::vector<int> found;
  samples.for_each_since(tid, from, [&](const StackSample& sample) {
    found.push_back(sample.stack.user_stack);
    return true;
  });
  return found;
}

// Gathers what the requests' stacks say, as whoever looks at slow requests does.
class SlowFlow final : public EventHandler, public FlowListener {
 public:
  SlowFlow() {
    table.want_budgets(true);
    table.want_stacks(true);
  }
  void feed(EventBuilder& b) { b.feed(*this); }
  void on_event(const EventView& event) override {
    std::visit(
        [this]<class Event>(const Event& e) {
          if constexpr (std::is_same_v<Event, DataView> || std::is_same_v<Event, DatagramView>) {
            table.on_event(e);
          } else if constexpr (requires { table.on_event(*e); }) {
            table.on_event(*e);
          }
        },
        event);
  }
  void on_tick(Ns) override {}
  void on_request_begin(Role) override {}
  void on_request(const Request& request) override {
    auto& found = by_conn[request.conn_id];
    table.for_each_stack(request, [&](const StackSample& sample, Part part, Ns ns) {
      found[{sample.stack.user_stack, part}] += ns;
    });
  }
  void on_conn_start(ConnStart) override {}
  void on_conn_end(const ConnEnd&) override {}
  void on_retransmit() override {}
  void on_socket_error(int) override {}
  void on_bytes(std::uint64_t, std::uint64_t) override {}

  using Found = std::map<std::pair<int, Part>, Ns>;
  std::map<std::uint64_t, Found> by_conn;
  ConnTable table{{}, *this};
};

constexpr std::uint16_t kFutex = SYS_futex;
constexpr std::uint16_t kFsync = SYS_fsync;
constexpr std::uint16_t kEpoll = SYS_epoll_wait;

OffOptions sleep_in(std::uint16_t nr, Ns on, Ns off, Ns woken, std::uint8_t flags = 0) {
  OffOptions options;
  options.on_ns = on;
  options.off_ns = off;
  options.woken_ns = woken;
  options.nr = nr;
  options.flags = flags;
  return options;
}

}  // namespace

TEST_CASE("stack samples: each thread has its own, latest first", "[stacks]") {
  StackSamples samples;
  samples.add(stack_of(1, 100, 10));
  samples.add(stack_of(2, 150, 20));
  samples.add(stack_of(1, 200, 11));
  CHECK(places(samples, 1, 0) == std::vector<int>{11, 10});
  CHECK(places(samples, 2, 0) == std::vector<int>{20});
  CHECK(places(samples, 3, 0).empty());
}

TEST_CASE("stack samples: a sleep has an end once it is over", "[stacks]") {
  StackSamples samples;
  samples.add(stack_of(1, 100, 10));
  samples.end_sleep(1, 100, 180, Part::Lock);
  samples.add(stack_of(1, 200, 11));
  samples.end_sleep(1, 150, 190, Part::Disk);  // of no sample
  std::vector<std::pair<bool, Ns>> found;
  samples.for_each_since(1, 0, [&](const StackSample& sample) {
    found.emplace_back(sample.over, sample.end);
    return true;
  });
  CHECK(found == std::vector<std::pair<bool, Ns>>{{false, 200}, {true, 180}});
  CHECK(places(samples, 1, 180) == std::vector<int>{11});  // what ended before is not told
}

TEST_CASE("stack samples: what is too old makes room, and whoever asks is told", "[stacks]") {
  StackSamples samples(8);
  for (int i = 0; i < 20; ++i)
    samples.add(stack_of(1, 100 + static_cast<Ns>(i), i));
  CHECK(places(samples, 1, 0) == std::vector<int>{19, 18, 17, 16, 15, 14, 13, 12});
  const auto all = [](const StackSample&) { return true; };
  CHECK_FALSE(samples.for_each_since(1, 0, all));
  samples.add(stack_of(2, 300, 1));
  CHECK(samples.for_each_since(2, 0, all));
  for (std::uint32_t tid = 10; tid < 100; ++tid)
    samples.add(stack_of(tid, 400 + tid, 0));
  CHECK(places(samples, 1, 0).empty());  // its thread is forgotten with them
}

TEST_CASE("stacks: a request has the sleeps of its thread, cut to its time", "[stacks]") {
  SlowFlow flow;
  EventBuilder b;
  b.open(kConn, TW_ROLE_SERVER, {.at_ns = 1, .established_ns = 1});
  b.stack(100, 400, 1).off_cpu(100, 900, sleep_in(kEpoll, 300, 400, 900));
  b.in(kConn, 1000, kGet, {.arrived_ns = 950, .tid = 100});
  b.stack(100, 1200, 2).off_cpu(100, 1700, sleep_in(kFutex, 900, 1200, 1600, TW_OFF_CONTENDED));
  b.stack(100, 1800, 3, 5000);
  b.out(kConn, 2000, kOk, {.tid = 100});
  b.stack(100, 2100, 4).off_cpu(100, 2900, sleep_in(kFsync, 1700, 2100, 2900));
  b.in(kConn, 3000, kGet, {.arrived_ns = 2950, .tid = 100}).out(kConn, 3100, kOk, {.tid = 100});
  b.feed(flow);
  // the last request was quick: nothing in between
  CHECK(flow.by_conn[kConn] == SlowFlow::Found{{{2, Part::Lock}, 400}, {{3, Part::OnCpu}, 5000}});
}

TEST_CASE("stacks: what the thread did for others meanwhile is not the request's", "[stacks]") {
  SlowFlow flow;
  EventBuilder b;
  b.open(kConn, TW_ROLE_SERVER, {.at_ns = 1, .established_ns = 1});
  b.open(kOther, TW_ROLE_SERVER, {.at_ns = 1, .established_ns = 1});
  b.off_cpu(100, 900, sleep_in(kEpoll, 300, 400, 900));
  b.in(kConn, 1000, kGet, {.arrived_ns = 950, .tid = 100});
  b.in(kOther, 1100, kGet, {.arrived_ns = 950, .tid = 100});
  b.stack(100, 1200, 2).off_cpu(100, 1700, sleep_in(kFsync, 900, 1200, 1600));
  b.out(kOther, 1900, kOk, {.tid = 100});
  b.out(kConn, 2000, kOk, {.tid = 100});
  b.feed(flow);
  CHECK(flow.by_conn[kOther] == SlowFlow::Found{{{2, Part::Disk}, 400}});
  CHECK(flow.by_conn[kConn] == SlowFlow::Found{{{2, Part::OtherRequests}, 400}});
}

TEST_CASE("stacks: a request that a pool works for has the stacks of the pool's thread",
          "[stacks]") {
  SlowFlow flow;
  EventBuilder b;
  b.open(kConn, TW_ROLE_SERVER, {.at_ns = 1, .established_ns = 1});
  b.off_cpu(100, 900, sleep_in(kEpoll, 300, 400, 900));
  b.in(kConn, 1000, kGet, {.arrived_ns = 950, .tid = 100});
  // thread 100 wakes the pool's 200, and waits for it
  OffOptions idle = sleep_in(kFutex, 50, 60, 1100);
  idle.waker_tid = 100;
  b.off_cpu(200, 1150, idle);
  b.stack(100, 1200, 1);
  b.stack(200, 1300, 2).off_cpu(200, 1800, sleep_in(kFsync, 1150, 1300, 1800));
  OffOptions wait = sleep_in(kFutex, 900, 1200, 1900);
  wait.waker_tid = 200;
  b.off_cpu(100, 1950, wait);
  b.out(kConn, 2000, kOk, {.tid = 100});
  b.feed(flow);
  // not that the first thread waited for the second, which is no place where time is lost
  CHECK(flow.by_conn[kConn] == SlowFlow::Found{{{2, Part::Disk}, 500}});
}

TEST_CASE("stacks: nobody keeps them who did not ask", "[stacks]") {
  SlowFlow flow;
  flow.table.want_stacks(false);
  EventBuilder b;
  b.open(kConn, TW_ROLE_SERVER, {.at_ns = 1, .established_ns = 1});
  b.off_cpu(100, 900, sleep_in(kEpoll, 300, 400, 900));
  b.in(kConn, 1000, kGet, {.arrived_ns = 950, .tid = 100});
  b.stack(100, 1200, 2).off_cpu(100, 1700, sleep_in(kFsync, 900, 1200, 1600));
  b.out(kConn, 2000, kOk, {.tid = 100});
  b.feed(flow);
  CHECK(flow.by_conn[kConn].empty());
}
