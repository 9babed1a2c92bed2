// Threads and processes of the target: found, followed, accounted for, and let go.
#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

const Mode& first_mode() {
  return usable_modes().front();
}

std::uint32_t thread_id() {
  return static_cast<std::uint32_t>(syscall(SYS_gettid));
}

void tell(int fd, std::uint32_t number) {
  must(write(fd, &number, sizeof(number)) == sizeof(number), "tell a number");
}

std::uint32_t hear(int fd) {
  std::uint32_t number = 0;
  REQUIRE(read(fd, &number, sizeof(number)) == sizeof(number));
  return number;
}

void burn(std::chrono::milliseconds time) {
  timespec start{};
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  do {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 <
           time.count());
}

const tw_thread_info* find_thread(const std::vector<tw_thread_info>& threads, std::uint32_t tid) {
  const auto it = std::find_if(threads.begin(), threads.end(),
                               [&](const tw_thread_info& info) { return info.tid == tid; });
  return it == threads.end() ? nullptr : &*it;
}

}  // namespace

TEST_CASE("task: a child of the target is followed, and its exit told", "[task]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    int pids[2];
    REQUIRE(pipe(pids) == 0);
    const Listener listener = listen_tcp();
    Scene scene(mode, [&](Side& side) {
      side.wait();
      const pid_t child = fork();
      must(child >= 0, "fork");
      if (child == 0) {
        const int fd = accept_one(listener.fd);
        send_all(fd, recv_exactly(fd, 4));
        _exit(7);
      }
      tell(pids[1], static_cast<std::uint32_t>(child));
      int status = 0;
      must(waitpid(child, &status, 0) == child, "wait for the child");
    });
    const int peer = connect_tcp(listener.port);
    close(listener.fd);
    send_all(peer, "ping");
    recv_exactly(peer, 4);
    const std::uint32_t child = hear(pids[0]);
    const Trace trace = scene.finish();
    close(peer);
    close(pids[0]);
    close(pids[1]);
    REQUIRE(trace.forks.size() == 1);
    CHECK(trace.forks.front().parent_pid == scene.pid());
    CHECK(trace.forks.front().pid == child);
    const Connection& conn = trace.only();
    REQUIRE(conn.in.size() == 1);
    CHECK(conn.in.front().pid == child);
    CHECK(conn.in.front().tid == child);
    CHECK(conn.in_payload() == "ping");
    REQUIRE(trace.exits.size() == 2);
    CHECK(trace.exits[0].pid == child);
    CHECK(trace.exits[0].exit_code == 7 << 8);
    CHECK(trace.exits[0].process_ended == 1);
    CHECK(trace.exits[1].pid == scene.pid());
    CHECK(trace.exits[1].exit_code == 0);
    trace.check_no_loss();
  }
}

TEST_CASE("task: threads have their own numbers, before and after the attach", "[task]") {
  int tids[2];
  REQUIRE(pipe(tids) == 0);
  const auto early = socket_pair();
  const auto late = socket_pair();
  Scene scene(first_mode(), [&](Side& side) {
    close(early.second);
    close(late.second);
    std::atomic<bool> attached = false;
    const auto answer = [&](int fd) {
      tell(tids[1], thread_id());
      attached.wait(false);
      send_all(fd, recv_exactly(fd, 4));
    };
    std::jthread before(answer, early.first);
    side.wait();
    attached = true;
    attached.notify_all();
    std::jthread after(answer, late.first);
  });
  const std::uint32_t early_tid = hear(tids[0]);
  const std::uint32_t late_tid = hear(tids[0]);
  for (const auto& pair : {early, late}) {
    close(pair.first);
    send_all(pair.second, "ping");
    recv_exactly(pair.second, 4);
  }
  const Trace trace = scene.finish();
  close(early.second);
  close(late.second);
  REQUIRE(trace.conns.size() == 2);
  for (const Connection& conn : trace.conns) {
    REQUIRE(conn.in.size() == 1);
    CHECK(conn.in.front().pid == scene.pid());
    CHECK(conn.in.front().tid == conn.out.front().tid);
    CHECK((conn.in.front().tid == early_tid || conn.in.front().tid == late_tid));
  }
  CHECK(trace.conns[0].in.front().tid != trace.conns[1].in.front().tid);
  CHECK(trace.forks.empty());  // threads are no processes
  REQUIRE(trace.exits.size() == 3);
  const auto ended = std::count_if(trace.exits.begin(), trace.exits.end(),
                                   [](const tw_ev_task_exit& exit) { return exit.process_ended; });
  CHECK(ended == 1);
  trace.check_no_loss();
}

TEST_CASE("task: a call that waits at the attach is seen when it returns", "[task]") {
  for (const Mode& mode : usable_modes()) {
    if (mode.name == "fexit") continue;  // a function is seen to return if it was seen to start
    INFO(mode.name);
    const auto pair = socket_pair();
    Scene scene(mode, [&](Side& side) {
      close(pair.second);
      std::jthread waiting([&] { must(recv_exactly(pair.first, 4) == "ping", "receive"); });
      usleep(20000);
      side.wait();
    });
    close(pair.first);
    send_all(pair.second, "ping");
    const Trace trace = scene.finish();
    close(pair.second);
    REQUIRE(trace.only().in.size() == 1);
    CHECK(trace.only().in_payload() == "ping");
    trace.check_no_loss();
  }
}

TEST_CASE("task: a target that executes another program goes on being followed", "[task]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const auto pair = socket_pair();
    Scene scene(mode, [&](Side& side) {
      close(pair.second);
      side.wait();
      dup2(pair.first, STDIN_FILENO);
      dup2(pair.first, STDOUT_FILENO);
      execl("/bin/cat", "cat", nullptr);
      must(false, "exec");
    });
    close(pair.first);
    send_all(pair.second, "ping");
    CHECK(recv_exactly(pair.second, 4) == "ping");
    shutdown(pair.second, SHUT_WR);
    const Trace trace = scene.finish();
    close(pair.second);
    REQUIRE(trace.execs.size() == 1);
    CHECK(trace.execs.front().pid == scene.pid());
    CHECK(std::string_view(trace.execs.front().comm) == "cat");
    CHECK(trace.only().in_payload() == "ping");
    CHECK(trace.only().out_payload() == "ping");
    CHECK(trace.only().in.front().pid == scene.pid());
    trace.check_no_loss({TW_CNT_PAYLOAD_UNREADABLE});  // some cats splice
  }
}

TEST_CASE("task: a target can be added later", "[task]") {
  SceneOptions options;
  options.attach = false;
  const auto pair = socket_pair();
  Scene scene(
      first_mode(),
      [&](Side& side) {
        close(pair.second);
        side.wait();
        send_all(pair.first, "before");
        side.wait();
        send_all(pair.first, "after!");
      },
      options);
  close(pair.first);
  scene.await();
  const std::uint32_t pids[] = {scene.pid()};
  REQUIRE(scene.tracer().add_targets(pids));
  scene.go();
  recv_exactly(pair.second, 12);
  const Trace trace = scene.finish();
  close(pair.second);
  CHECK(trace.only().out_payload() == "after!");
  CHECK((trace.only().open().flags & TW_OPEN_EXISTING) != 0);
  trace.check_no_loss();
}

TEST_CASE("task: nothing is told of a process that is not a target", "[task]") {
  SceneOptions options;
  options.attach = false;
  Scene scene(
      first_mode(),
      [](Side& side) {
        side.wait();
        const Listener listener = listen_tcp();
        const int client = connect_tcp(listener.port);
        const int served = accept_one(listener.fd);
        send_all(client, "ping");
        recv_exactly(served, 4);
        const pid_t child = fork();
        if (child == 0) _exit(0);
        waitpid(child, nullptr, 0);
        open("/nonexistent", O_RDONLY);
      },
      options);
  const Trace trace = scene.finish();
  CHECK(trace.conns.empty());
  CHECK(trace.forks.empty());
  CHECK(trace.exits.empty());
  CHECK(scene.tracer().read_syscall_errors().value().empty());
  trace.check_no_loss();
}

TEST_CASE("task: accounts tell CPU time from sleep", "[task][sched]") {
  int tids[2];
  REQUIRE(pipe(tids) == 0);
  const Ns begin = mono_now();
  Scene scene(first_mode(), [&](Side& side) {
    side.wait();
    std::jthread burner([&] {
      prctl(PR_SET_NAME, "burner");
      tell(tids[1], thread_id());
      burn(std::chrono::milliseconds(50));
      tell(tids[1], thread_id());  // on a busy machine later than the other's sleep
      side.wait();
    });
    usleep(60000);
  });
  const std::uint32_t tid = hear(tids[0]);
  CHECK(hear(tids[0]) == tid);
  scene.await();
  const auto threads = scene.tracer().list_threads().value();
  const Ns elapsed = mono_now() - begin;
  scene.go();
  const Trace trace = scene.finish();
  close(tids[0]);
  close(tids[1]);
  CHECK(threads.size() == 2);
  const tw_thread_info* burner = find_thread(threads, tid);
  const tw_thread_info* sleeper = find_thread(threads, scene.pid());
  REQUIRE(burner != nullptr);
  REQUIRE(sleeper != nullptr);
  CHECK(std::string_view(burner->comm) == "burner");
  CHECK(burner->pid == scene.pid());
  CHECK(burner->account.on_cpu_ns >= 50'000'000);
  CHECK(burner->account.on_cpu_ns < 52'000'000);
  CHECK(sleeper->account.sleep_ns >= 40'000'000);
  for (const tw_task_account& account : {burner->account, sleeper->account}) {
    CHECK(account.on_cpu_ns + account.run_queue_ns + account.sleep_ns <= elapsed);
  }
  CHECK(sleeper->account.voluntary_switches > 0);
  const auto ended = std::find_if(trace.exits.begin(), trace.exits.end(),
                                  [&](const tw_ev_task_exit& exit) { return exit.tid == tid; });
  REQUIRE(ended != trace.exits.end());
  CHECK(ended->account.on_cpu_ns >= burner->account.on_cpu_ns);
  trace.check_no_loss();
}

TEST_CASE("task: without the sched group the same events come, without accounts", "[task]") {
  SceneOptions options;
  options.groups.without(HookGroup::Sched).without(HookGroup::Net);
  const auto pair = socket_pair();
  Scene scene(
      first_mode(),
      [&](Side& side) {
        close(pair.second);
        side.wait();
        send_all(pair.first, "ping");
      },
      options);
  close(pair.first);
  const Trace trace = scene.finish();
  close(pair.second);
  CHECK(trace.only().out_payload() == "ping");
  REQUIRE(trace.exits.size() == 1);
  CHECK(trace.exits.front().account.on_cpu_ns == 0);
  trace.check_no_loss();
}
