// One end of a connection, as plain values.
#pragma once

#include "base/inline_text.h"

#include <array>
#include <cstdint>
#include <string>

namespace tailwhy {

enum class Family : std::uint8_t { Unknown, Unix, Inet, Inet6 };

// An IPv4, IPv6 or Unix socket address. `address` is in network order, IPv4 in the first four
// bytes; `port` in host order. `path` only for Unix: empty = unnamed, a first byte 0 = abstract.
struct Endpoint {
  Family family = Family::Unknown;
  bool datagrams = false;  // of UDP, not of TCP
  std::uint16_t port = 0;
  std::array<std::uint8_t, 16> address{};
  InlineText<108> path;
};

// "10.0.0.1:80", "[::1]:80" (v4-mapped addresses as IPv4), "unix:/run/x.sock", "unix:@name",
// "unix:" when unnamed. Control characters of a path are not escaped here.
std::string to_string(const Endpoint& endpoint);
// The same without the port (`network.peer.address`).
std::string address_text(const Endpoint& endpoint);

}  // namespace tailwhy
