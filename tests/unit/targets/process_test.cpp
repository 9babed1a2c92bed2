#include "targets/process.h"

#include "unit/targets/child.h"
#include "unit/targets/fake_proc.h"

#include <catch2/catch.hpp>

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <string>
#include <thread>
#include <unistd.h>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

ErrorCode code_of(const Result<>& result) {
  REQUIRE_FALSE(result);
  CHECK_FALSE(result.error().hint().empty());
  return result.error().code();
}

}  // namespace

TEST_CASE("process: we can read ourselves", "[targets][process]") {
  const auto self = read_process(ProcFs(), ::getpid());
  REQUIRE(self);
  CHECK(self->id.pid == ::getpid());
  CHECK(self->id.start_ticks > 0);
  CHECK(self->ppid == ::getppid());
  CHECK(self->uid == ::geteuid());
  CHECK(self->exe.find("tw_test_targets") != std::string::npos);
  CHECK_FALSE(self->exe_deleted);
  CHECK(self->comm == std::string("tw_test_targets").substr(0, 15));
  CHECK_FALSE(self->kernel_thread);
  CHECK_FALSE(self->zombie);
  CHECK(self->threads >= 1);
  REQUIRE_FALSE(self->ns_pids.empty());
  CHECK(self->ns_pids.front() == ::getpid());
  CHECK(self->net_ns != 0);
  CHECK(self->pid_ns != 0);
  CHECK(self->mnt_ns != 0);
  CHECK(self->is_32bit == (sizeof(void*) == 4));
  CHECK(is_alive(ProcFs(), self->id));
  CHECK(check_traceable(*self));
}

TEST_CASE("process: another start time is another process", "[targets][process]") {
  auto self = read_process(ProcFs(), ::getpid());
  REQUIRE(self);
  ++self->id.start_ticks;
  CHECK_FALSE(is_alive(ProcFs(), self->id));
}

TEST_CASE("process: no such PID says so, with a hint", "[targets][process]") {
  const auto none = read_process(ProcFs(), 0x3ffffff);
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == ErrorCode::NotFound);
  CHECK(none.error().message().find("67108863") != std::string::npos);
  CHECK_FALSE(none.error().hint().empty());
  CHECK(read_process(ProcFs(), 0).error().code() == ErrorCode::Usage);
  CHECK(read_process(ProcFs(), -5).error().code() == ErrorCode::Usage);
}

TEST_CASE("process: a thread is not a process, and the error names its process",
          "[targets][process]") {
  std::atomic<pid_t> tid = 0;
  std::atomic<bool> stop = false;
  std::thread thread([&] {
    tid = static_cast<pid_t>(::syscall(SYS_gettid));
    while (!stop)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  while (tid == 0)
    std::this_thread::yield();
  const auto process = read_process(ProcFs(), tid);
  stop = true;
  thread.join();
  REQUIRE_FALSE(process);
  CHECK(process.error().code() == ErrorCode::Usage);
  CHECK(process.error().hint().find(std::to_string(::getpid())) != std::string::npos);
}

TEST_CASE("process: a kernel thread cannot be traced", "[targets][process]") {
  const auto kthreadd = read_process(ProcFs(), 2);
  if (!kthreadd || !kthreadd->kernel_thread) {
    WARN("skipped: PID 2 is no kernel thread here (another PID namespace)");
    return;
  }
  CHECK(code_of(check_traceable(*kthreadd)) == ErrorCode::Usage);
}

TEST_CASE("process: a zombie has ended, and its status can be read", "[targets][process]") {
  Child child([](const Channel&) { return 7; });
  child.await_zombie();
  const auto zombie = read_process(ProcFs(), child.pid());
  REQUIRE(zombie);
  CHECK(zombie->zombie);
  CHECK_FALSE(is_alive(ProcFs(), zombie->id));
  CHECK(zombie->exit_code == 7 << 8);
  CHECK(code_of(check_traceable(*zombie)) == ErrorCode::NotFound);
}

TEST_CASE("process: when only the first thread has ended, the process lives",
          "[targets][process]") {
  Child child([](const Channel& channel) {
    std::thread([&channel] {
      channel.say("ready");
      channel.hear();
      ::_exit(0);
    }).detach();
    ::syscall(SYS_exit, 0);  // this thread alone; pthread_exit() would unwind through the test
    return 0;
  });
  REQUIRE(child.channel().hear() == "ready");
  REQUIRE(eventually([&] { return read_process(ProcFs(), child.pid())->leader_exited; }));
  const auto process = read_process(ProcFs(), child.pid());
  REQUIRE(process);
  CHECK_FALSE(process->zombie);
  CHECK(process->exe == read_process(ProcFs(), ::getpid())->exe);
  CHECK(process->is_32bit == false);
  CHECK(is_alive(ProcFs(), process->id));
  CHECK(check_traceable(*process));
}

TEST_CASE("process: what the kernel hides is a permission error", "[targets][process]") {
  if (::geteuid() != 0) {
    WARN("skipped: needs root, to become somebody else");
    return;
  }
  const pid_t target = ::getpid();
  Child child([target](const Channel& channel) {
    if (::setuid(65534) != 0) return 1;
    const auto process = read_process(ProcFs(), target);
    if (!process || !process->access_denied || !process->exe.empty() || process->net_ns != 0)
      return 2;
    const auto ok = check_traceable(*process);
    channel.say(ok ? "ok" : std::string(to_string(ok.error().code())));
    return process->comm.empty() ? 3 : 0;
  });
  CHECK(child.channel().hear() == "permission");
  CHECK(child.wait() == 0);
}

TEST_CASE("process: a hostile name is kept as it is and shown harmless", "[targets][process]") {
  Child child([](const Channel& channel) {
    ::prctl(PR_SET_NAME, ") R 1\n\x1b[31m\xff");
    return wait_for_word(channel);
  });
  REQUIRE(child.channel().hear() == "ready");
  const auto process = read_process(ProcFs(), child.pid());
  REQUIRE(process);
  CHECK(process->comm == ") R 1\n\x1b[31m\xff");
  CHECK(process->ppid == ::getpid());
  const std::string shown = describe(process->id, process->comm);
  CHECK(shown.find('\n') == std::string::npos);
  CHECK(shown.find('\x1b') == std::string::npos);
}

TEST_CASE("process: the command line is apart and cut into arguments", "[targets][process]") {
  FakeProc fake;
  fake.put({.pid = 9, .cmdline = std::string("server\0--password\0s3cret\0", 25)});
  const auto arguments = read_command_line(fake.fs(), 9);
  REQUIRE(arguments);
  CHECK(*arguments == std::vector<std::string>{"server", "--password", "s3cret"});
}

TEST_CASE("process: container, namespaces and a replaced program", "[targets][process]") {
  const std::string id(64, 'a');
  FakeProc fake;
  fake.put({.pid = 9,
            .uid = 33,
            .ns_pids = "9\t1",
            .exe = "/usr/sbin/nginx (deleted)",
            .net_ns = "net:[4026532281]",
            .cgroup = "0::/system.slice/docker-" + id + ".scope\n"});
  const auto process = read_process(fake.fs(), 9);
  REQUIRE(process);
  CHECK(process->exe == "/usr/sbin/nginx");
  CHECK(process->exe_deleted);
  CHECK(process->net_ns == 4026532281);
  CHECK(process->ns_pids == std::vector<pid_t>{9, 1});
  CHECK(process->uid == 33);
  CHECK(process->container == ContainerId{"docker", id});
  CHECK_FALSE(process->is_32bit.has_value());
}

TEST_CASE("process: the ELF class says whether it is 32-bit", "[targets][process]") {
  FakeProc fake;
  fake.put({.pid = 9});
  const auto bits = [&](std::string_view header) {
    std::filesystem::remove(fake.path(9, "exe"));
    fake.write(9, "exe", header);
    // a plain file is no link, so exe stays empty, but it can be opened
    return read_process(fake.fs(), 9)->is_32bit;
  };
  CHECK(bits(std::string_view("\x7f"
                              "ELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\0",
                              16)) == true);
  CHECK(bits(std::string_view("\x7f"
                              "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0",
                              16)) == false);
  CHECK_FALSE(bits("#!/bin/sh").has_value());
}

TEST_CASE("process: links of namespaces and sockets hold an inode", "[targets][process]") {
  CHECK(parse_link_inode("net:[4026531833]", "net") == 4026531833);
  CHECK(parse_link_inode("socket:[1]", "socket") == 1);
  for (const char* link : {"net:[]", "net:[1", "net:1]", "pid:[1]", "net:[x]", "net", ""}) {
    CHECK_FALSE(parse_link_inode(link, "net").has_value());
  }
}
