// The demo service of tools/try: a small shop with something to find in it. Most routes are fast;
// /cart now and then waits for a lock that one slow request holds, /search burns CPU, /report
// sleeps, and some orders fail because their journal is on a full disk.
//
//   demo_server [--listen 127.0.0.1:0]        prints "listening ADDRESS"; demo-load puts it to work
#include "connection.h"
#include "http_text.h"
#include "serve.h"

#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <unistd.h>

namespace {

using namespace workload;

struct Page {
  unsigned status = 200;
  std::size_t size = 0;
};

unsigned dice(unsigned sides) {
  thread_local std::mt19937 random(std::random_device{}());
  return static_cast<unsigned>(random()) % sides;
}

void burn(Ns length) {
  const Ns end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + length;
  while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
}

void pause_for(Ns length) {
  sleep_until(now_ns() + length);
}

Page home() {
  return {.size = 600};
}

// Asks a cache on disk that is never filled: a failing call that is no error.
Page product() {
  const int cached = open("/nonexistent/demo/product-cache", O_RDONLY | O_CLOEXEC);
  if (cached >= 0) close(cached);
  pause_for(200 * kNsPerUs + dice(800) * kNsPerUs);
  return {.size = 2'000};
}

// One in 60 recomputes the prices while it holds the lock; the others behind it wait.
Page cart() {
  static std::mutex prices;
  const std::lock_guard lock(prices);
  if (dice(60) == 0) pause_for(40 * kNsPerMs);
  burn(100 * kNsPerUs);
  return {.size = 900};
}

// One in 40 meets the full disk.
Page order() {
  burn(500 * kNsPerUs);
  const int journal = open(dice(40) == 0 ? "/dev/full" : "/dev/null", O_WRONLY | O_CLOEXEC);
  const bool written = journal >= 0 && write(journal, "order\n", 6) == 6;
  if (journal >= 0) close(journal);
  return {.status = written ? 201U : 500U, .size = 80};
}

Page search() {
  burn(kNsPerMs + dice(4) * kNsPerMs);
  return {.size = 5'000};
}

Page report() {
  pause_for(120 * kNsPerMs);
  return {.size = 20'000};
}

Page image() {
  return {.size = 200'000};
}

struct Route {
  std::string_view method;
  std::string_view prefix;
  Page (*serve)();
};

constexpr Route kRoutes[] = {
    {"GET", "/products/", product}, {"GET", "/cart", cart},     {"POST", "/orders", order},
    {"GET", "/search", search},     {"GET", "/report", report}, {"GET", "/images/", image},
};

Page page_of(const Request& request) {
  if (request.target == "/") return home();
  for (const Route& route : kRoutes)
    if (request.method == route.method &&
        std::string_view(request.target).starts_with(route.prefix))
      return route.serve();
  return {.status = 404, .size = 20};
}

void handle(int fd) {
  Connection connection(fd);
  Request request;
  while (connection.read_head(request) && connection.read_body(request)) {
    const Page page = page_of(request);
    std::string answer =
        fmt::format("HTTP/1.1 {} Demo\r\nContent-Length: {}\r\n{}\r\n", page.status, page.size,
                    request.keep_alive ? "" : "Connection: close\r\n");
    answer.append(page.size, '.');
    if (!connection.write(answer) || !request.keep_alive) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Address address = parse_address("127.0.0.1:0");
  if (argc == 3 && std::string_view(argv[1]) == "--listen") {
    address = parse_address(argv[2]);
  } else if (argc != 1) {
    std::fprintf(stderr, "usage: demo_server [--listen ADDRESS]\n");
    return 2;
  }
  serve(address, -1, {}, handle);
}
