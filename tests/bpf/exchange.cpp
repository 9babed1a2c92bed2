#include "bpf/exchange.h"

#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/socket.h>

#include <netinet/in.h>
#include <unistd.h>

namespace tailwhy::test {

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

}  // namespace tailwhy::test
