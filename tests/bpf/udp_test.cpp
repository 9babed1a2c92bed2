// Datagrams of UDP sockets: by every system call that moves them, with their stamps, and to whom
// they go; what is not told is counted.
#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/uio.h>

#include <array>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

// Eight bytes that pass the mask, and a number.
std::string message(char number, std::size_t size = 40) {
  std::string bytes(size, '.');
  bytes.replace(0, 8, "MARKED: ");
  bytes[8] = number;
  return bytes;
}

SceneOptions options() {
  SceneOptions made;
  std::memcpy(&made.config.datagram_mask, "\xff\xff\xff\xff\xff\xff\0\0", 8);
  std::memcpy(&made.config.datagram_value, "MARKED\0\0", 8);
  return made;
}

bool is_told(const Mode& mode) {
  return mode.name == "tracepoints" || mode.name == "fexit";
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] std::uint16_t port() const {
    return ntohs(storage.ss_family == AF_INET6
                     ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                     : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  }
};

struct Udp {
  int fd = -1;
  Address address;
};

Udp bind_udp(int family) {
  Udp made;
  made.fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  must(made.fd >= 0, "socket");
  made.address.storage.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&made.address.storage)->sin6_addr = in6addr_loopback;
    made.address.size = sizeof(sockaddr_in6);
  } else {
    reinterpret_cast<sockaddr_in*>(&made.address.storage)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    made.address.size = sizeof(sockaddr_in);
  }
  must(bind(made.fd, made.address.get(), made.address.size) == 0, "bind");
  must(getsockname(made.fd, made.address.get(), &made.address.size) == 0, "getsockname");
  return made;
}

void send_to(int fd, Address to, const std::string& bytes) {
  must(sendto(fd, bytes.data(), bytes.size(), 0, to.get(), to.size) ==
           static_cast<ssize_t>(bytes.size()),
       "sendto");
}

// Takes one by each of the calls there are, and answers each by another call.
void serve_by_all_calls(int fd) {
  std::array<char, 600> data{};
  Address peer;
  const auto heads = [&](iovec* parts, std::array<mmsghdr, 2>& messages) {
    for (std::size_t i = 0; i < messages.size(); ++i) {
      parts[i] = {data.data() + 300 * i, 300};
      messages[i].msg_hdr = {};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &peer.storage;
      messages[i].msg_hdr.msg_namelen = sizeof(peer.storage);
    }
  };
  peer.size = sizeof(peer.storage);
  ssize_t got = recvfrom(fd, data.data(), data.size(), 0, peer.get(), &peer.size);
  must(got == 40, "recvfrom");
  must(sendto(fd, data.data(), 40, 0, peer.get(), peer.size) == 40, "sendto");
  std::array<iovec, 2> parts{};
  std::array<mmsghdr, 2> messages{};
  heads(parts.data(), messages);
  must(recvmsg(fd, &messages[0].msg_hdr, 0) == 300, "recvmsg");
  parts[0].iov_len = 300;
  must(sendmsg(fd, &messages[0].msg_hdr, 0) == 300, "sendmsg");
  heads(parts.data(), messages);
  must(recvmmsg(fd, messages.data(), 2, 0, nullptr) == 2, "recvmmsg");
  parts[0].iov_len = parts[1].iov_len = 40;
  must(sendmmsg(fd, messages.data(), 2, 0) == 2, "sendmmsg");
  must(read(fd, data.data(), data.size()) == 40, "read");
}

}  // namespace

TEST_CASE("udp: every call, by every variant, with the address that answers go to", "[udp]") {
  for (const Mode& mode : usable_modes()) {
    for (const int family : {AF_INET, AF_INET6}) {
      INFO(mode.name << (family == AF_INET ? " IPv4" : " IPv6"));
      const Udp server = bind_udp(family);
      const Udp client = bind_udp(family);
      Scene scene(
          mode,
          [&](Side& side) {
            side.wait();
            side.wait();
            serve_by_all_calls(server.fd);
          },
          options());
      scene.await();
      const Ns before = mono_now();
      const std::vector<std::size_t> sizes = {40, 300, 40, 40, 40};
      for (std::size_t i = 0; i < sizes.size(); ++i)
        send_to(client.fd, server.address, message(static_cast<char>('0' + i), sizes[i]));
      const Ns sent = mono_now();
      scene.go();
      const Trace trace = scene.finish();
      close(server.fd);
      close(client.fd);
      CHECK(trace.conns.empty());
      if (!is_told(mode)) {
        CHECK(trace.datagrams.empty());
        continue;
      }
      trace.check_no_loss();
      REQUIRE(trace.datagrams.size() == 9);
      std::string in, out;
      for (const auto& [event, payload] : trace.datagrams) {
        REQUIRE(payload.size() > 8);
        CHECK(payload == message(payload[8], event.len_bytes));
        CHECK(event.pid == scene.pid());
        CHECK(event.family == family);
        CHECK(event.local_port == server.address.port());
        CHECK(event.socket_id == trace.datagrams[0].event.socket_id);
        (event.dir == TW_DIR_IN ? in : out) += payload[8];
        if (event.dir == TW_DIR_IN) {
          CHECK(event.flags == 0);
          CHECK(event.arrived_ns > before);
          CHECK(event.arrived_ns < sent);
          CHECK(event.hdr.ts_ns > sent);
        } else {
          CHECK(event.flags == TW_DATAGRAM_REMOTE);
          CHECK(event.remote_port == client.address.port());
          CHECK(std::memcmp(event.remote, event.local, sizeof(event.remote)) == 0);
          CHECK(event.arrived_ns == 0);
        }
      }
      CHECK(in == "01234");
      CHECK(out == "0123");
    }
  }
}

TEST_CASE("udp: a socket that is connected knows its peer, and stamps are of their own datagram",
          "[udp]") {
  for (const Mode& mode : usable_modes()) {
    if (!is_told(mode)) continue;
    INFO(mode.name);
    const Udp server = bind_udp(AF_INET);
    std::uint16_t port = 0;
    Scene scene(
        mode,
        [&](Side& side) {
          side.wait();
          const Udp own = bind_udp(AF_INET);
          Address to = server.address;
          must(connect(own.fd, to.get(), to.size) == 0, "connect");
          const std::string asked = message('a');
          must(write(own.fd, asked.data(), asked.size()) == 40, "write");
          side.wait();
          std::array<char, 100> data{};
          must(recv(own.fd, data.data(), data.size(), MSG_PEEK) == 40, "peek");
          for (int i = 0; i < 3; ++i)
            must(recv(own.fd, data.data(), data.size(), 0) == 40, "recv");
        },
        options());
    scene.await();
    std::array<char, 100> data{};
    Address peer;
    must(recvfrom(server.fd, data.data(), data.size(), 0, peer.get(), &peer.size) == 40, "asked");
    port = peer.port();
    std::vector<Ns> sent;
    for (const char number : {'1', '2', '3'}) {
      sent.push_back(mono_now());
      send_to(server.fd, peer, message(number));
    }
    sent.push_back(mono_now());
    scene.go();
    const Trace trace = scene.finish();
    close(server.fd);
    trace.check_no_loss();
    REQUIRE(trace.datagrams.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto& [event, payload] = trace.datagrams[i];
      CHECK(event.dir == (i == 0 ? TW_DIR_OUT : TW_DIR_IN));
      CHECK(event.flags == TW_DATAGRAM_REMOTE);
      CHECK(event.remote_port == server.address.port());
      CHECK(event.local_port == port);
      CHECK(payload[8] == "a123"[i]);
      if (i == 0) continue;
      CHECK(event.arrived_ns > sent[i - 1]);
      CHECK(event.arrived_ns < sent[i]);
    }
  }
}

TEST_CASE("udp: what is no message of the mask is counted, and nothing of it is told", "[udp]") {
  for (const Mode& mode : usable_modes()) {
    if (!is_told(mode)) continue;
    INFO(mode.name);
    const Udp server = bind_udp(AF_INET);
    const Udp client = bind_udp(AF_INET);
    Scene scene(
        mode,
        [&](Side& side) {
          side.wait();
          std::array<char, 2000> data{};
          for (int i = 0; i < 4; ++i)
            must(read(server.fd, data.data(), data.size()) >= 0, "read");
        },
        options());
    send_to(client.fd, server.address, std::string(40, 'x'));
    send_to(client.fd, server.address, "MARKED: sh");
    send_to(client.fd, server.address, "");
    send_to(client.fd, server.address, message('m', 1500));
    const Trace trace = scene.finish();
    close(server.fd);
    close(client.fd);
    CHECK(trace.losses[TW_CNT_DATAGRAM_OTHER] == 3);
    trace.check_no_loss({TW_CNT_DATAGRAM_OTHER});
    REQUIRE(trace.datagrams.size() == 1);
    CHECK(trace.datagrams[0].event.len_bytes == 1500);
    CHECK(trace.datagrams[0].payload == message('m', TW_DATAGRAM_MAX - 1));
  }
}

TEST_CASE("udp: datagrams that were there before, or are too many, have no stamp", "[udp]") {
  constexpr int kBefore = 3, kStamped = 256, kMore = 20;
  for (const Mode& mode : usable_modes()) {
    if (!is_told(mode)) continue;
    INFO(mode.name);
    const Udp server = bind_udp(AF_INET);
    const Udp client = bind_udp(AF_INET);
    const int size = 4 << 20;
    must(setsockopt(server.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0, "SO_RCVBUF");
    for (int i = 0; i < kBefore; ++i)
      send_to(client.fd, server.address, message('b'));
    Scene scene(
        mode,
        [&](Side& side) {
          side.wait();
          side.wait();
          std::array<char, 100> data{};
          for (int i = 0; i < kBefore + kStamped + kMore; ++i)
            must(read(server.fd, data.data(), data.size()) == 40, "read");
          side.wait();
          must(read(server.fd, data.data(), data.size()) == 40, "read");
        },
        options());
    scene.await();
    for (int i = 0; i < kStamped + kMore; ++i)
      send_to(client.fd, server.address, message('m'));
    scene.go();
    scene.await();
    send_to(client.fd, server.address, message('n'));
    scene.go();
    const Trace trace = scene.finish();
    close(server.fd);
    close(client.fd);
    REQUIRE(trace.datagrams.size() == kBefore + kStamped + kMore + 1);
    // those that were there before take up room
    CHECK(trace.losses[TW_CNT_ARRIVAL_FULL] == kBefore + kMore);
    trace.check_no_loss({TW_CNT_ARRIVAL_FULL});
    for (int i = 0; i <= kBefore + kStamped + kMore; ++i) {
      const bool stamped = (i >= kBefore && i < kStamped) || i == kBefore + kStamped + kMore;
      INFO(i);
      REQUIRE((trace.datagrams[static_cast<std::size_t>(i)].event.arrived_ns != 0) == stamped);
    }
  }
}
