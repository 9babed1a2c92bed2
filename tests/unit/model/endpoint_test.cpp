// Endpoint: the text that logs and reports show for a peer.
#include "model/endpoint.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

using namespace tailwhy;

namespace {

Endpoint ip(Family family, std::uint16_t port, std::initializer_list<std::uint8_t> bytes) {
  Endpoint endpoint;
  endpoint.family = family;
  endpoint.port = port;
  std::copy(bytes.begin(), bytes.end(), endpoint.address.begin());
  return endpoint;
}

Endpoint unix_socket(std::string_view path) {
  Endpoint endpoint;
  endpoint.family = Family::Unix;
  endpoint.path = path;
  return endpoint;
}

}  // namespace

TEST_CASE("endpoint: IPv4 is dotted with its port", "[model][endpoint]") {
  const Endpoint endpoint = ip(Family::Inet, 80, {10, 0, 0, 1});
  CHECK(to_string(endpoint) == "10.0.0.1:80");
  CHECK(address_text(endpoint) == "10.0.0.1");
}

TEST_CASE("endpoint: IPv6 is compressed and bracketed with its port", "[model][endpoint]") {
  Endpoint loopback = ip(Family::Inet6, 8080, {});
  loopback.address[15] = 1;
  CHECK(to_string(loopback) == "[::1]:8080");
  CHECK(address_text(loopback) == "::1");
  CHECK(to_string(ip(Family::Inet6, 1, {0x20, 0x01, 0x0d, 0xb8})) == "[2001:db8::]:1");
}

TEST_CASE("endpoint: a v4-mapped address is shown as IPv4", "[model][endpoint]") {
  const Endpoint mapped =
      ip(Family::Inet6, 443, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 2});
  CHECK(to_string(mapped) == "192.168.1.2:443");
  CHECK(address_text(mapped) == "192.168.1.2");
  const Endpoint nearly =
      ip(Family::Inet6, 443, {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 192, 168, 1, 2});
  CHECK(address_text(nearly) == "::1:ffff:c0a8:102");
}

TEST_CASE("endpoint: Unix sockets by path, abstract name or nothing", "[model][endpoint]") {
  CHECK(to_string(unix_socket("/run/x.sock")) == "unix:/run/x.sock");
  CHECK(address_text(unix_socket("/run/x.sock")) == "unix:/run/x.sock");
  CHECK(to_string(unix_socket(std::string_view("\0name", 5))) == "unix:@name");
  CHECK(to_string(unix_socket("")) == "unix:");
}

TEST_CASE("endpoint: an unknown family says so", "[model][endpoint]") {
  CHECK(to_string(Endpoint{}) == "unknown");
  CHECK(address_text(Endpoint{}) == "unknown");
}
