#include "targets/listeners.h"

#include "targets/process.h"
#include "unit/targets/child.h"
#include "unit/targets/fake_proc.h"
#include "unit/targets/sockets.h"

#include <catch2/catch.hpp>

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <sched.h>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

using Inodes = std::set<std::uint64_t>;

std::uint64_t inode_of(const UniqueFd& fd) {
  struct stat info {};
  ::fstat(fd.get(), &info);
  return info.st_ino;
}

Inodes listening_on(const ProcFs& proc, pid_t via, std::uint16_t port) {
  const auto found = listening_sockets(proc, via, {.tcp_ports = {port}});
  REQUIRE(found);
  return *found;
}

bool drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  return ::syscall(SYS_capset, &header, none) == 0;
}

constexpr std::string_view kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 501 1 0 "
    "100\n"
    "   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 33  0 502 1 0 "
    "100\n"
    "   2: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000  0  0 503 1 0 "
    "100\n"
    "   3: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 504 1 0 "
    "100\n";
constexpr std::string_view kTcp6 =
    "  sl  local_address remote_address st ...\n"
    "   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 601 1 0 100 0 0 10 0\n";
constexpr std::string_view kUnix =
    "Num       RefCount Protocol Flags    Type St Inode Path\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 701 /run/a b.sock\n"
    "0000000000000000: 00000003 00000000 00000000 0001 03 702 /run/a b.sock\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01   703 @abstract\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 704\n";

}  // namespace

TEST_CASE("listeners: the tables give the inode of each listener on the port",
          "[targets][listeners]") {
  FakeProc fake;
  fake.put({.pid = 9});
  fake.write(9, "net/tcp", kTcp);
  fake.write(9, "net/tcp6", kTcp6);
  CHECK(listening_on(fake.fs(), 9, 8080) == Inodes{501, 601});
  CHECK(listening_on(fake.fs(), 9, 80) == Inodes{502});
  CHECK(listening_on(fake.fs(), 9, 443).empty());
}

TEST_CASE("listeners: reading stops where the connections begin", "[targets][listeners]") {
  FakeProc fake;
  fake.put({.pid = 9});
  fake.write(9, "net/tcp", kTcp);
  // Line 3 listens but stands behind a connection: no kernel writes that, so nobody reads it.
  CHECK(listening_on(fake.fs(), 9, 8081).empty());
}

TEST_CASE("listeners: Unix sockets are found by path, blanks and all", "[targets][listeners]") {
  FakeProc fake;
  fake.put({.pid = 9});
  fake.write(9, "net/unix", kUnix);
  const auto found = [&](const char* path) {
    return *listening_sockets(fake.fs(), 9, {.unix_paths = {path}});
  };
  CHECK(found("/run/a b.sock") == Inodes{701});
  CHECK(found("@abstract") == Inodes{703});
  CHECK(found("/run/a").empty());
}

TEST_CASE("listeners: a missing table is no error, a missing process is", "[targets][listeners]") {
  FakeProc fake;
  fake.put({.pid = 9});
  CHECK(listening_on(fake.fs(), 9, 8080).empty());
  const auto gone = listening_sockets(fake.fs(), 10, {.tcp_ports = {8080}});
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code() == ErrorCode::NotFound);
}

TEST_CASE("listeners: garbage in a table is passed over", "[targets][listeners]") {
  FakeProc fake;
  fake.put({.pid = 9});
  fake.write(9, "net/tcp",
             "x\n\n : : : :\n1: 00:1F9g 0:0 0A 0 0 0 0 0 5\n   0: 1\n" + std::string(kTcp));
  CHECK(listening_on(fake.fs(), 9, 8080) == Inodes{501});
}

TEST_CASE("listeners: the kernel writes listeners before connections", "[targets][listeners]") {
  // What the early stop relies on. Connections first in time, and the listener last.
  const UniqueFd other = listen_tcp();
  std::vector<UniqueFd> connections;
  for (int i = 0; i < 4; ++i) {
    connections.push_back(connect_tcp(port_of(other)));
    REQUIRE(connections.back());
  }
  const UniqueFd listener = listen_tcp();
  REQUIRE(listener);
  const Inodes found = listening_on(ProcFs(), ::getpid(), port_of(listener));
  CHECK(found.contains(inode_of(listener)));
  CHECK(*held_sockets(ProcFs(), ::getpid(), found) == Inodes{inode_of(listener)});
}

TEST_CASE("listeners: IPv6 and Unix sockets of a real process", "[targets][listeners]") {
  const ProcFs proc;
  const UniqueFd v6 = listen_tcp(AF_INET6);
  if (v6) {
    CHECK(listening_on(proc, ::getpid(), port_of(v6)).contains(inode_of(v6)));
  } else {
    WARN("IPv6 part skipped: no IPv6 here");
  }
  const std::string name = "@tailwhy-test-" + std::to_string(::getpid());
  const UniqueFd abstract = listen_unix(name);
  REQUIRE(abstract);
  CHECK(*listening_sockets(proc, ::getpid(), {.unix_paths = {name}}) == Inodes{inode_of(abstract)});
}

TEST_CASE("listeners: a socket of another network namespace is found through its process",
          "[targets][listeners]") {
  if (::geteuid() != 0) {
    WARN("skipped: a network namespace needs root");
    return;
  }
  Child child([](const Channel& channel) {
    if (::unshare(CLONE_NEWNET) != 0) return 1;
    const UniqueFd fd = listen_tcp(AF_INET, 8, true);
    channel.say(std::to_string(port_of(fd)) + ' ' + std::to_string(inode_of(fd)));
    channel.hear();
    return 0;
  });
  const std::string answer = child.channel().hear();
  const auto port = static_cast<std::uint16_t>(std::stoul(answer));
  const std::uint64_t inode = std::stoull(answer.substr(answer.find(' ')));
  CHECK(listening_on(ProcFs(), child.pid(), port) == Inodes{inode});
  CHECK_FALSE(listening_on(ProcFs(), ::getpid(), port).contains(inode));
  CHECK(*held_sockets(ProcFs(), child.pid(), {inode}) == Inodes{inode});
}

TEST_CASE("listeners: held sockets are those with a descriptor", "[targets][listeners]") {
  FakeProc fake;
  fake.put({.pid = 9, .descriptors = {"/dev/null", "socket:[501]", "pipe:[502]", "socket:[503]"}});
  CHECK(*held_sockets(fake.fs(), 9, {501, 502, 777}) == Inodes{501});
  CHECK(held_sockets(fake.fs(), 9, {})->empty());
  CHECK(held_sockets(fake.fs(), 10, {501})->empty());
}

TEST_CASE("listeners: when the first thread has ended, the others hold the descriptors",
          "[targets][listeners]") {
  FakeProc fake;
  fake.put({.pid = 9, .threads = {{.tid = 9}, {.tid = 11}}});
  fake.link(9, "task/11/fd/3", "socket:[501]");
  CHECK(*held_sockets(fake.fs(), 9, {501}) == Inodes{501});
}

TEST_CASE("listeners: not being allowed to look is told apart from holding nothing",
          "[targets][listeners]") {
  if (::geteuid() != 0) {
    WARN("skipped: needs root, to become somebody else");
    return;
  }
  const pid_t target = ::getpid();
  const auto is_refused = [target] {
    const auto held = held_sockets(ProcFs(), target, {1});
    return !held && held.error().code() == ErrorCode::Permission;
  };
  SECTION("not even to list the descriptors") {
    Child child([&](const Channel&) { return ::setuid(65534) == 0 && is_refused() ? 0 : 1; });
    CHECK(child.wait() == 0);
  }
  SECTION("to list them, but not to see what they are") {
    // Same user, but fewer capabilities than the target: no ptrace access.
    Child child([&](const Channel&) { return drop_capabilities() && is_refused() ? 0 : 1; });
    CHECK(child.wait() == 0);
  }
}
