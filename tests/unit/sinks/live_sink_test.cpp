// The live view on a pseudo-terminal: takes the screen, gives it back, never waits.
#include "sinks/live_sink.h"

#include "base/handle.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>

#include <sys/ioctl.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;

namespace {

class Terminal {
 public:
  Terminal(unsigned short columns, unsigned short rows) {
    winsize size{rows, columns, 0, 0};
    int master = -1, slave = -1;
    REQUIRE(::openpty(&master, &slave, nullptr, nullptr, &size) == 0);
    master_.reset(master);
    slave_.reset(slave);
  }
  int fd() const { return slave_.get(); }
  void resize(unsigned short columns, unsigned short rows) {
    const winsize size{rows, columns, 0, 0};
    REQUIRE(::ioctl(master_.get(), TIOCSWINSZ, &size) == 0);
  }
  // As a user does with Ctrl-S.
  void stop() { REQUIRE(::tcflow(slave_.get(), TCOOFF) == 0); }
  // What comes out up to and including `end`; a busy machine may take its time.
  std::string read_until(std::string_view end) {
    std::string text;
    while (text.find(end) == std::string::npos && wait(10'000))
      read_to(text);
    return text;
  }
  // What is there, and comes within a moment.
  std::string read_rest() {
    std::string text;
    while (wait(100))
      read_to(text);
    return text;
  }

 private:
  bool wait(int timeout_ms) {
    pollfd poll_fd{master_.get(), POLLIN, 0};
    return ::poll(&poll_fd, 1, timeout_ms) == 1;
  }
  void read_to(std::string& text) {
    char buffer[4096];
    const ssize_t n = ::read(master_.get(), buffer, sizeof(buffer));
    REQUIRE(n > 0);
    text.append(buffer, static_cast<std::size_t>(n));
  }

  UniqueFd master_, slave_;
};

std::unique_ptr<LiveSink> make_sink(const Terminal& terminal) {
  auto sink = LiveSink::create({.fd = terminal.fd()});
  REQUIRE(sink);
  return *std::move(sink);
}

Report interval() {
  Report report = sample_report();
  report.total = false;
  return report;
}

std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++count;
  return count;
}

constexpr std::string_view kFrameEnd = "\x1b[J\x1b[H";

// The writer has to see that its frame is through before the sink may draw the next one.
void settle(Terminal& terminal) {
  terminal.read_rest();
}

}  // namespace

TEST_CASE("live sink: takes the screen at the start and gives it back at the end",
          "[sinks][live]") {
  Terminal terminal(80, 24);
  auto sink = make_sink(terminal);
  sink->on_start(sample_run());
  std::string text = terminal.read_until(kFrameEnd);
  CHECK_THAT(text, Catch::StartsWith(std::string(kEnterScreen)));
  CHECK_THAT(text, Contains("waiting for the first interval"));
  settle(terminal);

  sink->on_interval(interval(), sample_report());
  text = terminal.read_until(kFrameEnd);
  CHECK_THAT(text, Catch::StartsWith("\x1b[H") && Contains("Latency") && Contains("48.2k/s"));
  CHECK_THAT(text, !Contains("\x1b[2J"));  // erasing everything first is what flickers
  settle(terminal);

  REQUIRE(sink->on_end(sample_report()));
  CHECK(terminal.read_until(kLeaveScreen) == kLeaveScreen);
  sink.reset();
  CHECK(terminal.read_rest().empty());  // once is enough
}

TEST_CASE("live sink: gives the screen back when it is destroyed without an end", "[sinks][live]") {
  Terminal terminal(80, 24);
  {
    auto sink = make_sink(terminal);
    sink->on_start(sample_run());
    sink->on_interval(interval(), sample_report());
  }
  CHECK_THAT(terminal.read_until(kLeaveScreen), Catch::EndsWith(std::string(kLeaveScreen)));
}

TEST_CASE("live sink: a sink that never started leaves the terminal alone", "[sinks][live]") {
  Terminal terminal(80, 24);
  { auto sink = make_sink(terminal); }
  CHECK(terminal.read_rest().empty());
}

TEST_CASE("live sink: draws for the size that the terminal has now", "[sinks][live]") {
  Terminal terminal(100, 40);
  auto sink = make_sink(terminal);
  sink->on_start(sample_run());
  terminal.read_until(kFrameEnd);
  settle(terminal);
  sink->on_interval(interval(), sample_report());
  CHECK(count_of(terminal.read_until(kFrameEnd), "\r\n") > 25);
  settle(terminal);
  terminal.resize(40, 10);
  sink->redraw();
  CHECK(count_of(terminal.read_until(kFrameEnd), "\r\n") <= 9 + 1);  // and one at the end
}

TEST_CASE("live sink: a stopped terminal costs frames, not time, and is given back",
          "[sinks][live]") {
  Terminal terminal(120, 50);
  auto sink = make_sink(terminal);
  sink->on_start(sample_run());
  terminal.read_until(kFrameEnd);
  settle(terminal);
  terminal.stop();
  const Report now = interval(), total = sample_report();
  const Ns begin = mono_now();
  for (int i = 0; i < 500; ++i)
    sink->on_interval(now, total);
  CHECK(mono_now() - begin < 20 * kNsPerSec);
  CHECK(sink->dropped() > 400);
  CHECK(terminal.read_rest().empty());
  const Ns end = mono_now();
  REQUIRE(sink->on_end(sample_report()));
  CHECK(mono_now() - end < 5 * kNsPerSec);
  CHECK_THAT(terminal.read_until(kLeaveScreen), Catch::EndsWith(std::string(kLeaveScreen)));
}

TEST_CASE("live sink: a terminal that nobody reads does not hold the end up", "[sinks][live]") {
  Terminal terminal(120, 50);
  auto sink = make_sink(terminal);
  sink->on_start(sample_run());
  const Report now = interval(), total = sample_report();
  for (int i = 0; i < 100; ++i) {
    sink->on_interval(now, total);
    ::usleep(1000);
  }
  const Ns end = mono_now();
  REQUIRE(sink->on_end(sample_report()));
  CHECK(mono_now() - end < 5 * kNsPerSec);
}

TEST_CASE("terminal: its size, or the environment's, or the usual one", "[sinks][live]") {
  Terminal terminal(132, 43);
  CHECK(terminal_size(terminal.fd()).columns == 132);
  CHECK(terminal_size(terminal.fd()).rows == 43);
  const UniqueFd no_terminal(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::setenv("COLUMNS", "99", 1);
  ::setenv("LINES", "nonsense", 1);
  CHECK(terminal_size(no_terminal.get()).columns == 99);
  CHECK(terminal_size(no_terminal.get()).rows == 24);
  ::unsetenv("COLUMNS");
  ::unsetenv("LINES");
  CHECK(terminal_size(no_terminal.get()).columns == 80);
}
