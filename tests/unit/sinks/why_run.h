// A run made of requests with budgets, through the statistics, as its outputs get it.
#pragma once

#include "model/why_slow.h"
#include "stats/aggregator.h"
#include "unit/model/budgets.h"

namespace tailwhy::test {

class WhyRun {
 public:
  void add(int times, Request request) {
    for (int i = 0; i < times; ++i) {
      stats_.on_request_begin(request.role);
      stats_.on_request(request);
    }
  }
  /// Quick requests, so that there is something typical.
  void add_quick(int times, std::string_view route = "/a") {
    add(times, spent({{Part::OnCpu, 100'000}}, route));
  }
  Report report() {
    stats_.take_interval({10'000'000'000, 10'000'000'000});
    return stats_.total();
  }

 private:
  Aggregator stats_{{}};
};

}  // namespace tailwhy::test
