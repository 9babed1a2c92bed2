// Diagnostics: levels, prefixes, journald's priorities, and that they never do harm.
#include "base/log.h"

#include "base/handle.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

using namespace tailwhy;

namespace {

struct ThrowsWhenFormatted {};

// Sends diagnostics into a pipe for the length of a test.
class CapturedLog {
 public:
  CapturedLog() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
    set_log_fd(write_.get());
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  ~CapturedLog() {
    ::unsetenv("JOURNAL_STREAM");
    set_log_fd(STDERR_FILENO);
    set_log_level(LogLevel::Warn);
  }

  void pretend_journal() {
    ::setenv("JOURNAL_STREAM", journal_stream().c_str(), 1);
    set_log_fd(write_.get());
  }
  std::string journal_stream() const {
    struct stat info {};
    REQUIRE(::fstat(write_.get(), &info) == 0);
    return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  }
  int fd() const { return write_.get(); }

  std::string take() const {
    std::string text(65536, '\0');
    const ssize_t n = ::read(read_.get(), text.data(), text.size());
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

 private:
  UniqueFd read_;
  UniqueFd write_;
};

}  // namespace

template <>
struct fmt::formatter<ThrowsWhenFormatted> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  template <class Context>
  auto format(const ThrowsWhenFormatted&, Context& context) const -> decltype(context.out()) {
    throw std::runtime_error("no");
  }
};

TEST_CASE("log: one line a message, with name and level", "[base][log]") {
  const CapturedLog log;
  set_log_level(LogLevel::Debug);
  log_error("cannot open {}", "x");
  log_warn("{} of {}", 1, 2);
  log_info("hello");
  log_debug("detail");
  CHECK(log.take() ==
        "tailwhy: error: cannot open x\n"
        "tailwhy: warning: 1 of 2\n"
        "tailwhy: hello\n"
        "tailwhy: debug: detail\n");
}

TEST_CASE("log: messages below the level are dropped", "[base][log]") {
  const CapturedLog log;
  log_info("not at start");
  log_warn("yes");
  CHECK(log.take() == "tailwhy: warning: yes\n");
  set_log_level(LogLevel::Error);
  CHECK(log_enabled(LogLevel::Error));
  CHECK_FALSE(log_enabled(LogLevel::Warn));
  log_warn("no");
  CHECK(log.take().empty());
}

TEST_CASE("log: each line of a message gets the prefix, a final line break does not count",
          "[base][log]") {
  const CapturedLog log;
  log_warn("libbpf: one\ntwo\n");
  CHECK(log.take() == "tailwhy: warning: libbpf: one\ntailwhy: warning: two\n");
}

TEST_CASE("log: a hostile message cannot steer the terminal", "[base][log]") {
  const CapturedLog log;
  log_error("bad name {}", "\x1b[2J\xff");
  CHECK(log.take() == "tailwhy: error: bad name [2J?\n");
}

TEST_CASE("log: under journald a line carries its priority", "[base][log]") {
  CapturedLog log;
  log.pretend_journal();
  set_log_level(LogLevel::Debug);
  log_error("a\nb");
  log_warn("c");
  log_info("d");
  log_debug("e");
  CHECK(log.take() == "<3>a\n<3>b\n<4>c\n<6>d\n<7>e\n");
}

TEST_CASE("log: only the very stream of the journal counts", "[base][log]") {
  const CapturedLog log;
  CHECK(is_journal_stream(log.fd(), log.journal_stream().c_str()));
  CHECK_FALSE(is_journal_stream(log.fd(), (log.journal_stream() + "0").c_str()));
  CHECK_FALSE(is_journal_stream(log.fd(), nullptr));
  CHECK_FALSE(is_journal_stream(log.fd(), ""));
  CHECK_FALSE(is_journal_stream(log.fd(), "1:"));
  CHECK_FALSE(is_journal_stream(log.fd(), "8:x"));
  CHECK_FALSE(is_journal_stream(-1, log.journal_stream().c_str()));
}

TEST_CASE("log: a format that throws becomes a message", "[base][log]") {
  const CapturedLog log;
  log_error("{}", ThrowsWhenFormatted{});
  CHECK(log.take() == "tailwhy: error: a message could not be formatted\n");
}

TEST_CASE("log: a descriptor that cannot be written is no trouble and errno survives",
          "[base][log]") {
  const CapturedLog log;
  set_log_fd(-1);
  errno = ENOENT;
  log_error("lost");
  CHECK(errno == ENOENT);
}

TEST_CASE("log: levels have names", "[base][log]") {
  CHECK(parse_log_level("error") == LogLevel::Error);
  CHECK(parse_log_level("warn") == LogLevel::Warn);
  CHECK(parse_log_level("info") == LogLevel::Info);
  CHECK(parse_log_level("debug") == LogLevel::Debug);
  CHECK_FALSE(parse_log_level("verbose"));
  CHECK_FALSE(parse_log_level(""));
}
