#include "targets/net_counters.h"

#include "targets/process.h"
#include "unit/targets/child.h"
#include "unit/targets/fake_proc.h"
#include "unit/targets/sockets.h"

#include <catch2/catch.hpp>

#include <sys/ioctl.h>

#include <net/if.h>
#include <sched.h>
#include <string>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::string_view kNetstat =
    "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPAbortOnOverflow TCPReqQFullDrop "
    "Unknown\n"
    "TcpExt: 1 22 33 44 55 66\n"
    "IpExt: ListenDrops\n"
    "IpExt: 99\n";
constexpr std::string_view kSnmp =
    "Ip: Forwarding\nIp: 1\n"
    "Tcp: MaxConn ActiveOpens AttemptFails EstabResets RetransSegs OutRsts\n"
    "Tcp: -1 5 6 7 8 9\n"
    "Udp: OutRsts\nUdp: 100\n";

// The loopback device of a new network namespace is down.
bool bring_loopback_up() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP;
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

// In a namespace of its own: a listener that is never accepted from, with room for two, and six
// clients; then a connection to a port where nobody listens.
int overflow(const Channel& channel) {
  if (::unshare(CLONE_NEWNET) != 0 || !bring_loopback_up()) return 1;
  channel.say("ready");
  channel.hear();
  const UniqueFd listener = listen_tcp(AF_INET, 1);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(connect_tcp(port_of(listener), SOCK_NONBLOCK));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  connect_tcp(1);
  channel.say("done");
  channel.hear();
  return 0;
}

}  // namespace

TEST_CASE("net counters: values stand under their names, in their group", "[targets][net]") {
  FakeProc fake;
  fake.put({.pid = 9, .net_ns = "net:[77]"});
  fake.write(9, "net/netstat", kNetstat);
  fake.write(9, "net/snmp", kSnmp);
  const auto counters = read_net_counters(fake.fs(), 9);
  REQUIRE(counters);
  CHECK(*counters == NetCounters{.net_ns = 77,
                                 .listen_overflows = 22,
                                 .listen_drops = 33,
                                 .syn_queue_full = 55,
                                 .attempt_fails = 6,
                                 .established_resets = 7,
                                 .retransmitted_segments = 8,
                                 .resets_sent = 9});
}

TEST_CASE("net counters: what a kernel does not have stays 0, garbage is passed over",
          "[targets][net]") {
  FakeProc fake;
  fake.put({.pid = 9});
  fake.write(9, "net/netstat",
             "TcpExt: ListenDrops\nTcpExt: x\nTcpExt: ListenOverflows A\nTcpExt: 4\n");
  fake.write(9, "net/snmp", "Tcp: OutRsts\nUdp: 5\nTcp: OutRsts\nTcp: 6\n");
  const auto counters = read_net_counters(fake.fs(), 9);
  REQUIRE(counters);
  CHECK(counters->listen_drops == 0);
  CHECK(counters->listen_overflows == 4);
  CHECK(counters->resets_sent == 0);
}

TEST_CASE("net counters: a difference needs one namespace", "[targets][net]") {
  const NetCounters before{.net_ns = 1, .listen_drops = 5, .resets_sent = 9};
  const NetCounters after{.net_ns = 1, .listen_drops = 8, .resets_sent = 2};
  const auto added = difference(before, after);
  REQUIRE(added);
  CHECK(*added == NetCounters{.net_ns = 1, .listen_drops = 3, .resets_sent = 0});
  CHECK_FALSE(difference(before, NetCounters{.net_ns = 2}).has_value());
}

TEST_CASE("net counters: a process that is gone is NotFound", "[targets][net]") {
  const auto none = read_net_counters(ProcFs(), 0x3ffffff);
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == ErrorCode::NotFound);
}

TEST_CASE("net counters: the kernel has every counter of the table", "[targets][net]") {
  const std::string text =
      *ProcFs().read(::getpid(), "net/netstat") + *ProcFs().read(::getpid(), "net/snmp");
  for (const NetCounterRow& row : kNetCounters) {
    INFO(row.key);
    CHECK(text.find(' ' + std::string(row.key)) != std::string::npos);
    CHECK_FALSE(row.doc.empty());
  }
}

TEST_CASE("net counters: a full accept queue of another namespace shows, and not in ours",
          "[targets][net]") {
  if (::geteuid() != 0) {
    WARN("skipped: a network namespace needs root");
    return;
  }
  const ProcFs proc;
  Child child(overflow);
  REQUIRE(child.channel().hear() == "ready");
  const auto before = read_net_counters(proc, child.pid());
  const auto ours = read_net_counters(proc, ::getpid());
  REQUIRE(before);
  REQUIRE(ours);
  CHECK(before->net_ns != ours->net_ns);
  child.channel().say("go");
  REQUIRE(child.channel().hear() == "done");
  const auto added = difference(*before, *read_net_counters(proc, child.pid()));
  REQUIRE(added);
  CHECK(added->listen_overflows > 0);
  CHECK(added->listen_drops >= added->listen_overflows);
  CHECK(added->resets_sent >= 1);
  CHECK(added->attempt_fails >= 1);
}
