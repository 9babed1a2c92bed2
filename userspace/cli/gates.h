// Conditions on the result that decide the exit status: --fail-if and --max-loss.
#pragma once

#include "base/result.h"
#include "model/report.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tailwhy {

/// One "METRIC OP VALUE": metrics p50 p90 p99 p99.9 max (a TIME), errors (a share: "1%" or "0.01"),
/// rps (a number), lost (a number); operators < <= > >=.
struct Gate {
  std::string text;
  std::string metric;
  bool greater = true;
  bool or_equal = false;
  double value = 0;  // ns, share, requests per second, events
};

/// Usage error: not such a condition.
Result<Gate> parse_gate(const std::string& text);

/// Gate error (exit 5) that names each condition that came true with the value found; Loss error
/// (exit 6) when more than `max_loss` events were lost (-1: any number is allowed).
Result<> check_gates(const std::vector<Gate>& gates, std::int64_t max_loss, const Report& total);

}  // namespace tailwhy
