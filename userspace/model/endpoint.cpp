// Text forms of socket addresses. Knows nothing of sockets: bytes in, text out.
#include "model/endpoint.h"

#include <algorithm>
#include <arpa/inet.h>
#include <fmt/format.h>

namespace tailwhy {
namespace {

// ::ffff:0:0/96: an IPv4 peer of a dual-stack socket. Shown as IPv4, so that one client has one
// name whatever the listener was opened with.
bool is_v4_mapped(const Endpoint& endpoint) {
  if (endpoint.family != Family::Inet6) return false;
  const auto& a = endpoint.address;
  return std::all_of(a.begin(), a.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
         a[10] == 0xff && a[11] == 0xff;
}

std::string ip_text(int family, const std::uint8_t* address) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const char* text = inet_ntop(family, address, buffer.data(), buffer.size());
  return text != nullptr ? text : "?";
}

std::string unix_text(const Endpoint& endpoint) {
  const std::string_view path = endpoint.path.view();
  if (path.empty()) return "unix:";
  if (path.front() == '\0') return fmt::format("unix:@{}", path.substr(1));
  return fmt::format("unix:{}", path);
}

}  // namespace

std::string address_text(const Endpoint& endpoint) {
  switch (endpoint.family) {
    case Family::Unknown:
      return "unknown";
    case Family::Unix:
      return unix_text(endpoint);
    case Family::Inet:
      return ip_text(AF_INET, endpoint.address.data());
    case Family::Inet6:
      if (is_v4_mapped(endpoint)) return ip_text(AF_INET, endpoint.address.data() + 12);
      return ip_text(AF_INET6, endpoint.address.data());
  }
  return "unknown";
}

std::string to_string(const Endpoint& endpoint) {
  switch (endpoint.family) {
    case Family::Unknown:
    case Family::Unix:
      return address_text(endpoint);
    case Family::Inet:
      return fmt::format("{}:{}", address_text(endpoint), endpoint.port);
    case Family::Inet6:
      if (is_v4_mapped(endpoint))
        return fmt::format("{}:{}", address_text(endpoint), endpoint.port);
      return fmt::format("[{}]:{}", address_text(endpoint), endpoint.port);
  }
  return "unknown";
}

}  // namespace tailwhy
