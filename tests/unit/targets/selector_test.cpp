#include "targets/selector.h"

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

constexpr pid_t kSelf = 5000;

Result<Selection> run(const ProcFs& proc, const TargetSpec& spec, pid_t self = kSelf) {
  const auto matcher = TargetMatcher::create(spec);
  REQUIRE(matcher);
  return select_targets(proc, *matcher, self);
}

std::vector<pid_t> pids_of(const Result<Selection>& selection) {
  REQUIRE(selection);
  std::vector<pid_t> pids;
  for (const Match& match : selection->matches) {
    pids.push_back(match.process.id.pid);
  }
  return pids;
}

using Pids = std::vector<pid_t>;

// init, a kernel thread, nginx with two workers and a cgi grandchild, a shell with us below it.
void put_machine(FakeProc& fake) {
  fake.put({.pid = 1, .ppid = 0, .comm = "systemd", .start_ticks = 1});
  fake.put({.pid = 2, .ppid = 0, .comm = "nginx", .flags = 0x200000, .start_ticks = 1});
  fake.put({.pid = 100, .comm = "nginx", .descriptors = {"socket:[501]"}});
  fake.put({.pid = 101, .ppid = 100, .comm = "nginx", .descriptors = {"socket:[501]"}});
  fake.put({.pid = 102, .ppid = 100, .comm = "nginx", .descriptors = {"socket:[501]"}});
  fake.put({.pid = 90, .ppid = 102, .comm = "cgi"});  // PIDs wrapped
  fake.put({.pid = 200, .comm = "bash"});
  fake.put({.pid = kSelf, .ppid = 200, .comm = "tailwhy"});
  fake.put({.pid = kSelf + 1, .ppid = kSelf, .comm = "helper"});
  fake.put({.pid = 300, .comm = "nginx", .state = 'Z'});
  fake.write(1, "net/tcp",
             "  sl  local_address\n   0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 501 1\n");
}

}  // namespace

TEST_CASE("selector: a PID brings its descendants, unless told not to", "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  const auto all = run(fake.fs(), {.pids = {100}});
  CHECK(pids_of(all) == Pids{90, 100, 101, 102});
  CHECK(all->matches[0].reason == MatchReason::Descendant);
  CHECK(all->matches[1].reason == MatchReason::Pid);
  CHECK(pids_of(run(fake.fs(), {.pids = {100}, .include_children = false})) == Pids{100});
  CHECK(pids_of(run(fake.fs(), {.pids = {102, 100, 102}})) == Pids{90, 100, 101, 102});
}

TEST_CASE("selector: a name finds user processes only", "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  const auto found = run(fake.fs(), {.comms = {"nginx"}, .include_children = false});
  CHECK(pids_of(found) == Pids{100, 101, 102});
  CHECK(found->matches[0].reason == MatchReason::Comm);
  CHECK(pids_of(run(fake.fs(), {.comms = {"/^c.i$/"}})) == Pids{90});
  CHECK(pids_of(run(fake.fs(), {.comms = {"cgi", "/ngin/"}})) == Pids{90, 100, 101, 102});
}

TEST_CASE("selector: we are never found, nor what is found only below us", "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  CHECK(pids_of(run(fake.fs(), {.pids = {200}})) == Pids{200});
  CHECK(pids_of(run(fake.fs(), {.comms = {"/bash|tailwhy/"}})) == Pids{200});
  CHECK(pids_of(run(fake.fs(), {.pids = {kSelf + 1}})) == Pids{kSelf + 1});
  const auto self = run(fake.fs(), {.pids = {kSelf}});
  REQUIRE_FALSE(self);
  CHECK(self.error().code() == ErrorCode::Usage);
}

TEST_CASE("selector: a port finds those that hold the listening socket", "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  const auto found = run(fake.fs(), {.ports = {8080}});
  CHECK(pids_of(found) == Pids{90, 100, 101, 102});
  CHECK(found->matches[0].reason == MatchReason::Descendant);
  CHECK(found->matches[1].reason == MatchReason::Port);
}

TEST_CASE("selector: listeners of each network namespace are looked up once there",
          "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  fake.put({.pid = 400, .comm = "boxed", .net_ns = "net:[2]", .descriptors = {"socket:[900]"}});
  fake.write(400, "net/tcp6",
             "  sl  local_address\n   0: 00000000000000000000000000000000:1F90 0:0 0A 0:0 00:0 0 0 "
             "0 900 1\n");
  CHECK(pids_of(run(fake.fs(), {.ports = {8080}})) == Pids{90, 100, 101, 102, 400});
}

TEST_CASE("selector: init holding a socket for a service does not make everything a target",
          "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  fake.put(
      {.pid = 1, .ppid = 0, .comm = "systemd", .start_ticks = 1, .descriptors = {"socket:[501]"}});
  CHECK(pids_of(run(fake.fs(), {.ports = {8080}})) == Pids{90, 100, 101, 102});

  for (const pid_t pid : {100, 101, 102}) {
    fake.put({.pid = pid, .comm = "nginx"});
  }
  const auto none = run(fake.fs(), {.ports = {8080}});
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == ErrorCode::NotFound);
  CHECK(none.error().hint().find("has not been started") != std::string::npos);
}

TEST_CASE("selector: PID 1 as the server itself is found, without all that runs",
          "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  fake.put(
      {.pid = 1, .ppid = 0, .comm = "nginx", .start_ticks = 1, .descriptors = {"socket:[501]"}});
  fake.write(1, "net/tcp",
             "  sl  local_address\n   0: 0100007F:1F90 0:0 0A 0:0 00:0 0 0 0 501 1\n");
  CHECK(pids_of(run(fake.fs(), {.ports = {8080}})) == Pids{1, 90, 100, 101, 102});
  // Named, it means what it says.
  CHECK(pids_of(run(fake.fs(), {.pids = {1}})) == Pids{1, 90, 100, 101, 102, 200});
}

TEST_CASE("selector: nothing found says what was looked for and what to try",
          "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  const auto none = run(fake.fs(), {.ports = {443}, .comms = {"apache2"}});
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == ErrorCode::NotFound);
  CHECK(none.error().message().find("TCP port 443") != std::string::npos);
  CHECK(none.error().message().find("apache2") != std::string::npos);
  CHECK(none.error().hint().find("--follow") != std::string::npos);
  CHECK(pids_of(run(fake.fs(), {.ports = {443}, .comms = {"apache2"}, .follow = true})).empty());
}

TEST_CASE("selector: a named PID must exist and be traceable, even with follow",
          "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  const auto code = [&](pid_t pid) {
    const auto result = run(fake.fs(), {.pids = {100, pid}, .follow = true});
    REQUIRE_FALSE(result);
    return result.error().code();
  };
  CHECK(code(777) == ErrorCode::NotFound);  // no such process
  CHECK(code(2) == ErrorCode::Usage);       // a kernel thread
  CHECK(code(300) == ErrorCode::NotFound);  // a zombie
}

TEST_CASE("selector: nonsense is refused before anything is read", "[targets][selector]") {
  const TargetSpec bad[] = {{},
                            {.pids = {0}},
                            {.pids = {-1}},
                            {.ports = {0}},
                            {.unix_paths = {""}},
                            {.comms = {""}},
                            {.comms = {"/(/"}}};
  for (const TargetSpec& spec : bad) {
    const auto matcher = TargetMatcher::create(spec);
    REQUIRE_FALSE(matcher);
    CHECK(matcher.error().code() == ErrorCode::Usage);
  }
}

TEST_CASE("selector: a process that vanishes while we look is left out", "[targets][selector]") {
  FakeProc fake;
  put_machine(fake);
  std::filesystem::remove(fake.path(101, "status"));  // gone after its stat was read
  std::filesystem::remove(fake.path(102, "stat"));    // gone before
  CHECK(pids_of(run(fake.fs(), {.comms = {"nginx"}})) == Pids{100});
}

TEST_CASE("selector: a real server is found by its port, with its children",
          "[targets][selector]") {
  Child child([](const Channel& channel) {
    const UniqueFd fd = listen_tcp();
    const pid_t worker = ::fork();
    if (worker == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;)
        ::pause();
    }
    channel.say(std::to_string(port_of(fd)) + ' ' + std::to_string(worker));
    channel.hear();
    return 0;
  });
  const std::string answer = child.channel().hear();
  const auto port = static_cast<std::uint16_t>(std::stoul(answer));
  const pid_t worker = std::stoi(answer.substr(answer.find(' ')));
  CHECK(pids_of(run(ProcFs(), {.ports = {port}}, ::getpid())) == Pids{child.pid(), worker});
  // We are their parent and would hold nothing: not found, and not followed down from.
  CHECK(pids_of(run(ProcFs(), {.pids = {child.pid()}}, ::getpid())) == Pids{child.pid(), worker});
}

TEST_CASE("selector: a server in another network namespace is found by its port",
          "[targets][selector]") {
  if (::geteuid() != 0) {
    WARN("skipped: a network namespace needs root");
    return;
  }
  Child child([](const Channel& channel) {
    if (::unshare(CLONE_NEWNET) != 0) return 1;
    const UniqueFd fd = listen_tcp(AF_INET, 8, true);
    channel.say(std::to_string(port_of(fd)));
    channel.hear();
    return 0;
  });
  const auto port = static_cast<std::uint16_t>(std::stoul(child.channel().hear()));
  const auto found = run(ProcFs(), {.ports = {port}}, ::getpid());
  const Pids pids = pids_of(found);
  CHECK(std::find(pids.begin(), pids.end(), child.pid()) != pids.end());
  CHECK(found->matches.front().process.net_ns != read_process(ProcFs(), ::getpid())->net_ns);
}

TEST_CASE("selector: a real server is found by its Unix socket", "[targets][selector]") {
  const std::string name = "@tailwhy-selector-" + std::to_string(::getpid());
  Child child([&name](const Channel& channel) {
    const UniqueFd fd = listen_unix(name);
    return wait_for_word(channel);
  });
  REQUIRE(child.channel().hear() == "ready");
  CHECK(pids_of(run(ProcFs(), {.unix_paths = {name}}, ::getpid())) == Pids{child.pid()});
}

TEST_CASE("selector: what may not be inspected is left out and said, or is the error",
          "[targets][selector]") {
  if (::geteuid() != 0) {
    WARN("skipped: needs root, to become somebody else");
    return;
  }
  Child root_owned([](const Channel& channel) {
    ::prctl(PR_SET_NAME, "tw-hidden");
    return wait_for_word(channel);
  });
  REQUIRE(root_owned.channel().hear() == "ready");
  Child looker([](const Channel&) {
    if (::setuid(65534) != 0) return 1;
    const auto matcher = TargetMatcher::create({.comms = {"tw-hidden"}});
    const auto found = select_targets(ProcFs(), *matcher, ::getpid());
    if (found || found.error().code() != ErrorCode::Permission) return 2;
    const auto ports = TargetMatcher::create({.ports = {1}});
    const auto none = select_targets(ProcFs(), *ports, ::getpid());
    if (none || none.error().hint().find("may not be inspected") == std::string::npos) return 3;
    return 0;
  });
  CHECK(looker.wait() == 0);
}
