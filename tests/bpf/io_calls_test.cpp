// Every system call that moves bytes through a stream socket, on every kind of stream socket, by
// every variant of the hooks: exact sizes, offsets and payloads.
#include "bpf/scene.h"
#include "bpf/skip.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::size_t kSize = 3000;

bool whole(ssize_t got, std::size_t want) {
  return got == static_cast<ssize_t>(want);
}

std::array<iovec, 3> three_parts(char* data, std::size_t size) {
  return {iovec{data, 100}, iovec{data + 100, 0}, iovec{data + 100, size - 100}};
}

msghdr message(iovec* parts, std::size_t count) {
  msghdr msg{};
  msg.msg_iov = parts;
  msg.msg_iovlen = count;
  return msg;
}

struct Way {
  std::string_view name;
  void (*run)(int fd, std::string& data);  ///< moves all of `data` through `fd`
  std::size_t calls = 1;                   ///< calls that the socket sees
  bool readable = true;                    ///< the bytes are in user memory
};

void by_write(int fd, std::string& data) {
  must(whole(write(fd, data.data(), data.size()), data.size()), "write");
}
void by_send(int fd, std::string& data) {
  must(whole(send(fd, data.data(), data.size(), 0), data.size()), "send");
}
void by_writev(int fd, std::string& data) {
  auto parts = three_parts(data.data(), data.size());
  must(whole(writev(fd, parts.data(), 3), data.size()), "writev");
}
void by_pwritev2(int fd, std::string& data) {
  auto parts = three_parts(data.data(), data.size());
  must(whole(pwritev2(fd, parts.data(), 3, -1, 0), data.size()), "pwritev2");
}
void by_sendmsg(int fd, std::string& data) {
  auto parts = three_parts(data.data(), data.size());
  const msghdr msg = message(parts.data(), 3);
  must(whole(sendmsg(fd, &msg, 0), data.size()), "sendmsg");
}

// Three messages; the middle one is a single byte.
std::array<mmsghdr, 3> three_messages(std::array<iovec, 3>& parts, std::string& data) {
  parts = {iovec{data.data(), 1000}, iovec{data.data() + 1000, 1},
           iovec{data.data() + 1001, data.size() - 1001}};
  std::array<mmsghdr, 3> messages{};
  for (std::size_t i = 0; i < 3; ++i) {
    messages[i].msg_hdr = message(&parts[i], 1);
  }
  return messages;
}

void by_sendmmsg(int fd, std::string& data) {
  std::array<iovec, 3> parts{};
  auto messages = three_messages(parts, data);
  must(sendmmsg(fd, messages.data(), 3, 0) == 3, "sendmmsg");
}
void by_sendfile(int fd, std::string& data) {
  const int file = memfd_create("data", MFD_CLOEXEC);
  by_write(file, data);
  off_t offset = 0;
  must(whole(sendfile(fd, file, &offset, data.size()), data.size()), "sendfile");
  close(file);
}
void by_splice_to(int fd, std::string& data) {
  int ends[2];
  must(pipe(ends) == 0, "pipe");
  by_write(ends[1], data);
  must(whole(splice(ends[0], nullptr, fd, nullptr, data.size(), 0), data.size()), "splice");
  close(ends[0]);
  close(ends[1]);
}

constexpr Way kSends[] = {
    {"write", by_write},
    {"send", by_send},
    {"writev", by_writev},
    {"pwritev2", by_pwritev2},
    {"sendmsg", by_sendmsg},
    {"sendmmsg", by_sendmmsg, 3},
    {"sendfile", by_sendfile, 1, false},
    {"splice", by_splice_to, 1, false},
};

void by_read(int fd, std::string& data) {
  must(whole(read(fd, data.data(), data.size()), data.size()), "read");
}
void by_recv(int fd, std::string& data) {
  must(whole(recv(fd, data.data(), data.size(), 0), data.size()), "recv");
}
void by_readv(int fd, std::string& data) {
  auto parts = three_parts(data.data(), data.size());
  must(whole(readv(fd, parts.data(), 3), data.size()), "readv");
}
void by_preadv2(int fd, std::string& data) {
  auto parts = three_parts(data.data(), data.size());
  must(whole(preadv2(fd, parts.data(), 3, -1, 0), data.size()), "preadv2");
}
void by_recvmsg(int fd, std::string& data) {
  auto parts = three_parts(data.data(), data.size());
  msghdr msg = message(parts.data(), 3);
  must(whole(recvmsg(fd, &msg, 0), data.size()), "recvmsg");
}
void by_recvmmsg(int fd, std::string& data) {
  std::array<iovec, 3> parts{};
  auto messages = three_messages(parts, data);
  must(recvmmsg(fd, messages.data(), 3, 0, nullptr) == 3, "recvmmsg");
}
void by_peek_and_recv(int fd, std::string& data) {
  must(whole(recv(fd, data.data(), data.size(), MSG_PEEK), data.size()), "recv with MSG_PEEK");
  by_recv(fd, data);
}
void by_discard(int fd, std::string& data) {
  must(whole(recv(fd, nullptr, data.size(), MSG_TRUNC), data.size()), "recv with MSG_TRUNC");
}

constexpr Way kReceives[] = {
    {"read", by_read},
    {"recv", by_recv},
    {"readv", by_readv},
    {"preadv2", by_preadv2},
    {"recvmsg", by_recvmsg},
    {"recvmmsg", by_recvmmsg, 3},
    {"MSG_PEEK", by_peek_and_recv},
};
// TCP only: a Unix socket has no bytes to throw away.
constexpr Way kDiscard = {"MSG_TRUNC", by_discard, 1, false};

// One connection with its two ends, the target's and the test's, made before or after the attach.
struct Transport {
  std::string_view name;
  int family = AF_INET;
  bool listening = true;  ///< false: a socketpair
};
constexpr Transport kTransports[] = {
    {"TCP over IPv4", AF_INET},
    {"TCP over IPv6", AF_INET6},
    {"Unix", AF_UNIX},
    {"socketpair", AF_UNIX, false},
};

class Wire {
 public:
  explicit Wire(const Transport& transport) : transport_(transport) {
    if (!transport.listening) {
      ends_ = socket_pair();
    } else if (transport.family == AF_UNIX) {
      listener_.fd = listen_unix(name());
    } else {
      listener_ = listen_tcp(transport.family);
    }
  }
  // In the target before the attach: or the other end would be one of its sockets too.
  void drop_peer() const {
    if (!transport_.listening) close(ends_.second);
  }
  // In the target.
  [[nodiscard]] int target_end() const {
    return transport_.listening ? accept_one(listener_.fd) : ends_.first;
  }
  // In the test.
  int peer_end() {
    if (!transport_.listening) {
      close(ends_.first);
      return ends_.second;
    }
    const int fd = transport_.family == AF_UNIX ? connect_unix(name())
                                                : connect_tcp(listener_.port, transport_.family);
    close(listener_.fd);
    return fd;
  }

 private:
  [[nodiscard]] std::string name() const {
    return std::string("\0tailwhy-test-", 14) + std::to_string(getpid());
  }

  const Transport& transport_;
  Listener listener_;
  std::pair<int, int> ends_{-1, -1};
};

SceneOptions capture_everything() {
  SceneOptions options;
  options.config.request_capture_bytes = 1U << 24;
  options.config.response_capture_bytes = 1U << 24;
  return options;
}

// The calls of one way, taken from the front of what is left.
void check_calls(const Way& way, std::vector<Call>& calls, std::uint64_t& offset) {
  INFO(way.name);
  std::uint64_t moved = 0;
  std::string payload;
  std::size_t count = 0;
  while (moved < kSize) {
    REQUIRE_FALSE(calls.empty());
    const Call call = calls.front();
    calls.erase(calls.begin());
    CHECK(call.offset == offset + moved);
    CHECK(call.tail.empty());
    CHECK(((call.flags & TW_DATA_UNREADABLE) != 0) == !way.readable);
    moved += call.len;
    payload += call.payload;
    ++count;
  }
  CHECK(moved == kSize);
  // sendfile and splice may be cut by the kernel, page by page on old ones
  if (way.readable) CHECK(count == way.calls);
  if (way.readable) CHECK(payload == pattern(kSize, static_cast<unsigned>(offset / kSize)));
  if (!way.readable) CHECK(payload.empty());
  offset += kSize;
}

std::uint64_t unreadable(const std::vector<Call>& calls) {
  return static_cast<std::uint64_t>(std::count_if(calls.begin(), calls.end(), [](const Call& call) {
    return (call.flags & TW_DATA_UNREADABLE) != 0;
  }));
}

void check_sends(const Mode& mode, const Transport& transport) {
  Wire wire(transport);
  Scene scene(
      mode,
      [&](Side& side) {
        wire.drop_peer();
        side.wait();
        const int fd = wire.target_end();
        unsigned seed = 0;
        for (const Way& way : kSends) {
          std::string data = pattern(kSize, seed++);
          way.run(fd, data);
        }
        close(fd);
      },
      capture_everything());
  const int peer = wire.peer_end();
  for (unsigned i = 0; i < std::size(kSends); ++i) {
    CHECK(recv_exactly(peer, kSize) == pattern(kSize, i));
  }
  const Trace trace = scene.finish();
  close(peer);
  Connection conn = trace.only();
  CHECK(conn.in.empty());
  CHECK(trace.losses[TW_CNT_PAYLOAD_UNREADABLE] == unreadable(conn.out));
  trace.check_no_loss({TW_CNT_PAYLOAD_UNREADABLE});
  std::uint64_t offset = 0;
  for (const Way& way : kSends) {
    check_calls(way, conn.out, offset);
  }
  CHECK(conn.out.empty());
}

void check_receives(const Mode& mode, const Transport& transport) {
  std::vector<Way> ways(std::begin(kReceives), std::end(kReceives));
  if (transport.family != AF_UNIX) ways.push_back(kDiscard);
  Wire wire(transport);
  Scene scene(
      mode,
      [&](Side& side) {
        wire.drop_peer();
        side.wait();
        const int fd = wire.target_end();
        unsigned seed = 0;
        for (const Way& way : ways) {
          side.wait();
          await_readable(fd, kSize);
          std::string data(kSize, '\0');
          way.run(fd, data);
          must(!way.readable || data == pattern(kSize, seed), "receive what was sent");
          ++seed;
        }
        close(fd);
      },
      capture_everything());
  const int peer = wire.peer_end();
  for (unsigned i = 0; i < ways.size(); ++i) {
    scene.await();
    send_all(peer, pattern(kSize, i));
    scene.go();
  }
  const Trace trace = scene.finish();
  close(peer);
  Connection conn = trace.only();
  CHECK(conn.out.empty());
  CHECK(trace.losses[TW_CNT_PAYLOAD_UNREADABLE] == unreadable(conn.in));
  trace.check_no_loss({TW_CNT_PAYLOAD_UNREADABLE});
  std::uint64_t offset = 0;
  for (const Way& way : ways) {
    check_calls(way, conn.in, offset);
  }
  CHECK(conn.in.empty());
}

}  // namespace

TEST_CASE("io: every way of sending gives its bytes, sizes and offsets", "[io]") {
  for (const Mode& mode : usable_modes()) {
    for (const Transport& transport : kTransports) {
      INFO(mode.name << ", " << transport.name);
      check_sends(mode, transport);
    }
  }
}

TEST_CASE("io: every way of receiving gives its bytes, sizes and offsets", "[io]") {
  for (const Mode& mode : usable_modes()) {
    for (const Transport& transport : kTransports) {
      INFO(mode.name << ", " << transport.name);
      check_receives(mode, transport);
    }
  }
}

TEST_CASE("io: bytes that are spliced away keep the offsets of TCP right", "[io]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    Wire wire(kTransports[0]);
    Scene scene(mode, [&](Side& side) {
      side.wait();
      const int fd = wire.target_end();
      await_readable(fd, kSize);
      std::string data(1000, '\0');
      by_read(fd, data);
      int ends[2];
      must(pipe(ends) == 0, "pipe");
      must(splice(fd, nullptr, ends[1], nullptr, 1000, 0) == 1000, "splice from the socket");
      by_read(fd, data);
      close(fd);
    });
    const int peer = wire.peer_end();
    send_all(peer, pattern(kSize));
    const Trace trace = scene.finish();
    close(peer);
    const Connection& conn = trace.only();
    REQUIRE(conn.in.size() >= 2);
    CHECK(conn.in.front().offset == 0);
    CHECK(conn.in.front().payload == pattern(kSize).substr(0, 1000));
    CHECK(conn.in.back().offset == 2000);
    CHECK(conn.in.back().payload == pattern(kSize).substr(2000));
    trace.check_no_loss({TW_CNT_PAYLOAD_UNREADABLE});
  }
}

TEST_CASE("io: a failing call is an error of its connection, EAGAIN is not", "[io]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    Wire wire(kTransports[0]);
    Scene scene(mode, [&](Side& side) {
      side.wait();
      const int fd = wire.target_end();
      char byte = 0;
      must(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "recv of nothing");
      must(shutdown(fd, SHUT_WR) == 0, "shutdown");
      must(send(fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "send after shutdown");
      close(fd);
    });
    const int peer = wire.peer_end();
    const Trace trace = scene.finish();
    close(peer);
    const Connection& conn = trace.only();
    REQUIRE(conn.errors.size() == 1);
    CHECK(conn.errors.front().error == EPIPE);
    CHECK(conn.errors.front().dir == TW_DIR_OUT);
    CHECK(conn.errors.front().pid == scene.pid());
    CHECK(conn.in.empty());
    CHECK(conn.out.empty());
    trace.check_no_loss();
  }
}
