#include "bpf/sockets.h"

#include "bpf/scene.h"

#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace tailwhy::test {
namespace {

socklen_t loopback(int family, std::uint16_t port, sockaddr_storage& storage) {
  std::memset(&storage, 0, sizeof(storage));
  if (family == AF_INET6) {
    auto* addr = reinterpret_cast<sockaddr_in6*>(&storage);
    addr->sin6_family = AF_INET6;
    addr->sin6_port = htons(port);
    addr->sin6_addr = in6addr_loopback;
    return sizeof(*addr);
  }
  auto* addr = reinterpret_cast<sockaddr_in*>(&storage);
  addr->sin_family = AF_INET;
  addr->sin_port = htons(port);
  addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return sizeof(*addr);
}

socklen_t unix_address(std::string_view name, sockaddr_un& addr) {
  std::memset(&addr, 0, sizeof(addr));
  addr.sun_family = AF_UNIX;
  must(name.size() <= sizeof(addr.sun_path), "the name of a Unix socket is too long");
  std::memcpy(addr.sun_path, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
}

const sockaddr* plain(const void* addr) {
  return static_cast<const sockaddr*>(addr);
}

}  // namespace

Listener listen_tcp(int family) {
  Listener made;
  made.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(made.fd >= 0, "socket");
  sockaddr_storage addr;
  socklen_t size = loopback(family, 0, addr);
  must(bind(made.fd, plain(&addr), size) == 0, "bind");
  must(listen(made.fd, 128) == 0, "listen");
  size = sizeof(addr);
  must(getsockname(made.fd, reinterpret_cast<sockaddr*>(&addr), &size) == 0, "getsockname");
  made.port = ntohs(family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&addr)->sin6_port
                                       : reinterpret_cast<sockaddr_in*>(&addr)->sin_port);
  return made;
}

int connect_tcp(std::uint16_t port, int family) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(fd >= 0, "socket");
  sockaddr_storage addr;
  const socklen_t size = loopback(family, port, addr);
  must(connect(fd, plain(&addr), size) == 0, "connect");
  return fd;
}

int accept_one(int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  must(fd >= 0, "accept");
  return fd;
}

int listen_unix(std::string_view name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(fd >= 0, "socket");
  sockaddr_un addr;
  const socklen_t size = unix_address(name, addr);
  must(bind(fd, plain(&addr), size) == 0, "bind");
  must(listen(fd, 128) == 0, "listen");
  return fd;
}

int connect_unix(std::string_view name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(fd >= 0, "socket");
  sockaddr_un addr;
  const socklen_t size = unix_address(name, addr);
  must(connect(fd, plain(&addr), size) == 0, "connect");
  return fd;
}

std::pair<int, int> socket_pair() {
  int ends[2];
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  return {ends[0], ends[1]};
}

void send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    must(sent > 0, "send");
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string recv_exactly(int fd, std::size_t size) {
  std::string data(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = recv(fd, data.data() + have, size - have, 0);
    if (got < 0 && errno == EINTR) continue;
    must(got > 0, "recv");
    have += static_cast<std::size_t>(got);
  }
  return data;
}

void await_readable(int fd, std::size_t size) {
  int waiting = 0;
  for (int i = 0; i < 10000; ++i) {
    must(ioctl(fd, FIONREAD, &waiting) == 0, "FIONREAD");
    if (static_cast<std::size_t>(waiting) >= size) return;
    usleep(1000);
  }
  must(false, "wait for data");
}

void close_with_reset(int fd) {
  const linger now{1, 0};
  must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0, "SO_LINGER");
  close(fd);
}

}  // namespace tailwhy::test
