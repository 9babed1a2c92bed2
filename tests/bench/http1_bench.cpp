// Nanoseconds per HTTP/1 exchange and per route, on one core: the best and the median of many
// batches, because other work on the machine only ever adds.
#include "proto/http1.h"

#include "proto/parser.h"
#include "proto/route.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace tailwhy;

namespace {

constexpr int kBatches = 400;
constexpr int kPerBatch = 500;

// `size` bytes, filled up with a header that nobody reads.
std::string padded_head(std::string head, std::size_t size) {
  head += "X-Filler: ";
  head.append(size - head.size() - 4, 'f');
  return head + "\r\n\r\n";
}

template <class F>
void measure(std::string_view what, F&& once) {
  std::vector<double> batches;
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kPerBatch; ++i)
      once();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    batches.push_back(took.count() / kPerBatch);
  }
  std::sort(batches.begin(), batches.end());
  fmt::print("{:<44} best {:7.1f} ns   median {:7.1f} ns\n", what, batches.front(),
             batches[kBatches / 2]);
}

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct Exchange {
  std::string request;
  std::string response;
};

// One connection, one exchange after the other, as the flow layer feeds it.
bool measure_exchange(std::string_view what,
                      const Exchange& exchange,
                      bool want_secrets,
                      bool detect) {
  const auto parser = kHttp1.make();
  ParseOutput out;
  out.want_secrets = want_secrets;
  std::uint64_t request_at = 0;
  std::uint64_t response_at = 0;
  std::size_t messages = 0;
  measure(what, [&] {
    const auto request = bytes(exchange.request);
    const auto response = bytes(exchange.response);
    if (detect && kHttp1.detect(Side::Request, request) != Confidence::Yes) std::abort();
    parser->turn(Side::Request, request_at, out);
    parser->feed(Side::Request, request_at, request, out);
    request_at += request.size();
    messages += out.messages.size();
    out.clear();
    if (detect && kHttp1.detect(Side::Response, response) != Confidence::Yes) std::abort();
    parser->turn(Side::Response, response_at, out);
    parser->feed(Side::Response, response_at, response, out);
    response_at += response.size();
    messages += out.messages.size();
    out.clear();
  });
  const std::size_t expected = std::size_t{6} * kBatches * kPerBatch;
  if (messages != expected)
    fmt::print(stderr, "{}: {} messages, not {}\n", what, messages, expected);
  return messages == expected;
}

}  // namespace

int main() {
  const Exchange plain{
      padded_head("GET /api/v1/users/12345?verbose=1 HTTP/1.1\r\nHost: localhost:8080\r\n"
                  "User-Agent: curl/7.88.1\r\nAccept: */*\r\n",
                  150),
      padded_head("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n"
                  "Date: Mon, 14 Sep 2026 12:34:56 GMT\r\nContent-Type: text/plain\r\n"
                  "Content-Length: 600\r\nConnection: keep-alive\r\nETag: \"64b0-258\"\r\n",
                  250) +
          std::string(600, 'b')};
  std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i)
    chunked += "1e\r\ndata: 0123456789 0123456789 \n\n\r\n";
  chunked += "0\r\n\r\n";
  const Exchange streamed{plain.request, chunked};

  fmt::print("150-byte GET, 250-byte response head, 600-byte body:\n");
  bool right = measure_exchange("  detect and parse", plain, false, true);
  right = measure_exchange("  parse", plain, false, false) && right;
  right = measure_exchange("  parse, with secrets for a recording", plain, true, false) && right;
  right = measure_exchange("  parse, 20 chunks", streamed, false, false) && right;

  fmt::print("route of\n");
  for (const std::string_view target :
       {"/", "/index.html", "/api/v1/users/12345",
        "/api/v1/users/550e8400-e29b-41d4-a716-446655440000/orders/77?verbose=1"}) {
    std::size_t size = 0;
    measure(fmt::format("  {}", target.substr(0, 40)),
            [&] { size += route_template(target).size(); });
    right = right && size > 0;
  }
  return right ? 0 : 1;
}
