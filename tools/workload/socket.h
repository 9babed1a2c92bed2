// Addresses and sockets of the workloads: TCP over IPv4 and IPv6, and Unix stream sockets.
// Knows nothing of HTTP.
#pragma once

#include <string>
#include <string_view>

namespace workload {

/// "127.0.0.1:80", "[::1]:80" or "unix:/path". Port 0 lets the kernel choose.
struct Address {
  std::string text;
  int family = 0;
  std::string host;  // or the path of a Unix socket
  int port = 0;
};

/// Ends the program with a message when `text` is no address.
Address parse_address(std::string_view text);

/// A listening socket; `address.port` and `address.text` become what was really bound.
/// Ends the program with a message when it cannot be had.
int listen_on(Address& address, int backlog);

/// A socket whose connect has begun, or -1 with errno. `nonblocking`: it may still be under way.
int connect_to(const Address& address, bool nonblocking);

/// Prints "NAME: what: strerror" and ends the program with 1.
[[noreturn]] void die(std::string_view what);

}  // namespace workload
