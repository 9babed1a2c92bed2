// --fail-if and --max-loss: which conditions are understood, and when they come true.
#include "cli/gates.h"

#include <catch2/catch.hpp>

using namespace tailwhy;

namespace {

Report some_report() {
  Report report;
  report.end_ns = 10 * kNsPerSec;
  for (int i = 1; i <= 100; ++i)
    report.latency.duration.record(Ns(i) * 1'000'000);
  report.server.seen = report.server.matched = 100;
  report.server.server_errors = 2;
  return report;
}

bool comes_true(const std::string& text) {
  const auto gate = parse_gate(text);
  REQUIRE(gate);
  const auto checked = check_gates({*gate}, -1, some_report());
  if (!checked) CHECK(checked.error().code() == ErrorCode::Gate);
  return !checked;
}

}  // namespace

TEST_CASE("gates: latency, errors, rate and loss against the report", "[cli]") {
  CHECK(comes_true("p99>50ms"));
  CHECK_FALSE(comes_true("p99 > 150ms"));
  CHECK(comes_true("max>=100ms"));
  CHECK_FALSE(comes_true("max>100ms"));
  CHECK(comes_true("errors>1%"));
  CHECK(comes_true("errors>0.019"));
  CHECK_FALSE(comes_true("errors>2%"));
  CHECK(comes_true("rps<11"));
  CHECK_FALSE(comes_true("rps<10"));
  CHECK_FALSE(comes_true("lost>0"));
}

TEST_CASE("gates: what is no condition is a usage error", "[cli]") {
  for (const char* text : {"", "p99", "p99>", "p42>1ms", "p99>fast", "p99>1%", "errors>x", "rps<5%",
                           "latency>1s", ">1", "p99=1ms"}) {
    CAPTURE(text);
    const auto gate = parse_gate(text);
    REQUIRE_FALSE(gate);
    CHECK(gate.error().code() == ErrorCode::Usage);
  }
}

TEST_CASE("gates: loss beyond the limit is exit 6, whatever else holds", "[cli]") {
  Report report = some_report();
  report.losses.push_back({"ring_full", "", true, 5});
  report.losses.push_back({"payload_fault", "", false, 100});
  CHECK(check_gates({}, 5, report));
  const auto checked = check_gates({}, 4, report);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().code() == ErrorCode::Loss);
  CHECK(exit_code(checked.error().code()) == 6);
}
