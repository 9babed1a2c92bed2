// Sockets of the workloads. See the header.
#include "socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace workload {
namespace {

struct RawAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

[[noreturn]] void usage(std::string_view text) {
  std::fprintf(stderr, "no address: %.*s (127.0.0.1:80, [::1]:80, unix:/path)\n",
               static_cast<int>(text.size()), text.data());
  std::exit(2);
}

RawAddress raw(const Address& address) {
  RawAddress out;
  if (address.family == AF_UNIX) {
    auto* un = reinterpret_cast<sockaddr_un*>(&out.storage);
    un->sun_family = AF_UNIX;
    if (address.host.size() >= sizeof(un->sun_path)) usage(address.text);
    std::memcpy(un->sun_path, address.host.c_str(), address.host.size() + 1);
    out.size = sizeof(*un);
  } else if (address.family == AF_INET6) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(static_cast<std::uint16_t>(address.port));
    if (inet_pton(AF_INET6, address.host.c_str(), &in6->sin6_addr) != 1) usage(address.text);
    out.size = sizeof(*in6);
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&out.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(static_cast<std::uint16_t>(address.port));
    if (inet_pton(AF_INET, address.host.c_str(), &in->sin_addr) != 1) usage(address.text);
    out.size = sizeof(*in);
  }
  return out;
}

int port_of(int fd) {
  RawAddress bound;
  bound.size = sizeof(bound.storage);
  getsockname(fd, bound.get(), &bound.size);
  if (bound.storage.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<sockaddr_in6*>(&bound.storage)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&bound.storage)->sin_port);
}

void no_delay(int fd, const Address& address) {
  const int on = 1;
  if (address.family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

Address parse_address(std::string_view text) {
  Address address{.text = std::string(text)};
  if (text.starts_with("unix:")) {
    address.family = AF_UNIX;
    address.host = text.substr(5);
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) usage(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) usage(text);
  address.family = AF_INET;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    address.family = AF_INET6;
    host = host.substr(1, host.size() - 2);
  }
  address.host = host;
  return address;
}

int listen_on(Address& address, int backlog) {
  const int fd = socket(address.family, SOCK_STREAM, 0);
  if (fd < 0) die("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  RawAddress bound = raw(address);
  if (bind(fd, bound.get(), bound.size) != 0) die("bind " + address.text);
  if (listen(fd, backlog) != 0) die("listen " + address.text);
  if (address.family != AF_UNIX) {
    address.port = port_of(fd);
    const std::string host = address.family == AF_INET6 ? "[" + address.host + "]" : address.host;
    address.text = host + ":" + std::to_string(address.port);
  }
  return fd;
}

int connect_to(const Address& address, bool nonblocking) {
  // A Unix socket connects at once or waits for room in the backlog: that wait must not fail.
  const bool later = nonblocking && address.family == AF_UNIX;
  const int flags = SOCK_CLOEXEC | (nonblocking && !later ? SOCK_NONBLOCK : 0);
  const int fd = socket(address.family, SOCK_STREAM | flags, 0);
  if (fd < 0) return -1;
  no_delay(fd, address);
  RawAddress peer = raw(address);
  if (connect(fd, peer.get(), peer.size) == 0 || errno == EINPROGRESS) {
    if (later) fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

void die(std::string_view what) {
  std::fprintf(stderr, "%s: %.*s: %s\n", program_invocation_short_name,
               static_cast<int>(what.size()), what.data(), std::strerror(errno));
  std::exit(1);
}

}  // namespace workload
