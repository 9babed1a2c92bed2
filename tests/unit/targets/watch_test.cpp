#include "targets/watch.h"

#include "targets/process.h"
#include "unit/targets/child.h"
#include "unit/targets/fake_proc.h"

#include <catch2/catch.hpp>

#include <sys/resource.h>
#include <sys/syscall.h>

#include <poll.h>
#include <string>
#include <thread>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

bool readable(const ExitWatch& watch, int timeout_ms) {
  pollfd poll{.fd = watch.fd(), .events = POLLIN};
  return ::poll(&poll, 1, timeout_ms) == 1;
}

ProcessId id_of(pid_t pid) {
  return read_process(ProcFs(), pid).value().id;
}

// Before Linux 6.15 nobody but the parent learns the status once the process has been reaped.
bool kernel_tells_after_reaping() {
  Child child([](const Channel&) { return 3; });
  const auto pidfd = open_pidfd(child.pid());
  child.wait();
  return pidfd && read_exit_status(ProcFs(), {child.pid(), 0}, pidfd->get()).has_value();
}

}  // namespace

TEST_CASE("watch: the descriptor becomes readable when a process ends", "[targets][watch]") {
  auto watch = ExitWatch::create(ProcFs());
  REQUIRE(watch);
  Child child(wait_for_word);
  REQUIRE(child.channel().hear() == "ready");
  const ProcessId id = id_of(child.pid());
  REQUIRE(watch->add(id));
  REQUIRE(watch->add(id));  // twice is once
  CHECK(watch->size() == 1);
  CHECK(watch->polled() == 0);
  CHECK_FALSE(readable(*watch, 0));
  CHECK(watch->collect().empty());

  child.channel().say("end");
  REQUIRE(readable(*watch, 5000));
  const auto exits = watch->collect();
  REQUIRE(exits.size() == 1);
  CHECK(exits[0].id == id);
  REQUIRE(exits[0].status.has_value());
  CHECK(exits[0].status->success());
  CHECK(exits[0].status->describe() == "status 0");
  CHECK(watch->size() == 0);
  CHECK_FALSE(readable(*watch, 0));
  CHECK(watch->collect().empty());
}

TEST_CASE("watch: status and signal of a zombie that is not our concern", "[targets][watch]") {
  auto watch = ExitWatch::create(ProcFs());
  REQUIRE(watch);
  Child five([](const Channel& channel) {
    wait_for_word(channel);
    return 5;
  });
  Child killed(wait_for_word);
  REQUIRE(five.channel().hear() == "ready");
  REQUIRE(killed.channel().hear() == "ready");
  REQUIRE(watch->add(id_of(five.pid())));
  REQUIRE(watch->add(id_of(killed.pid())));
  five.channel().say("end");
  ::kill(killed.pid(), SIGKILL);
  five.await_zombie();
  killed.await_zombie();
  const auto exits = watch->collect();
  REQUIRE(exits.size() == 2);
  for (const ProcessExit& exit : exits) {
    REQUIRE(exit.status.has_value());
    CHECK(exit.status->describe() ==
          (exit.id.pid == five.pid() ? "status 5" : "signal 9 (Killed)"));
    CHECK(exit.status->exited_normally() == (exit.id.pid == five.pid()));
    CHECK_FALSE(exit.status->success());
  }
}

TEST_CASE("watch: after it was reaped the status is known where the kernel tells",
          "[targets][watch]") {
  auto watch = ExitWatch::create(ProcFs());
  REQUIRE(watch);
  Child child([](const Channel& channel) {
    wait_for_word(channel);
    return 9;
  });
  REQUIRE(child.channel().hear() == "ready");
  REQUIRE(watch->add(id_of(child.pid())));
  child.channel().say("end");
  child.wait();
  const auto exits = watch->collect();
  REQUIRE(exits.size() == 1);
  if (kernel_tells_after_reaping()) {
    REQUIRE(exits[0].status.has_value());
    CHECK(exits[0].status->describe() == "status 9");
  } else {
    CHECK_FALSE(exits[0].status.has_value());
  }
}

TEST_CASE("watch: who still runs has no exit status", "[targets][watch]") {
  Child child(wait_for_word);
  REQUIRE(child.channel().hear() == "ready");
  const auto pidfd = open_pidfd(child.pid());
  REQUIRE(pidfd);
  CHECK_FALSE(read_exit_status(ProcFs(), id_of(child.pid()), pidfd->get()).has_value());
}

TEST_CASE("watch: a status that the kernel hides from us is unknown, not 0", "[targets][watch]") {
  if (::geteuid() != 0) {
    WARN("skipped: needs root, to become somebody else");
    return;
  }
  Child zombie([](const Channel&) { return 0; });
  zombie.await_zombie();
  const ProcessId id = id_of(zombie.pid());
  CHECK(read_exit_status(ProcFs(), id, -1).has_value());
  Child looker([&](const Channel&) {
    if (::setuid(65534) != 0) return 1;
    return read_exit_status(ProcFs(), id, -1).has_value() ? 2 : 0;
  });
  CHECK(looker.wait() == 0);
}

TEST_CASE("watch: who has ended before cannot be watched", "[targets][watch]") {
  auto watch = ExitWatch::create(ProcFs());
  REQUIRE(watch);
  Child child([](const Channel&) { return 0; });
  child.await_zombie();
  const ProcessId zombie = id_of(child.pid());
  for (const ProcessId& id : {zombie, ProcessId{0x3ffffff, 1}, ProcessId{::getpid(), 1}}) {
    const auto added = watch->add(id);
    REQUIRE_FALSE(added);
    CHECK(added.error().code() == ErrorCode::NotFound);
  }
  CHECK(watch->size() == 0);
}

TEST_CASE("watch: who is removed is not told of", "[targets][watch]") {
  auto watch = ExitWatch::create(ProcFs());
  REQUIRE(watch);
  Child child(wait_for_word);
  REQUIRE(child.channel().hear() == "ready");
  const ProcessId id = id_of(child.pid());
  REQUIRE(watch->add(id));
  watch->remove(id);
  child.channel().say("end");
  child.await_zombie();
  CHECK_FALSE(readable(*watch, 0));
  CHECK(watch->collect().empty());
}

TEST_CASE("watch: without pidfds, looking finds the same", "[targets][watch]") {
  auto watch = ExitWatch::create(ProcFs(), ExitWatch::Method::Polling);
  REQUIRE(watch);
  Child child([](const Channel& channel) {
    wait_for_word(channel);
    return 4;
  });
  REQUIRE(child.channel().hear() == "ready");
  REQUIRE(watch->add(id_of(child.pid())));
  CHECK(watch->polled() == 1);
  CHECK(watch->collect().empty());
  child.channel().say("end");
  child.await_zombie();
  const auto exits = watch->collect();
  REQUIRE(exits.size() == 1);
  CHECK(exits[0].status->describe() == "status 4");
}

TEST_CASE("watch: when no descriptor is left, it polls and invents no exit", "[targets][watch]") {
  Child target(wait_for_word);
  REQUIRE(target.channel().hear() == "ready");
  const ProcessId id = id_of(target.pid());
  Child watcher([&id](const Channel& channel) {
    auto watch = ExitWatch::create(ProcFs());
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    if (!watch->add(id) || watch->polled() != 1) return 1;
    if (!watch->collect().empty()) return 2;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (!watch->collect().empty()) return 3;
    channel.say("watching");
    channel.hear();
    return watch->collect().size() == 1 ? 0 : 4;
  });
  CHECK(watcher.channel().hear() == "watching");
  target.channel().say("end");
  target.await_zombie();
  watcher.channel().say("look");
  CHECK(watcher.wait() == 0);
}

TEST_CASE("watch: a PID that another process got is an exit", "[targets][watch]") {
  FakeProc fake;
  fake.put({.pid = 9, .start_ticks = 1000});
  auto watch = ExitWatch::create(fake.fs());
  REQUIRE(watch);
  REQUIRE(watch->add({9, 1000}));
  CHECK(watch->polled() == 1);  // a PID of a foreign /proc is nothing to open a pidfd for
  fake.put({.pid = 9, .start_ticks = 5000});
  const auto exits = watch->collect();
  REQUIRE(exits.size() == 1);
  CHECK(exits[0].id == ProcessId{9, 1000});
  CHECK_FALSE(exits[0].status.has_value());
}

TEST_CASE("watch: a process whose first thread alone has ended lives on", "[targets][watch]") {
  auto watch = ExitWatch::create(ProcFs());
  REQUIRE(watch);
  Child child([](const Channel& channel) {
    std::thread([&channel] {
      wait_for_word(channel);
      ::_exit(0);
    }).detach();
    ::syscall(SYS_exit, 0);
    return 0;
  });
  REQUIRE(child.channel().hear() == "ready");
  REQUIRE(eventually([&] { return read_process(ProcFs(), child.pid())->leader_exited; }));
  REQUIRE(watch->add(id_of(child.pid())));
  CHECK_FALSE(readable(*watch, 20));
  CHECK(watch->collect().empty());
  child.channel().say("end");
  CHECK(readable(*watch, 5000));
  CHECK(watch->collect().size() == 1);
}

TEST_CASE("exit status: words for every kind", "[targets][watch]") {
  CHECK(ExitStatus{.wait_status = 0}.describe() == "status 0");
  CHECK(ExitStatus{.wait_status = 255 << 8}.describe() == "status 255");
  CHECK(ExitStatus{.wait_status = SIGTERM}.describe() == "signal 15 (Terminated)");
  CHECK(ExitStatus{.wait_status = SIGSEGV | 0x80}.describe() ==
        "signal 11 (Segmentation fault), core dumped");
  CHECK(ExitStatus{.wait_status = SIGRTMIN + 3}.describe() == "signal 37");
}
