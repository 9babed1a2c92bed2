#include "traffic.h"

#include <array>
#include <utility>

namespace tailwhy::bench {
namespace {

using test::EventBuilder;

constexpr std::uint64_t kConnections = 64;
// One request every 20 us: what one busy nginx worker does.
constexpr Ns kPeriodNs = 20'000;

constexpr std::string_view kBrowserHeaders =
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=3f9d2c5b8e7a4f10b6c1; theme=dark; consent=yes\r\n"
    "Cache-Control: no-cache\r\n"
    "X-Request-Id: 7c9e6679-7425-40de-944b-e07fc1f90ae7\r\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";

std::string response(std::size_t body_bytes) {
  return "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
         "Content-Type: text/plain\r\nContent-Length: " +
         std::to_string(body_bytes) +
         "\r\nLast-Modified: Sun, 22 Nov 2026 09:00:00 GMT\r\nConnection: keep-alive\r\n"
         "ETag: \"656ded00-258\"\r\nAccept-Ranges: bytes\r\n\r\n" +
         std::string(body_bytes, 'x');
}

// A few dozen routes, identifiers in them.
std::string path(std::uint64_t i) {
  static constexpr std::array<std::string_view, 6> kAreas{"cart",  "user",   "item",
                                                          "order", "search", "static"};
  const std::uint64_t mixed = i * 6364136223846793005ULL + 1442695040888963407ULL;
  const auto area = kAreas[(mixed >> 33) % kAreas.size()];
  return "/api/v1/" + std::string(area) + '/' + std::to_string(mixed >> 40) + "/part-" +
         std::string(1, static_cast<char>('a' + (mixed >> 20) % 4)) + "?page=2&token=0123456789";
}

// Connections are served round robin by one thread, which sleeps before each; each has one call in
// and what the answer takes.
template <class Exchange>
Traffic repeat(std::size_t turns, std::size_t requests_each, Exchange exchange) {
  Traffic traffic;
  EventBuilder& b = traffic.builder;
  for (std::uint64_t conn = 1; conn <= kConnections; ++conn)
    b.open(conn, TW_ROLE_SERVER, {.at_ns = conn, .established_ns = conn});
  for (std::uint64_t i = 0; i < turns; ++i) {
    const Ns at = 1'000'000 + i * kPeriodNs;
    b.off_cpu(100, at - 5'000,
              {.on_ns = at - kPeriodNs - 5'000,
               .off_ns = at - 10'500,
               .woken_ns = at - 8'000,
               .nr = 232});  // epoll_wait
    exchange(b, i % kConnections + 1, at, i);
  }
  traffic.requests = turns * requests_each;
  for (std::uint64_t conn = 1; conn <= kConnections; ++conn)
    b.close(conn, 2'000'000 + turns * kPeriodNs);
  traffic.records = b.records();
  return traffic;
}

Traffic http_small(std::size_t turns) {
  static const std::string kResponse = response(600);
  return repeat(turns, 1, [](EventBuilder& b, std::uint64_t conn, Ns at, std::uint64_t) {
    b.in(conn, at, "GET /600.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
         {.arrived_ns = at - 9'000});
    b.out(conn, at + 9'000, kResponse);
  });
}

// Heads as browsers send them; of a 20 kB answer the kernel side captures a part, and the rest goes
// out by sendfile.
Traffic http_browser(std::size_t turns) {
  static const std::string kResponse = response(4'000);
  return repeat(turns, 1, [](EventBuilder& b, std::uint64_t conn, Ns at, std::uint64_t i) {
    b.in(conn, at, "GET " + path(i) + " HTTP/1.1\r\n" + std::string(kBrowserHeaders),
         {.arrived_ns = at - 9'000});
    b.out(conn, at + 9'000, kResponse, {.capture_bytes = 1024});
  });
}

Traffic http_chunked(std::size_t turns) {
  static const std::string kChunk = "1f4\r\n" + std::string(500, 'x') + "\r\n";
  return repeat(turns, 1, [](EventBuilder& b, std::uint64_t conn, Ns at, std::uint64_t i) {
    b.in(conn, at, "GET " + path(i) + " HTTP/1.1\r\n" + std::string(kBrowserHeaders),
         {.arrived_ns = at - 9'000});
    b.out(conn, at + 6'000,
          "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n");
    b.out(conn, at + 7'000, kChunk);
    b.out(conn, at + 8'000, kChunk);
    b.out(conn, at + 9'000, "0\r\n\r\n");
  });
}

Traffic http_pipelined(std::size_t turns) {
  static const auto times16 = [](const std::string& text) {
    std::string all;
    for (int i = 0; i < 16; ++i)
      all += text;
    return all;
  };
  static const std::string kRequests =
      times16("GET /json HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: application/json\r\n\r\n");
  static const std::string kResponses = times16(response(27));
  return repeat(turns, 16, [](EventBuilder& b, std::uint64_t conn, Ns at, std::uint64_t) {
    b.in(conn, at, kRequests, {.arrived_ns = at - 9'000});
    b.out(conn, at + 9'000, kResponses);
  });
}

Traffic http_connections(std::size_t turns) {
  static const std::string kResponse = response(600);
  Traffic traffic;
  EventBuilder& b = traffic.builder;
  for (std::uint64_t conn = 1; conn <= turns; ++conn) {
    const Ns at = conn * kPeriodNs;
    b.open(conn, TW_ROLE_SERVER, {.at_ns = at, .established_ns = at});
    b.in(conn, at + 3'000, "GET /600.txt HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
         {.arrived_ns = at + 2'000, .accepted_ns = at + 2'500});
    b.out(conn, at + 9'000, kResponse);
    b.shut(conn, TW_DIR_OUT, at + 9'500);
    b.shut(conn, TW_DIR_IN, at + 9'600);
    b.close(conn, at + 9'700);
    ++traffic.requests;
  }
  traffic.records = b.records();
  return traffic;
}

Traffic unknown_protocol(std::size_t turns) {
  return repeat(turns, 1, [](EventBuilder& b, std::uint64_t conn, Ns at, std::uint64_t) {
    b.in(conn, at, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n", {.arrived_ns = at - 4'000});
    b.out(conn, at + 3'000, "$3\r\nVXK\r\n");
  });
}

constexpr Scenario kScenarios[] = {
    {"http-small", "keep-alive, short heads, 600-byte bodies", http_small},
    {"http-browser", "keep-alive, heads of 700 bytes, 24 routes, 4 kB bodies captured in part",
     http_browser},
    {"http-chunked", "keep-alive, heads of 700 bytes, chunked answers in four calls", http_chunked},
    {"http-pipelined", "16 requests a call, 16 answers a call", http_pipelined},
    {"http-connections", "a connection for each request", http_connections},
    {"unknown", "question and answer in a protocol that is not known", unknown_protocol},
};

}  // namespace

std::span<const Scenario> scenarios() {
  return kScenarios;
}

Traffic busy_connection(std::uint64_t conn_id) {
  const Ns at = conn_id * kPeriodNs;
  const std::string request =
      "GET " + path(conn_id) + " HTTP/1.1\r\n" + std::string(kBrowserHeaders);
  Traffic traffic;
  EventBuilder& b = traffic.builder;
  b.open(conn_id, TW_ROLE_SERVER, {.at_ns = at, .established_ns = at});
  b.in(conn_id, at + 3'000, request, {.arrived_ns = at + 2'000});
  b.out(conn_id, at + 9'000, response(600));
  b.in(conn_id, at + 12'000, request, {.arrived_ns = at + 11'000});
  traffic.requests = 2;
  traffic.records = b.records();
  return traffic;
}

}  // namespace tailwhy::bench
