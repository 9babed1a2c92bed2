#include "targets/follow.h"

#include "unit/targets/child.h"
#include "unit/targets/fake_proc.h"
#include "unit/targets/sockets.h"

#include <catch2/catch.hpp>

#include <sys/prctl.h>

#include <sched.h>
#include <string>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

using Pids = std::vector<pid_t>;
using Ids = std::vector<ProcessId>;

constexpr pid_t kSelf = 5000;
constexpr std::uint16_t kNobody = 1;     // a port that nobody listens on
constexpr Ns kLater = 3600 * kNsPerSec;  // long after the start of everything in the fake trees

FollowScanner scanner_for(const ProcFs& proc, TargetSpec spec, FollowLimits limits = {}) {
  spec.follow = true;
  return FollowScanner(proc, TargetMatcher::create(std::move(spec)).value(), kSelf, limits);
}

Pids scan(FollowScanner& scanner, Ns boot_ns = kLater, const Ids& traced = {}) {
  const auto found = scanner.scan(traced, boot_ns);
  REQUIRE(found);
  Pids pids;
  for (const Match& match : found->matches) {
    pids.push_back(match.process.id.pid);
  }
  return pids;
}

constexpr std::string_view kListener =
    "  sl  local_address\n   0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 501 1\n";

std::uint64_t ticks_at(Ns boot_ns) {
  return boot_ns / 10'000'000;
}

}  // namespace

TEST_CASE("follow: the first scan finds what is there, later ones what is new",
          "[targets][follow]") {
  FakeProc fake;
  fake.put({.pid = 1, .ppid = 0, .comm = "systemd"});
  fake.put({.pid = 2, .ppid = 0, .comm = "nginx", .flags = 0x200000});
  fake.put({.pid = 10, .comm = "nginx"});
  auto scanner = scanner_for(fake.fs(), {.comms = {"nginx"}});
  CHECK(scan(scanner) == Pids{10});
  const Ids traced{{10, 1000}};
  CHECK(scan(scanner, kLater, traced).empty());
  fake.put({.pid = 20, .comm = "nginx"});
  fake.put({.pid = 21, .comm = "redis"});
  CHECK(scan(scanner, kLater, traced) == Pids{20});
}

TEST_CASE("follow: what is not taken up is offered again while it is young", "[targets][follow]") {
  FakeProc fake;
  fake.put({.pid = 10, .comm = "nginx", .start_ticks = ticks_at(kLater)});
  auto scanner = scanner_for(fake.fs(), {.comms = {"nginx"}});
  CHECK(scan(scanner) == Pids{10});
  CHECK(scan(scanner) == Pids{10});
}

TEST_CASE("follow: a process is recognised after its exec, young or old", "[targets][follow]") {
  FakeProc fake;
  fake.put({.pid = 10, .comm = "bash", .start_ticks = ticks_at(kLater)});
  auto scanner = scanner_for(fake.fs(), {.comms = {"nginx"}});
  CHECK(scan(scanner).empty());
  fake.write(10, "stat", "");  // in the middle of something
  CHECK(scan(scanner).empty());
  fake.put({.pid = 10, .comm = "nginx", .start_ticks = ticks_at(kLater)});
  CHECK(scan(scanner, kLater + kNsPerSec) == Pids{10});

  // Long after its start it is looked at only in turns.
  fake.put({.pid = 11, .comm = "runc"});
  CHECK(scan(scanner, kLater, Ids{{10, ticks_at(kLater)}}).empty());
  fake.put({.pid = 11, .comm = "nginx"});
  CHECK(scan(scanner, kLater, Ids{{10, ticks_at(kLater)}}) == Pids{11});
}

TEST_CASE("follow: a scan looks at the new, the young and a few of the old", "[targets][follow]") {
  FakeProc fake;
  for (pid_t pid = 10; pid < 50; ++pid) {
    fake.put({.pid = pid, .comm = "old"});
  }
  auto scanner = scanner_for(fake.fs(), {.comms = {"nginx"}}, {.old = 8});
  CHECK(scan(scanner).empty());
  CHECK(scanner.known() == 40);
  CHECK(scanner.examined() == 40);
  CHECK(scan(scanner).empty());
  CHECK(scanner.examined() == 8);
  fake.put({.pid = 200, .comm = "new", .start_ticks = ticks_at(kLater)});
  scan(scanner);
  CHECK(scanner.examined() == 9);
  scan(scanner);
  CHECK(scanner.examined() == 9);
  scan(scanner, kLater + 11 * kNsPerSec);
  CHECK(scanner.examined() == 8);
  // In turns everybody is seen: a change is found after 41 / 8 scans at the latest.
  fake.put({.pid = 37, .comm = "nginx"});
  int scans = 0;
  while (scan(scanner, kLater + 11 * kNsPerSec).empty() && scans < 20) {
    ++scans;
  }
  CHECK(scans <= 6);
}

TEST_CASE("follow: a burst of new processes is spread over scans", "[targets][follow]") {
  FakeProc fake;
  for (pid_t pid = 10; pid < 40; ++pid) {
    fake.put({.pid = pid, .comm = "x", .start_ticks = ticks_at(kLater)});
  }
  fake.put({.pid = 50, .comm = "nginx", .start_ticks = ticks_at(kLater)});
  auto scanner = scanner_for(fake.fs(), {.comms = {"nginx"}}, {.young = 12});
  CHECK(scan(scanner).empty());
  CHECK(scanner.examined() == 12);
  CHECK(scan(scanner).empty());
  CHECK(scan(scanner) == Pids{50});
}

TEST_CASE("follow: a reused PID is a new process", "[targets][follow]") {
  FakeProc fake;
  fake.put({.pid = 10, .comm = "nginx", .start_ticks = 1000});
  auto scanner = scanner_for(fake.fs(), {.comms = {"nginx"}});
  CHECK(scan(scanner, kLater, Ids{{10, 1000}}).empty());
  fake.remove(10);
  fake.put({.pid = 10, .comm = "nginx", .start_ticks = 7000});
  CHECK(scan(scanner, kLater, Ids{{10, 1000}}) == Pids{10});
  fake.remove(10);
  scan(scanner);
  CHECK(scanner.known() == 0);
}

TEST_CASE("follow: another inode of the directory is enough to look again", "[targets][follow]") {
  FakeProc fake;
  fake.put({.pid = 10, .comm = "other"});
  auto scanner = scanner_for(fake.fs(), {.comms = {"nginx"}}, {.old = 0});
  CHECK(scan(scanner).empty());
  // Renamed and not removed: a file system may give the new directory the inode of a removed one.
  std::filesystem::rename(fake.path(10, ""), fake.path(10, "../gone"));
  fake.put({.pid = 10, .comm = "nginx", .start_ticks = 7000});
  CHECK(scan(scanner) == Pids{10});
}

TEST_CASE("follow: children of what is traced come along", "[targets][follow]") {
  FakeProc fake;
  fake.put({.pid = 10, .comm = "nginx"});
  auto scanner = scanner_for(fake.fs(), {.comms = {"nginx"}});
  const Ids traced{{10, 1000}};
  CHECK(scan(scanner, kLater, traced).empty());
  fake.put({.pid = 30, .ppid = 10, .comm = "worker"});
  fake.put({.pid = 20, .ppid = 30, .comm = "grandchild"});
  fake.put({.pid = 40, .ppid = 1, .comm = "stranger"});
  CHECK(scan(scanner, kLater, traced) == Pids{20, 30});

  auto alone = scanner_for(fake.fs(), {.comms = {"nginx"}, .include_children = false});
  CHECK(scan(alone, kLater, traced).empty());
}

TEST_CASE("follow: a service that starts to listen is found, late or early", "[targets][follow]") {
  FakeProc fake;
  fake.put({.pid = 1, .ppid = 0, .comm = "systemd", .descriptors = {"socket:[501]"}});
  fake.put({.pid = 10, .comm = "server", .descriptors = {"/dev/null"}});
  auto scanner = scanner_for(fake.fs(), {.ports = {8080}}, {.old = 0});
  CHECK(scan(scanner).empty());
  // Opens its port when it is old already: the table of listeners tells.
  fake.put({.pid = 10, .comm = "server", .descriptors = {"/dev/null", "socket:[501]"}});
  CHECK(scan(scanner).empty());
  fake.write(1, "net/tcp", kListener);
  CHECK(scan(scanner) == Pids{10});
  // A new worker with the same socket.
  const Ids traced{{10, 1000}};
  fake.put({.pid = 11, .comm = "server", .descriptors = {"socket:[501]"}});
  CHECK(scan(scanner, kLater, traced) == Pids{11});
}

TEST_CASE("follow: a traced process that starts to listen is not found again",
          "[targets][follow]") {
  FakeProc fake;
  fake.put({.pid = 10, .comm = "server", .descriptors = {"socket:[501]"}});
  auto scanner = scanner_for(fake.fs(), {.ports = {8080}}, {.old = 0});
  CHECK(scan(scanner).empty());
  fake.write(10, "net/tcp", kListener);
  CHECK(scan(scanner, kLater, Ids{{10, 1000}}).empty());
}

TEST_CASE("follow: an unreadable /proc is an error", "[targets][follow]") {
  auto scanner = scanner_for(ProcFs("/nonexistent"), {.comms = {"x"}});
  CHECK_FALSE(scanner.scan({}, kLater));
}

TEST_CASE("follow: a real server is found by name and by port, and after its restart",
          "[targets][follow]") {
  const std::string name = "tw" + std::to_string(::getpid());
  const auto server = [&name](const Channel& channel) {
    channel.say("started");
    channel.hear();
    ::prctl(PR_SET_NAME, name.c_str());
    const UniqueFd fd = listen_tcp();
    channel.say(std::to_string(port_of(fd)));
    channel.hear();
    return 0;
  };
  FollowScanner by_name(ProcFs(), TargetMatcher::create({.comms = {name}, .follow = true}).value(),
                        ::getpid());
  CHECK(scan(by_name, boot_now()).empty());
  for (int round = 0; round < 2; ++round) {
    Child child(server);
    REQUIRE(child.channel().hear() == "started");
    CHECK(scan(by_name, boot_now()).empty());
    child.channel().say("go");
    const auto port = static_cast<std::uint16_t>(std::stoul(child.channel().hear()));
    CHECK(scan(by_name, boot_now()) == Pids{child.pid()});
    FollowScanner by_port(
        ProcFs(), TargetMatcher::create({.ports = {port}, .follow = true}).value(), ::getpid());
    CHECK(scan(by_port, boot_now()) == Pids{child.pid()});
  }
}

TEST_CASE("follow: a server that appears in a new network namespace is found",
          "[targets][follow]") {
  if (::geteuid() != 0) {
    WARN("skipped: a network namespace needs root");
    return;
  }
  Child child([](const Channel& channel) {
    channel.say("started");
    channel.hear();
    if (::unshare(CLONE_NEWNET) != 0) return 1;
    channel.say("unshared");
    channel.hear();
    const UniqueFd fd = listen_tcp(AF_INET, 8, true);
    channel.say(std::to_string(port_of(fd)));
    channel.hear();
    return 0;
  });
  REQUIRE(child.channel().hear() == "started");
  FollowScanner idle(ProcFs(), TargetMatcher::create({.ports = {kNobody}, .follow = true}).value(),
                     ::getpid());
  CHECK(scan(idle, boot_now()).empty());
  child.channel().say("go");
  REQUIRE(child.channel().hear() == "unshared");
  child.channel().say("go");
  const auto port = static_cast<std::uint16_t>(std::stoul(child.channel().hear()));
  FollowScanner scanner(ProcFs(), TargetMatcher::create({.ports = {port}, .follow = true}).value(),
                        ::getpid());
  const Pids found = scan(scanner, boot_now());
  CHECK(std::find(found.begin(), found.end(), child.pid()) != found.end());
}
