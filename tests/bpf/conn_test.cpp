// The life of a connection: who opened it, when it was ready, taken, used, and how it ended.
#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

std::string unique_name(std::string_view prefix) {
  return std::string(prefix) + std::to_string(getpid());
}

// Accepts `count` connections one after the other, answers "pong" to "ping", waits for the end.
void serve(int listener, int count) {
  for (int i = 0; i < count; ++i) {
    const int fd = accept_one(listener);
    must(recv_exactly(fd, 4) == "ping", "the question");
    send_all(fd, "pong");
    char byte = 0;
    must(recv(fd, &byte, 1, 0) == 0, "the end of the stream");
    close(fd);
  }
}

void ask(int fd) {
  send_all(fd, "ping");
  must(recv_exactly(fd, 4) == "pong", "the answer");
}

std::uint16_t local_port(int fd) {
  sockaddr_storage addr;
  socklen_t size = sizeof(addr);
  must(getsockname(fd, reinterpret_cast<sockaddr*>(&addr), &size) == 0, "getsockname");
  return ntohs(reinterpret_cast<sockaddr_in*>(&addr)->sin_port);  // the same place in IPv6
}

void check_served(const Connection& conn, std::uint32_t pid) {
  REQUIRE(conn.in.size() == 1);
  REQUIRE(conn.out.size() == 1);
  const tw_ev_conn_open& open = conn.open();
  const Call& in = conn.in.front();
  const Call& out = conn.out.front();
  CHECK(open.role == TW_ROLE_SERVER);
  CHECK(in.payload == "ping");
  CHECK(out.payload == "pong");
  CHECK(in.pid == pid);
  CHECK(in.tid == pid);
  CHECK(in.ts_ns < out.ts_ns);
}

void check_stamps(const Connection& conn) {
  const tw_ev_conn_open& open = conn.open();
  const Call& in = conn.in.front();
  CHECK(open.established_ns > 0);
  CHECK(open.established_ns <= in.accepted_ns);
  CHECK(in.accepted_ns <= in.ts_ns);
  CHECK((in.flags & TW_DATA_ACCEPT_SEEN) != 0);
  CHECK(in.arrived_ns >= open.established_ns);
  CHECK(in.arrived_ns <= in.ts_ns);
  CHECK(conn.out.front().accepted_ns == 0);
}

}  // namespace

TEST_CASE("conn: an accepted TCP connection from its handshake to its close", "[conn]") {
  for (const Mode& mode : usable_modes()) {
    for (const int family : {AF_INET, AF_INET6}) {
      INFO(mode.name << (family == AF_INET ? ", IPv4" : ", IPv6"));
      const Listener listener = listen_tcp(family);
      Scene scene(mode, [&](Side& side) {
        side.wait();
        serve(listener.fd, 1);
      });
      const int peer = connect_tcp(listener.port, family);
      close(listener.fd);
      const std::uint16_t port = local_port(peer);
      ask(peer);
      close(peer);
      const Trace trace = scene.finish();
      const Connection& conn = trace.only();
      check_served(conn, scene.pid());
      check_stamps(conn);
      const tw_ev_conn_open& open = conn.open();
      CHECK(open.flags == 0);
      CHECK(open.family == family);
      CHECK(open.local_port == listener.port);
      CHECK(open.remote_port == port);
      CHECK(open.netns_inum > 0);
      unsigned char expected[16] = {};
      if (family == AF_INET6) {
        expected[15] = 1;
      } else {
        const in_addr loopback{htonl(INADDR_LOOPBACK)};
        std::memcpy(expected, &loopback, sizeof(loopback));
      }
      CHECK(std::memcmp(open.addr.ip.local, expected, sizeof(expected)) == 0);
      CHECK(std::memcmp(open.addr.ip.remote, expected, sizeof(expected)) == 0);
      CHECK(conn.close().in_bytes == 4);
      CHECK(conn.close().out_bytes == 4);
      CHECK(conn.close().error == 0);
      CHECK(conn.close().flags == 0);
      CHECK(conn.close().retransmits == 0);
      CHECK(conn.close().srtt_us > 0);
      REQUIRE(conn.shuts.size() == 2);
      CHECK(conn.shuts[0].dir == TW_DIR_IN);
      CHECK(conn.shuts[1].dir == TW_DIR_OUT);
      trace.check_no_loss();
    }
  }
}

TEST_CASE("conn: a connection that the target opens has the role of a client", "[conn]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const Listener listener = listen_tcp();
    Scene scene(mode, [&](Side& side) {
      close(listener.fd);
      side.wait();
      const int fd = connect_tcp(listener.port);
      ask(fd);
      close(fd);
    });
    serve(listener.fd, 1);
    close(listener.fd);
    const Trace trace = scene.finish();
    const Connection& conn = trace.only();
    CHECK(conn.open().role == TW_ROLE_CLIENT);
    CHECK(conn.open().remote_port == listener.port);
    CHECK(conn.open().flags == 0);
    CHECK(conn.open().established_ns > 0);
    CHECK(conn.out_payload() == "ping");
    CHECK(conn.in_payload() == "pong");
    CHECK(conn.out.front().accepted_ns == 0);
    CHECK(conn.closes.size() == 1);
    trace.check_no_loss();
  }
}

TEST_CASE("conn: a refused connection says so", "[conn]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const Listener listener = listen_tcp();
    close(listener.fd);  // nobody listens there now
    Scene scene(mode, [&](Side& side) {
      side.wait();
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in addr{};
      addr.sin_family = AF_INET;
      addr.sin_port = htons(listener.port);
      addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      must(connect(fd, reinterpret_cast<const sockaddr*>(&addr), sizeof(addr)) < 0 &&
               errno == ECONNREFUSED,
           "a refused connect");
      close(fd);
    });
    const Trace trace = scene.finish();
    const Connection& conn = trace.only();
    CHECK(conn.open().flags == TW_OPEN_CONNECT_FAILED);
    CHECK(conn.open().error == ECONNREFUSED);
    CHECK(conn.open().role == TW_ROLE_CLIENT);
    CHECK(conn.open().remote_port == listener.port);
    CHECK(conn.closes.empty());
    trace.check_no_loss();
  }
}

TEST_CASE("conn: resets say which side sent them", "[conn]") {
  for (const Mode& mode : usable_modes()) {
    for (const bool by_peer : {true, false}) {
      INFO(mode.name << (by_peer ? ", by the peer" : ", by the target"));
      const Listener listener = listen_tcp();
      Scene scene(mode, [&](Side& side) {
        side.wait();
        const int fd = accept_one(listener.fd);
        must(recv_exactly(fd, 4) == "ping", "the question");
        send_all(fd, "pong");
        if (!by_peer) return close_with_reset(fd);
        side.wait();
        char byte = 0;
        must(recv(fd, &byte, 1, 0) < 0 && errno == ECONNRESET, "a reset");
        close(fd);
      });
      const int peer = connect_tcp(listener.port);
      close(listener.fd);
      ask(peer);
      if (by_peer) {
        scene.await();
        close_with_reset(peer);
        scene.go();
      }
      const Trace trace = scene.finish();
      if (!by_peer) close(peer);
      const Connection& conn = trace.only();
      const int flag = by_peer ? TW_CLOSE_RST_IN : TW_CLOSE_RST_OUT;
      // An active reset has no tracepoint before 6.10: the flag may be missing, never wrong.
      CHECK((conn.close().flags & ~flag) == 0);
      if (by_peer) CHECK(conn.close().flags == flag);
      if (by_peer) CHECK(conn.close().error == ECONNRESET);
      if (by_peer) CHECK(conn.errors.size() == 1);
      trace.check_no_loss();
    }
  }
}

TEST_CASE("conn: what is open at the attach is found, with its role", "[conn]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const Listener ours = listen_tcp();
    const Listener theirs = listen_tcp();
    const int peer = connect_tcp(ours.port);
    send_all(peer, "early");
    Scene scene(mode, [&](Side& side) {
      close(peer);
      close(theirs.fd);
      const int served = accept_one(ours.fd);
      await_readable(served, 5);
      const int client = connect_tcp(theirs.port);
      side.wait();
      must(recv_exactly(served, 5) == "early", "what waited");
      must(recv_exactly(served, 4) == "ping", "the question");
      send_all(served, "pong");
      ask(client);
      close(served);
      close(client);
    });
    close(ours.fd);
    ask(peer);
    serve(theirs.fd, 1);
    close(theirs.fd);
    char byte = 0;
    must(recv(peer, &byte, 1, 0) == 0, "the end of the stream");
    close(peer);
    const Trace trace = scene.finish();
    REQUIRE(trace.conns.size() == 2);
    REQUIRE(trace.with_role(TW_ROLE_SERVER).size() == 1);
    REQUIRE(trace.with_role(TW_ROLE_CLIENT).size() == 1);
    const Connection& served = *trace.with_role(TW_ROLE_SERVER).front();
    const Connection& client = *trace.with_role(TW_ROLE_CLIENT).front();
    CHECK(served.open().flags == (TW_OPEN_EXISTING | TW_OPEN_UNREAD));
    CHECK(served.open().established_ns == 0);
    CHECK(served.open().pid == scene.pid());
    CHECK(served.open().local_port == ours.port);
    CHECK(served.in_payload() == "earlyping");
    CHECK(served.in.front().offset == 0);
    CHECK(served.in.front().accepted_ns == 0);
    CHECK(client.open().flags == TW_OPEN_EXISTING);
    CHECK(client.open().remote_port == theirs.port);
    CHECK(client.out_payload() == "ping");
    CHECK(served.closes.size() == 1);
    CHECK(client.closes.size() == 1);
    trace.check_no_loss();
  }
}

TEST_CASE("conn: a listener's child is known before it is accepted", "[conn]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const bool by_address = mode.name == "by address" || mode.name == "system calls";
    const Listener listener = listen_tcp();
    Scene scene(mode, [&](Side& side) {
      side.wait();
      side.wait();  // two wait in the queue
      serve(listener.fd, 1);
    });
    scene.await();
    const int peer = connect_tcp(listener.port);
    const int ignored = connect_tcp(listener.port);
    send_all(peer, "ping");
    usleep(20000);
    scene.go();
    close(listener.fd);
    must(recv_exactly(peer, 4) == "pong", "the answer");
    close(peer);
    const Trace trace = scene.finish();
    close(ignored);
    REQUIRE(trace.conns.size() == (by_address ? 1 : 2));
    const Connection& conn = trace.conns.front();
    check_served(conn, scene.pid());
    check_stamps(conn);
    CHECK(conn.in.front().accepted_ns - conn.open().established_ns > 15'000'000);
    CHECK(conn.in.front().ts_ns - conn.in.front().arrived_ns > 15'000'000);
    if (!by_address) CHECK(conn.open().pid == 0);
    if (!by_address) CHECK(trace.conns[1].in.empty());
    if (!by_address) CHECK(trace.conns[1].closes.size() == 1);
    trace.check_no_loss();
  }
}

TEST_CASE("conn: descriptors are used again, connections are not", "[conn]") {
  constexpr int kConnections = 20;
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const Listener listener = listen_tcp();
    Scene scene(mode, [&](Side& side) {
      side.wait();
      serve(listener.fd, kConnections);
    });
    close(listener.fd);
    for (int i = 0; i < kConnections; ++i) {
      const int peer = connect_tcp(listener.port);
      ask(peer);
      close(peer);
    }
    const Trace trace = scene.finish();
    REQUIRE(trace.conns.size() == kConnections);
    for (const Connection& conn : trace.conns) {
      check_served(conn, scene.pid());
      CHECK(conn.in.front().offset == 0);
      CHECK(conn.close().in_bytes == 4);
    }
    trace.check_no_loss();
  }
}

TEST_CASE("conn: Unix sockets are known by their name and role", "[conn][unix]") {
  const std::string path = unique_name("/tmp/tailwhy-test-");
  const std::string abstract = unique_name(std::string_view("\0tailwhy-test-", 14));
  for (const Mode& mode : usable_modes()) {
    for (const std::string& name : {path, abstract}) {
      INFO(mode.name << ", " << (name == path ? "path" : "abstract"));
      unlink(path.c_str());
      const int listener = listen_unix(name);
      const std::string other = name + "-other";
      const int theirs = listen_unix(other);
      Scene scene(mode, [&](Side& side) {
        close(theirs);
        side.wait();
        serve(listener, 1);
        const int client = connect_unix(other);
        ask(client);
        close(client);
      });
      close(listener);
      const int peer = connect_unix(name);
      ask(peer);
      close(peer);
      serve(theirs, 1);
      close(theirs);
      unlink(path.c_str());
      unlink(other.c_str());
      const Trace trace = scene.finish();
      REQUIRE(trace.conns.size() == 2);
      REQUIRE(trace.with_role(TW_ROLE_SERVER).size() == 1);
      REQUIRE(trace.with_role(TW_ROLE_CLIENT).size() == 1);
      const Connection& served = *trace.with_role(TW_ROLE_SERVER).front();
      const Connection& client = *trace.with_role(TW_ROLE_CLIENT).front();
      check_served(served, scene.pid());
      CHECK(client.out_payload() == "ping");
      CHECK(client.in_payload() == "pong");
      CHECK(std::string_view(served.open().addr.unix_path, name.size()) == name);
      CHECK(std::string_view(client.open().addr.unix_path, other.size()) == other);
      CHECK(served.open().family == TW_AF_UNIX);
      trace.check_no_loss();
    }
  }
}

TEST_CASE("conn: the ends of a socketpair have no role and no name", "[conn][unix]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    Scene scene(mode, [&](Side& side) {
      const auto before = socket_pair();
      side.wait();
      const auto after = socket_pair();
      for (const auto& pair : {before, after}) {
        send_all(pair.first, "ping");
        must(recv_exactly(pair.second, 4) == "ping", "the other end");
      }
    });
    const Trace trace = scene.finish();
    REQUIRE(trace.conns.size() == 4);
    int existing = 0;
    std::string sent;
    std::string received;
    for (const Connection& conn : trace.conns) {
      CHECK(conn.open().role == TW_ROLE_UNKNOWN);
      CHECK(conn.open().addr.unix_path[0] == 0);
      existing += (conn.open().flags & TW_OPEN_EXISTING) != 0;
      sent += conn.out_payload();
      received += conn.in_payload();
    }
    CHECK(existing == 2);
    CHECK(sent == "pingping");
    CHECK(received == "pingping");
    trace.check_no_loss();
  }
}

TEST_CASE("conn: a listener that starts after the attach is followed", "[conn]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    int ports[2];
    REQUIRE(pipe(ports) == 0);
    Scene scene(mode, [&](Side& side) {
      side.wait();
      const Listener listener = listen_tcp();
      must(write(ports[1], &listener.port, sizeof(listener.port)) == sizeof(listener.port),
           "write");
      serve(listener.fd, 1);
    });
    std::uint16_t port = 0;
    REQUIRE(read(ports[0], &port, sizeof(port)) == sizeof(port));
    const int peer = connect_tcp(port);
    ask(peer);
    close(peer);
    const Trace trace = scene.finish();
    close(ports[0]);
    close(ports[1]);
    check_served(trace.only(), scene.pid());
    check_stamps(trace.only());
    trace.check_no_loss();
  }
}

TEST_CASE("conn: what another process accepts on the same port is not the target's", "[conn]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const auto shared = [](std::uint16_t port) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      const int on = 1;
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
      sockaddr_in addr{};
      addr.sin_family = AF_INET;
      addr.sin_port = htons(port);
      addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      must(bind(fd, reinterpret_cast<const sockaddr*>(&addr), sizeof(addr)) == 0, "bind");
      must(listen(fd, 16) == 0, "listen");
      return fd;
    };
    const int theirs = shared(0);
    const std::uint16_t port = local_port(theirs);
    const int ours = shared(port);
    Scene scene(mode, [&](Side& side) {
      close(theirs);
      side.wait();
      side.wait();
    });
    close(ours);
    std::vector<int> peers;
    for (int i = 0; i < 16; ++i) {
      peers.push_back(connect_tcp(port));
    }
    must(fcntl(theirs, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
    unsigned accepted = 0;
    for (int fd = 0; (fd = accept4(theirs, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ++accepted) {
      close(fd);
    }
    CHECK(accepted > 0);  // the kernel spreads them by a hash of the ports
    scene.await();
    scene.go();
    const Trace trace = scene.finish();
    close(theirs);
    for (const int peer : peers) {
      close(peer);
    }
    CHECK(trace.conns.size() <= 16 - accepted);
    trace.check_no_loss();
  }
}
