// The report of a run made of requests with budgets, as the statistics would make it: for tests of
// what is said of it, which know nothing of statistics.
#pragma once

#include "model/report.h"
#include "model/syscall_names.h"
#include "unit/model/budgets.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace tailwhy::test {

class WhyRun {
 public:
  void add(int times, const Request& request) {
    for (int i = 0; i < times; ++i)
      add_one(request);
  }
  /// Quick requests, so that there is something typical.
  void add_quick(int times, std::string_view route = "/a") {
    add(times, spent({{Part::OnCpu, 100'000}}, route));
  }

  Report report() const {
    Report report = report_;
    report.total = true;
    report.end_ns = 10'000'000'000;
    std::stable_sort(report.routes.begin(), report.routes.end(),
                     [](const RouteStats& a, const RouteStats& b) { return a.count > b.count; });
    return report;
  }

 private:
  void add_one(const Request& request) {
    RouteStats& row = row_of(request);
    ++row.count;
    row.latency.duration.record(request.duration());
    if (row.role == Role::Client) return;
    ++report_.server.seen;
    ++report_.server.matched;
    report_.latency.duration.record(request.duration());
    if (request.accept_queue_known()) report_.accept_queue.record(request.accept_queue());
    if (!request.budget.known) return;
    const NameIds names{.peer = add_peer(request), .call = add_call(request)};
    add_failure(request);
    report_.budget.sums.add(request, names);
    row.budget.add(request, names);
    row.parts.add(request.budget);
    report_.budget.parts.add(request.budget);
  }

  RouteStats& row_of(const Request& request) {
    for (RouteStats& row : report_.routes) {
      if (row.route == request.route.view() && row.method == request.method.view() &&
          row.status == request.status && row.role == request.role) {
        return row;
      }
    }
    RouteStats& row = report_.routes.emplace_back();
    row.protocol = request.protocol;
    row.family = request.family;
    row.method = request.method.view();
    row.route = request.route.view();
    row.status = request.status;
    row.role = request.role;
    return row;
  }

  // The first free place, or that of all others.
  template <class T, class Same>
  static std::uint8_t place_of(std::array<T, kNames>& names, Same&& same) {
    std::uint8_t i = 0;
    while (i < kMostNames && names[i].requests > 0 && !same(names[i]))
      ++i;
    ++names[i].requests;
    return i;
  }

  std::uint8_t add_peer(const Request& request) {
    if (request.downstream_peer == nullptr) return kNoName;
    const std::string address = address_text(*request.downstream_peer);
    auto& names = report_.budget.names.peers;
    const std::uint8_t i = place_of(names, [&](const PeerUse& use) {
      return use.address == address && use.port == request.downstream_peer->port;
    });
    if (i < kMostNames) {
      names[i].address = address;
      names[i].port = request.downstream_peer->port;
      names[i].protocol = request.downstream_protocol;
    }
    names[i].calls += request.downstream_calls;
    names[i].ns += request.budget.of(Part::Downstream);
    return i;
  }

  std::uint8_t add_call(const Request& request) {
    if (request.other_call == 0xffff || request.budget.of(Part::Other) == 0) return kNoName;
    const std::string call = syscall_name(request.other_call);
    auto& names = report_.budget.names.calls;
    const std::uint8_t i = place_of(names, [&](const CallUse& use) { return use.call == call; });
    if (i < kMostNames) names[i].call = call;
    names[i].ns += request.budget.of(Part::Other);
    return i;
  }

  void add_failure(const Request& request) {
    if (request.failed_calls == 0) return;
    const std::string call = syscall_name(request.failed_call);
    const std::string error = errno_name(request.failed_error);
    auto& names = report_.budget.names.failures;
    const std::uint8_t i = place_of(
        names, [&](const FailureUse& use) { return use.call == call && use.error == error; });
    if (i < kMostNames) {
      names[i].call = call;
      names[i].error = error;
    }
    names[i].calls += request.failed_calls;
  }

  Report report_;
};

}  // namespace tailwhy::test
