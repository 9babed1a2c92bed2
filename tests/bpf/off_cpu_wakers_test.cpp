// Who woke a thread, and what it had waited for: which wake-ups hand work on, and which do not.
#include "bpf/off_cpu.h"
#include "bpf/scene.h"
#include "bpf/shared.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <atomic>
#include <condition_variable>
#include <fcntl.h>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

long futex(std::atomic<std::uint32_t>& word, int op, std::uint32_t value) {
  return syscall(SYS_futex, &word, op, value, nullptr, nullptr, 0);
}

// What two threads of a target did: one sleeps, the other wakes it when it is asleep.
struct Pair {
  std::uint32_t sleeper;
  std::uint32_t waker;
  Ns from;
  std::uint64_t object;
};

using Act = std::function<void()>;

// A new thread does `wait`; when it is asleep this one does `wake`, and `before` it is made.
void sleep_and_wake(Pair& pair, const Act& before, const Act& wait, const Act& wake) {
  std::atomic<bool> ready = false;
  pair.waker = thread_id();
  before();
  std::thread sleeper([&] {
    pair.sleeper = thread_id();
    pair.from = mono_now();
    ready = true;
    wait();
  });
  while (!ready)
    usleep(1000);
  await_state(static_cast<std::uint32_t>(getpid()), pair.sleeper, 'S');
  wake();
  sleeper.join();
}

tw_ev_off_cpu sleep_of(const Trace& trace, const Pair& pair, long nr) {
  const auto offs = of_thread(trace, pair.sleeper);
  check_chain(offs);
  return longest_sleep(offs, nr, pair.from);
}

}  // namespace

TEST_CASE("off_cpu: a futex is told with its address and who woke", "[off_cpu]") {
  Shared<Pair> pair;
  Scene scene(first_mode(), [&](Side& side) {
    side.wait();
    std::atomic<std::uint32_t> word = 0;
    pair->object = reinterpret_cast<std::uint64_t>(&word);
    sleep_and_wake(
        *pair, [] {}, [&] { futex(word, FUTEX_WAIT, 0); },
        [&] {
          word = 1;
          futex(word, FUTEX_WAKE, 1);
        });
  });
  const Trace trace = scene.finish();
  const tw_ev_off_cpu off = sleep_of(trace, *pair, SYS_futex);
  CHECK(off.waker_tid == pair->waker);
  CHECK(off.object == pair->object);
  CHECK((off.flags & ~TW_OFF_ESTIMATED) == 0);
  trace.check_no_loss();
}

TEST_CASE("off_cpu: a mutex is told from a condition variable", "[off_cpu]") {
  for (const bool condition : {false, true}) {
    INFO((condition ? "a condition variable" : "a mutex"));
    Shared<Pair> pair;
    Scene scene(first_mode(), [&](Side& side) {
      side.wait();
      std::mutex mutex;
      std::condition_variable changed;
      bool done = false;
      if (condition) {
        const auto wait = [&] {
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return done; });
        };
        const auto wake = [&] {
          {
            const std::lock_guard lock(mutex);
            done = true;
          }
          changed.notify_one();
        };
        sleep_and_wake(
            *pair, [] {}, wait, wake);
      } else {
        const auto wait = [&] { const std::lock_guard lock(mutex); };
        sleep_and_wake(
            *pair, [&] { mutex.lock(); }, wait, [&] { mutex.unlock(); });
      }
    });
    const Trace trace = scene.finish();
    const tw_ev_off_cpu off = sleep_of(trace, *pair, SYS_futex);
    CHECK(off.waker_tid == pair->waker);
    CHECK(((off.flags & TW_OFF_CONTENDED) != 0) == !condition);
    trace.check_no_loss();
  }
}

TEST_CASE("off_cpu: who reads is woken by who writes, but not through TCP", "[off_cpu]") {
  struct Channel {
    std::string_view name;
    tw_file_kind file;
    bool purpose;
    std::function<std::pair<int, int>()> make;  // the reading end first
  };
  const std::vector<Channel> channels = {
      {"pipe", TW_FILE_PIPE, true,
       [] {
         int ends[2];
         must(pipe(ends) == 0, "pipe");
         return std::pair(ends[0], ends[1]);
       }},
      {"eventfd", TW_FILE_ANON, true,
       [] {
         const int fd = eventfd(0, 0);
         return std::pair(fd, fd);
       }},
      {"socketpair", TW_FILE_SOCKET, true, [] { return socket_pair(); }},
      {"TCP", TW_FILE_SOCKET, false,
       [] {
         const Listener listener = listen_tcp();
         const int client = connect_tcp(listener.port);
         return std::pair(accept_one(listener.fd), client);
       }},
  };
  for (const Channel& channel : channels) {
    INFO(channel.name);
    Shared<Pair> pair;
    Scene scene(first_mode(), [&](Side& side) {
      side.wait();
      const auto ends = channel.make();
      std::uint64_t word = 1;
      sleep_and_wake(
          *pair, [] {},
          [&] {
            std::uint64_t got = 0;
            must(read(ends.first, &got, sizeof(got)) == sizeof(got), "read");
          },
          [&] { must(write(ends.second, &word, sizeof(word)) == sizeof(word), "write"); });
    });
    const Trace trace = scene.finish();
    const tw_ev_off_cpu off = sleep_of(trace, *pair, SYS_read);
    CHECK(off.file == channel.file);
    CHECK(off.waker_tid == (channel.purpose ? pair->waker : 0));
    CHECK((off.flags & ~TW_OFF_ESTIMATED) == 0);
    if (!channel.purpose) {
      const auto server = trace.with_role(TW_ROLE_SERVER);
      REQUIRE(server.size() == 1);
      CHECK(off.object == server[0]->id);
    }
    trace.check_no_loss();
  }
}

TEST_CASE("off_cpu: a thread that is made waits for its first CPU", "[off_cpu]") {
  Shared<Pair> pair;
  Scene scene(first_mode(), [&](Side& side) {
    side.wait();
    std::thread([&] {
      pair->waker = thread_id();
      std::thread([&] { pair->sleeper = thread_id(); }).join();
    }).join();
  });
  const Trace trace = scene.finish();
  const auto offs = of_thread(trace, pair->sleeper);
  check_chain(offs);
  REQUIRE_FALSE(offs.empty());
  CHECK((offs[0].flags & ~TW_OFF_ESTIMATED) == TW_OFF_NEW);
  CHECK(offs[0].waker_tid == pair->waker);
  CHECK(offs[0].on_ns == 0);
  CHECK(offs[0].off_ns == offs[0].woken_ns);
  CHECK(offs[0].nr == TW_NO_CALL);
  const auto news = std::count_if(trace.offs.begin(), trace.offs.end(),
                                  [](const auto& off) { return (off.flags & TW_OFF_NEW) != 0; });
  CHECK(news == 2);
  trace.check_no_loss();
}

TEST_CASE("off_cpu: who makes room in a pipe wakes its writer, and hands it nothing", "[off_cpu]") {
  Shared<Pair> pair;
  Scene scene(first_mode(), [&](Side& side) {
    side.wait();
    int ends[2];
    must(pipe(ends) == 0, "pipe");
    const std::string full(static_cast<std::size_t>(fcntl(ends[1], F_GETPIPE_SZ)), 'x');
    std::string room(full.size(), '\0');
    const auto size = static_cast<ssize_t>(full.size());
    sleep_and_wake(
        *pair, [&] { must(write(ends[1], full.data(), full.size()) == size, "fill the pipe"); },
        [&] { must(write(ends[1], "x", 1) == 1, "write"); },
        [&] { must(read(ends[0], room.data(), room.size()) == size, "read"); });
  });
  const Trace trace = scene.finish();
  const tw_ev_off_cpu off = sleep_of(trace, *pair, SYS_write);
  CHECK(off.file == TW_FILE_PIPE);
  CHECK(off.waker_tid == 0);
  trace.check_no_loss();
}
