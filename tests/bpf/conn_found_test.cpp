// Which connections are the target's: those open at the attach, of later listeners, on a port that
// is shared, and Unix sockets by their names.
#include "bpf/exchange.h"
#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
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

}  // namespace

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
    CHECK(served.open().flags == (TW_OPEN_EXISTING | TW_OPEN_ASKED));
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

TEST_CASE("conn: a Unix client that waits to be accepted has its stamps", "[conn][unix]") {
  const std::string name = unique_name(std::string_view("\0tailwhy-wait-", 14));
  for (const Mode& mode : usable_modes()) {
    if (mode.name == "system calls") continue;  // tcp_probe does not see Unix sockets
    INFO(mode.name);
    const int listener = listen_unix(name);
    Scene scene(mode, [&](Side& side) {
      side.wait();
      side.wait();  // the question waits in the queue
      serve(listener, 1);
    });
    close(listener);
    scene.await();
    const int peer = connect_unix(name);
    usleep(20000);
    send_all(peer, "ping");
    usleep(20000);
    scene.go();
    CHECK(recv_exactly(peer, 4) == "pong");
    close(peer);
    const Trace trace = scene.finish();
    const Connection& conn = trace.only();
    check_served(conn, scene.pid());
    check_stamps(conn);
    const Call& in = conn.in.front();
    CHECK(conn.open().flags == 0);
    CHECK(in.arrived_ns - conn.open().established_ns > 15'000'000);
    CHECK(in.ts_ns - in.arrived_ns > 15'000'000);
    CHECK(in.accepted_ns - conn.open().established_ns > 35'000'000);
    trace.check_no_loss();
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
