// Sockets for scripted targets and their peers: each function does one thing and ends the process
// when it fails.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <utility>

namespace tailwhy::test {

/// A listening socket on a free port of the loopback address.
struct Listener {
  int fd = -1;
  std::uint16_t port = 0;
};
Listener listen_tcp(int family = AF_INET);
int connect_tcp(std::uint16_t port, int family = AF_INET);
int accept_one(int listener);
/// `name` as in sun_path; a first byte of 0 makes it abstract.
int listen_unix(std::string_view name);
int connect_unix(std::string_view name);
/// Both ends of a Unix stream socketpair.
std::pair<int, int> socket_pair();

void send_all(int fd, std::string_view data);
/// Exactly `size` bytes.
std::string recv_exactly(int fd, std::size_t size);
/// Waits until `size` bytes wait to be read.
void await_readable(int fd, std::size_t size);
/// Closing sends a reset.
void close_with_reset(int fd);

}  // namespace tailwhy::test
