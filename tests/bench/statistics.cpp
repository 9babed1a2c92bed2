// What counting one request costs, by the number of routes, and what an interval and a total take.
#include "base/clock.h"
#include "stats/aggregator.h"
#include "unit/model/budgets.h"

#include <ctime>
#include <fmt/format.h>
#include <vector>

using namespace tailwhy;

namespace {

constexpr int kRounds = 40;
constexpr int kPerRound = 50'000;

// Other load on the machine must not count.
Ns thread_cpu_now() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<Ns>(now.tv_sec) * kNsPerSec + static_cast<Ns>(now.tv_nsec);
}

bool measure(std::size_t routes) {
  std::vector<Request> requests;
  for (std::size_t i = 0; i < routes * 5; ++i) {
    const Ns rest = i * 7919 % 3'000'000;
    const test::Parts parts = {{Part::Queue, 2'000},
                               {Part::OnCpu, 15'000 + rest / 8},
                               {Part::RunQueue, 3'000},
                               {Part::Lock, rest - rest / 8}};
    requests.push_back(test::spent(parts, fmt::format("/api/v1/things/{}/{{id}}", i % routes)));
  }
  Aggregator stats({});
  Ns counting = 0;
  Ns taking = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Ns begin = thread_cpu_now();
    for (int i = 0; i < kPerRound; ++i) {
      stats.on_request_begin(Role::Server);
      stats.on_request(requests[static_cast<std::size_t>(i) * 7 % requests.size()]);
    }
    const Ns middle = thread_cpu_now();
    stats.take_interval({static_cast<Ns>(round), 0});
    counting += middle - begin;
    taking += thread_cpu_now() - middle;
  }
  const Ns before_total = thread_cpu_now();
  const Report total = stats.total();
  const Ns total_ns = thread_cpu_now() - before_total;
  std::size_t bytes = 0;
  for (const RouteStats& row : total.routes) {
    bytes += row.budget.memory_bytes();
    for (const auto& part : kLatencyParts)
      bytes += (row.latency.*part.histogram).memory_bytes();
  }
  fmt::print("{:4} routes: {:4} ns a request, {:7.1f} us an interval, {:7.1f} us a total, {} KiB\n",
             routes, counting / (kRounds * kPerRound), static_cast<double>(taking) / kRounds / 1000,
             static_cast<double>(total_ns) / 1000, bytes / 1024);
  return total.server.matched == kRounds * kPerRound;
}

}  // namespace

int main() {
  bool right = true;
  for (const std::size_t routes : {1, 50, 2000})
    right = measure(routes) && right;
  return right ? 0 : 1;
}
