// What the kernel side tells of the time that threads are not on a CPU: from when to when, in which
// call, and for what.
#include "bpf/off_cpu.h"

#include "bpf/scene.h"
#include "bpf/shared.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <sched.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

// The calling thread keeps to one CPU for as long as this lives, and others may keep off it.
class OtherCpu {
 public:
  OtherCpu() {
    must(sched_getaffinity(0, sizeof(all_), &all_) == 0, "read the CPUs");
    const int own = sched_getcpu();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(own, &one);
    rest_ = all_;
    if (CPU_COUNT(&all_) > 1) CPU_CLR(own, &rest_);
    must(sched_setaffinity(0, sizeof(one), &one) == 0, "stay on a CPU");
  }
  ~OtherCpu() { sched_setaffinity(0, sizeof(all_), &all_); }
  OtherCpu(const OtherCpu&) = delete;
  OtherCpu& operator=(const OtherCpu&) = delete;
  void leave_it() const {
    must(sched_setaffinity(0, sizeof(rest_), &rest_) == 0, "leave that CPU");
  }

 private:
  cpu_set_t all_{};
  cpu_set_t rest_{};
};

}  // namespace

TEST_CASE("off_cpu: a sleep has its call and its length", "[off_cpu]") {
  Shared<Ns> before;
  Scene scene(first_mode(), [&](Side& side) {
    side.wait();
    *before = mono_now();
    const timespec time{0, 20'000'000};
    syscall(SYS_nanosleep, &time, nullptr);
  });
  const Trace trace = scene.finish();
  const auto offs = of_thread(trace, scene.pid());
  check_chain(offs);
  const tw_ev_off_cpu off = longest_sleep(offs, SYS_nanosleep, *before);
  CHECK(off.woken_ns - off.off_ns >= (estimated(off) ? 19'000'000 : 20'000'000));
  CHECK((off.flags & ~TW_OFF_ESTIMATED) == 0);
  CHECK(off.file == TW_FILE_NONE);
  CHECK(off.object == 0);
  CHECK(off.waker_tid == 0);
  CHECK(off.pid == scene.pid());
  trace.check_no_loss();
}

TEST_CASE("off_cpu: a thread's records leave no holes over hundreds of switches", "[off_cpu]") {
  constexpr int kRounds = 400;
  Shared<std::uint32_t> other;
  Scene scene(first_mode(), [&](Side& side) {
    side.wait();
    int ping[2];
    int pong[2];
    must(pipe(ping) == 0 && pipe(pong) == 0, "pipe");
    const auto turns = [](int from, int to) {
      char byte = 'x';
      for (int i = 0; i < kRounds; ++i) {
        must(read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1, "a turn");
      }
    };
    std::thread thread([&] {
      *other = thread_id();
      turns(ping[0], pong[1]);
    });
    must(write(pong[1], "x", 1) == 1, "the first turn");
    turns(pong[0], ping[1]);
    thread.join();
  });
  const Trace trace = scene.finish();
  for (const std::uint32_t tid : {scene.pid(), *other}) {
    const auto offs = of_thread(trace, tid);
    CHECK(offs.size() > kRounds / 2);
    check_chain(offs);
  }
  trace.check_no_loss();
}

TEST_CASE("off_cpu: records and accounts of a thread are the same time", "[off_cpu]") {
  Shared<std::uint32_t> tid;
  Scene scene(first_mode(), [&](Side& side) {
    side.wait();
    std::thread([&] {
      *tid = thread_id();
      for (int i = 0; i < 100; ++i) {
        usleep(100);
        sched_yield();
      }
    }).join();
  });
  const Trace trace = scene.finish();
  const auto offs = of_thread(trace, *tid);
  check_chain(offs);
  const auto ended = std::find_if(trace.exits.begin(), trace.exits.end(),
                                  [&](const tw_ev_task_exit& exit) { return exit.tid == *tid; });
  REQUIRE(ended != trace.exits.end());
  REQUIRE(offs.size() >= 100);
  REQUIRE((offs[0].flags & TW_OFF_NEW) != 0);
  tw_task_account sums{};
  for (const tw_ev_off_cpu& off : offs) {
    if ((off.flags & TW_OFF_NEW) == 0) sums.on_cpu_ns += off.off_ns - off.on_ns;
    sums.sleep_ns += off.woken_ns - off.off_ns;
    sums.run_queue_ns += off.hdr.ts_ns - off.woken_ns;
  }
  sums.on_cpu_ns += ended->hdr.ts_ns - offs.back().hdr.ts_ns;
  CHECK(ended->account.on_cpu_ns == sums.on_cpu_ns);
  CHECK(ended->account.sleep_ns == sums.sleep_ns);
  CHECK(ended->account.run_queue_ns == sums.run_queue_ns);
  CHECK(sums.on_cpu_ns + sums.sleep_ns + sums.run_queue_ns == ended->hdr.ts_ns - offs[0].off_ns);
  trace.check_no_loss();
}

TEST_CASE("off_cpu: a socket call is told with its connection", "[off_cpu]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const Listener listener = listen_tcp();
    Shared<Ns> before;
    Scene scene(mode, [&](Side& side) {
      side.wait();
      const int fd = accept_one(listener.fd);
      recv_exactly(fd, 4);
      *before = mono_now();
      send_all(fd, recv_exactly(fd, 4));
      close(fd);
    });
    const int peer = connect_tcp(listener.port);
    send_all(peer, "ping");
    while (*before == 0)
      usleep(1000);
    await_state(scene.pid(), scene.pid(), 'S');
    send_all(peer, "ping");
    recv_exactly(peer, 4);
    const Trace trace = scene.finish();
    close(peer);
    close(listener.fd);
    const auto offs = of_thread(trace, scene.pid());
    check_chain(offs);
    const tw_ev_off_cpu off = longest_sleep(offs, SYS_recvfrom, *before);
    CHECK(off.file == TW_FILE_SOCKET);
    CHECK(off.object == trace.only().id);
    CHECK(off.waker_tid == 0);
    // what was read came after the sleep, and before the thread's next
    REQUIRE(trace.only().in.size() == 2);
    CHECK(trace.only().in[1].ts_ns >= off.hdr.ts_ns);
    trace.check_no_loss();
  }
}

TEST_CASE("off_cpu: a stopped process says so", "[off_cpu]") {
  Scene scene(first_mode(), [](Side& side) {
    side.wait();
    side.wait();
  });
  scene.await();
  kill(static_cast<pid_t>(scene.pid()), SIGSTOP);
  await_state(scene.pid(), scene.pid(), 'T');
  usleep(20000);
  kill(static_cast<pid_t>(scene.pid()), SIGCONT);
  scene.go();
  const Trace trace = scene.finish();
  const auto offs = of_thread(trace, scene.pid());
  check_chain(offs);
  const auto stopped = std::find_if(offs.begin(), offs.end(), [](const tw_ev_off_cpu& off) {
    return (off.flags & TW_OFF_STOPPED) != 0;
  });
  REQUIRE(stopped != offs.end());
  CHECK(stopped->woken_ns - stopped->off_ns >= 19'000'000);
  trace.check_no_loss();
}

TEST_CASE("off_cpu: two threads on one CPU wait for each other", "[off_cpu]") {
  constexpr Ns kLong = 400'000'000;
  struct Burner {
    std::uint32_t tid;
    Ns begin;
    Ns end;
    Ns delay;  // what the kernel says that it waited meanwhile
  };
  Shared<Burner[2]> burners;
  Scene scene(first_mode(), [&](Side& side) {
    side.wait();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    must(sched_setaffinity(0, sizeof(one), &one) == 0, "pin to a CPU");  // and what it makes
    std::atomic<int> running = 0;
    const auto delay = [] {
      unsigned long long waited = 0;
      FILE* file = std::fopen("/proc/thread-self/schedstat", "re");
      must(file != nullptr && std::fscanf(file, "%*u %llu", &waited) == 1, "read schedstat");
      std::fclose(file);
      return static_cast<Ns>(waited);
    };
    const auto burn = [&](Burner& burner) {
      burner.tid = thread_id();
      ++running;
      while (running < 2) {
      }
      burner.delay = delay();
      burner.begin = mono_now();
      while (mono_now() - burner.begin < kLong) {
      }
      burner.end = mono_now();
      burner.delay = delay() - burner.delay;
    };
    std::thread other([&] { burn((*burners)[1]); });
    burn((*burners)[0]);
    other.join();
  });
  const Trace trace = scene.finish();
  for (const Burner& burner : *burners) {
    const auto offs = of_thread(trace, burner.tid);
    check_chain(offs);
    Ns waited = 0;
    Ns ran = 0;
    Ns slept = 0;
    Ns first = 0;
    Ns last = 0;
    int preempted = 0;
    for (const tw_ev_off_cpu& off : offs) {
      if (off.on_ns < burner.begin || off.hdr.ts_ns > burner.end) continue;
      if (first == 0) first = off.on_ns;
      last = off.hdr.ts_ns;
      ran += off.off_ns - off.on_ns;
      slept += off.woken_ns - off.off_ns;
      waited += off.hdr.ts_ns - off.woken_ns;
      if ((off.flags & TW_OFF_PREEMPTED) == 0) continue;
      ++preempted;
      CHECK(off.woken_ns == off.off_ns);
      CHECK(off.nr == TW_NO_CALL);
      CHECK(off.waker_tid == 0);
    }
    REQUIRE(preempted > 3);
    CHECK(ran + slept + waited == last - first);
    INFO("waited " << waited << " of " << last - first << ", of which " << burner.delay
                   << " by schedstat");
    // half of the time; more where others want that CPU too, which the kernel's own sum knows
    CHECK(waited > (last - first) / 2 * 8 / 10);
    CHECK(waited > burner.delay * 8 / 10);
    CHECK(waited < burner.delay * 12 / 10);
  }
  trace.check_no_loss();
}

TEST_CASE("off_cpu: a record that the ring had no room for is sent before the next socket call",
          "[off_cpu]") {
  struct Flags {
    int full;
    int drained;
  };
  SceneOptions options;
  options.config.ring_size_bytes = 64U << 10;
  options.config.ring_wake_bytes = 16U << 10;
  bool found = false;
  // Whoever is preempted between the two has lost it: so it goes before all others, and who drains
  // the ring stays off its CPU.
  const OtherCpu elsewhere;
  for (int attempt = 0; attempt < 20 && !found; ++attempt) {
    Shared<Flags> flags;
    const auto pair = socket_pair();
    Scene scene(
        first_mode(),
        [&](Side& side) {
          elsewhere.leave_it();
          const sched_param first{.sched_priority = 1};
          must(sched_setscheduler(0, SCHED_FIFO, &first) == 0, "go before others");
          side.wait();
          timespec shortly{0, 20'000};  // a shorter one is over before it sleeps
          for (int i = 0; i < 2000; ++i)
            clock_nanosleep(CLOCK_MONOTONIC, 0, &shortly, nullptr);
          timespec long_enough{0, 5'000'000};
          clock_nanosleep(CLOCK_MONOTONIC, 0, &long_enough, nullptr);
          std::atomic_ref(flags->full).store(1);
          while (std::atomic_ref(flags->drained).load() == 0) {
          }
          send_all(pair.first, "hello");
        },
        options);
    while (std::atomic_ref(flags->full).load() == 0)
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    scene.drain();
    std::atomic_ref(flags->drained).store(1);
    const Trace trace = scene.finish();
    REQUIRE(trace.losses[TW_CNT_RING_FULL] > 0);
    for (const tw_ev_off_cpu& off : of_thread(trace, scene.pid()))
      found = found || (off.nr == SYS_clock_nanosleep && off.woken_ns - off.off_ns >= 5'000'000);
    close(pair.first);
    close(pair.second);
  }
  CHECK(found);
}
