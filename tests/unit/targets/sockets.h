// Listening sockets for tests: loopback only, the kernel picks the port.
#pragma once

#include "base/handle.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <string>

namespace tailwhy::test {

/// An IPv4 (or IPv6) socket that listens on the loopback address; in a new network namespace, where
/// the loopback device is down, on all addresses. Not valid when the machine has no such family.
inline UniqueFd listen_tcp(int family = AF_INET, int backlog = 8, bool any_address = false) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in v4{.sin_family = AF_INET};
  v4.sin_addr.s_addr = htonl(any_address ? INADDR_ANY : INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = any_address ? in6addr_any : in6addr_loopback;
  const bool is_v4 = family == AF_INET;
  const auto* address = is_v4 ? reinterpret_cast<const sockaddr*>(&v4)   // NOLINT
                              : reinterpret_cast<const sockaddr*>(&v6);  // NOLINT
  const socklen_t size = is_v4 ? sizeof(v4) : sizeof(v6);
  if (!fd || ::bind(fd.get(), address, size) != 0 || ::listen(fd.get(), backlog) != 0) return {};
  return fd;
}

inline std::uint16_t port_of(const UniqueFd& fd) {
  sockaddr_in6 address{};  // the port of both families lies at the same place
  socklen_t size = sizeof(address);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);  // NOLINT
  return ntohs(address.sin6_port);
}

inline UniqueFd connect_tcp(std::uint16_t port, int flags = 0) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* to = reinterpret_cast<const sockaddr*>(&address);  // NOLINT
  const int result = ::connect(fd.get(), to, sizeof(address));
  if (result != 0 && (flags & SOCK_NONBLOCK) == 0) fd.reset();
  return fd;
}

/// "@x" is an abstract address.
inline UniqueFd listen_unix(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const auto* at = reinterpret_cast<const sockaddr*>(&address);  // NOLINT
  if (!fd || ::bind(fd.get(), at, size) != 0 || ::listen(fd.get(), 8) != 0) return {};
  return fd;
}

}  // namespace tailwhy::test
