// Frames of the live view without a terminal.
#include "sinks/live_view.h"

#include "sinks/live_sink.h"
#include "unit/sinks/golden.h"
#include "unit/sinks/hostile.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <ctime>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;

namespace {

LiveState sample_state() {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  LiveState state;
  state.run = sample_run();
  state.interval = sample_report();
  state.interval.total = false;
  state.interval.end_ns = state.interval.begin_ns + kNsPerSec;
  state.total = sample_report();
  state.total.routes.clear();
  for (int i = 0; i < 30; ++i) {
    state.points.push_back({40'000.0 + i % 7 * 3000, static_cast<Ns>(1'000'000 + i % 5 * 300'000)});
  }
  return state;
}

std::string text_of(const LiveState& state, TerminalSize size, Style style = {}) {
  return render(live_view(state, style, size), style, size.columns);
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("live view: golden frames", "[sinks][live]") {
  check_golden("live_100x40.txt", text_of(sample_state(), {100, 40}));
  check_golden("live_80x24.txt", text_of(sample_state(), {80, 24}));
  check_golden("live_40x10.txt", text_of(sample_state(), {40, 10}));
  check_golden("live_ascii.txt", text_of(sample_state(), {80, 24}, {.charset = Charset::Ascii}));
}

TEST_CASE("live view: never larger than the terminal", "[sinks][live]") {
  LiveState state = sample_state();
  state.interval.losses[0].count = state.total.losses[0].count = 99;
  for (std::size_t columns = 1; columns <= 140; columns += 7) {
    for (const std::size_t rows : {0, 1, 2, 5, 9, 10, 17, 18, 24, 31, 32, 50, 200}) {
      const std::string text = text_of(state, {columns, rows});
      CHECK(count_lines(text) <= rows);
      check_width(text, columns);
    }
  }
}

TEST_CASE("live view: the essentials are on the smallest screen, losses first", "[sinks][live]") {
  LiveState state = sample_state();
  std::string text = text_of(state, {40, 9});
  CHECK_THAT(text, Contains("482k/s") && Contains("p99") && Contains("whole run"));
  state.total.losses[0].count = 5;
  text = text_of(state, {40, 9});
  CHECK_THAT(text, Contains("Lossy        5 events lost"));
}

TEST_CASE("live view: before the first interval it says so", "[sinks][live]") {
  LiveState state;
  state.run = sample_run();
  CHECK(text_of(state, {80, 24}) ==
        "nginx (pid 1234 and 1 child)\nwaiting for the first interval\n");
}

TEST_CASE("live view: an idle interval shows no percentiles", "[sinks][live]") {
  LiveState state = sample_state();
  state.interval.latency = {};
  state.interval.routes.clear();
  state.interval.server = {};
  const std::string text = text_of(state, {100, 40});
  CHECK_THAT(text, Contains("last 1.00 s       -       -        -        -       -"));
  CHECK_THAT(text, !Contains("Routes"));
}

TEST_CASE("live view: hostile names", "[sinks][live]") {
  for (const std::string& name : kHostileNames) {
    LiveState state = sample_state();
    state.run.target_text = name;
    state.interval.routes[0].route = state.interval.routes[0].method = name;
    const std::string text = text_of(state, {80, 40});
    check_safe(text);
    check_width(text, 80);
    CHECK(count_lines(text) <= 40);
  }
}

TEST_CASE("sparkline: scaled to its largest value, newest at the right", "[sinks][live]") {
  CHECK(sparkline({0, 1, 4, 8}, 4, {}) == "▁▁▄█");
  CHECK(sparkline({1, 2}, 4, {}) == "  ▄█");
  CHECK(sparkline({9, 9, 1, 2}, 2, {}) == "▄█");  // what is not shown does not scale
  CHECK(sparkline({0, 0}, 2, {}) == "▁▁");
  CHECK(sparkline({}, 3, {}) == "   ");
  CHECK(sparkline({1}, 0, {}).empty());
  CHECK(sparkline({0, 1, 4, 8}, 4, {.charset = Charset::Ascii}) == "__-#");
}

TEST_CASE("frame: from the top left corner, each line erased behind its end", "[sinks][live]") {
  const Lines lines{Line("abc"), Line("full!")};
  CHECK(frame_of(lines, {}, {5, 10}) == "\x1b[Habc\x1b[K\r\nfull!\r\n\x1b[J\x1b[H\n");
}
