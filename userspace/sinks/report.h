// The report of one screen: what was traced, how fast, how often it failed, where the time went,
// what was lost. Pure: a Report and a RunInfo to text.
#pragma once

#include "model/report.h"
#include "model/run_info.h"
#include "sinks/style.h"

#include <cstddef>
#include <string>

namespace tailwhy {

struct ReportOptions {
  Style style;
  std::size_t width = 100;  ///< columns; below 60 lines are cut
  std::size_t height = 40;  ///< lines to aim for: the distribution and most routes give way
  std::size_t top = 10;     ///< routes
  std::size_t fewest = 3;   ///< of them, however small the screen
  Ns slow_ns = 0;           ///< requests are slow from this duration on; 0: the slowest 1 %
};

/// The whole report, with a line break at its end.
std::string format_report(const Report& total, const RunInfo& run, const ReportOptions& options);

}  // namespace tailwhy
