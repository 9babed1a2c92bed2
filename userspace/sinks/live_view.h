// What the live view shows, as lines: pure, so that tests can look at any screen without a
// terminal.
#pragma once

#include "model/report.h"
#include "model/run_info.h"
#include "sinks/sections.h"
#include "sinks/terminal.h"

#include <cstddef>
#include <deque>

namespace tailwhy {

/// One interval, as a point of the curves.
struct LivePoint {
  double requests_per_second = 0;
  Ns p99_ns = 0;
};

/// Everything the view knows. Before the first interval there are no points.
struct LiveState {
  RunInfo run;
  Report interval;
  Report total;                  ///< without routes
  std::deque<LivePoint> points;  ///< oldest first
  Ns slow_ns = 0;                ///< requests are slow from here on; 0: the slowest 1 %
};

/// Curves are as wide as the screen at most.
inline constexpr std::size_t kMostLivePoints = 512;

/// At most size.rows lines: what does not fit is left out by importance.
Lines live_view(const LiveState& state, const Style& style, TerminalSize size);

/// Values as a curve of one line, newest at the right end, at most `width` columns; scaled to the
/// largest one shown.
std::string sparkline(const std::vector<double>& values, std::size_t width, const Style& style);

}  // namespace tailwhy
