// Prefixes and the write(2) of a diagnostic. One call a message, so that lines of threads and of
// processes on one stderr do not mix.
#include "base/log.h"

#include "base/text.h"

#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <unistd.h>

namespace tailwhy {
namespace {

bool is_our_journal(int fd) noexcept {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here calls setenv() while threads run
  return is_journal_stream(fd, std::getenv("JOURNAL_STREAM"));
}

struct LogState {
  std::atomic<LogLevel> level{LogLevel::Warn};
  std::atomic<int> fd{STDERR_FILENO};
  std::atomic<bool> journal{is_our_journal(STDERR_FILENO)};
};

LogState& state() noexcept {
  static LogState the_state;
  return the_state;
}

struct LevelText {
  std::string_view name;
  std::string_view journal_prefix;  // syslog priorities, see sd-daemon(3)
  std::string_view line_prefix;
};

constexpr LevelText text_of(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::Error:
      return {"error", "<3>", "error: "};
    case LogLevel::Warn:
      return {"warn", "<4>", "warning: "};
    case LogLevel::Info:
      return {"info", "<6>", ""};
    case LogLevel::Debug:
      return {"debug", "<7>", "debug: "};
  }
  return {};
}

void write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) noexcept {
  for (const LogLevel level : {LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug}) {
    if (text == text_of(level).name) return level;
  }
  return std::nullopt;
}

void set_log_level(LogLevel level) noexcept {
  state().level = level;
}

bool log_enabled(LogLevel level) noexcept {
  return level <= state().level.load();
}

void set_log_fd(int fd) noexcept {
  state().fd = fd;
  state().journal = is_our_journal(fd);
}

bool is_journal_stream(int fd, const char* journal_stream) noexcept {
  if (journal_stream == nullptr) return false;
  const auto [device_text, inode_text] = split_first(journal_stream, ':');
  const auto device = parse_number<std::uint64_t>(device_text);
  const auto inode = parse_number<std::uint64_t>(inode_text);
  struct stat info {};
  if (!device || !inode || ::fstat(fd, &info) != 0) return false;
  return info.st_dev == *device && info.st_ino == *inode;
}

void log_message(LogLevel level, std::string_view message) noexcept {
  if (!log_enabled(level)) return;
  const int saved_errno = errno;  // a diagnostic must not change what the caller reports next
  try {
    const LevelText text = text_of(level);
    const bool journal = state().journal;
    while (message.ends_with('\n')) {
      message.remove_suffix(1);
    }
    std::string lines;
    for (const std::string_view line : split(message, '\n')) {
      if (journal) {
        lines += text.journal_prefix;  // journald knows the name and the level
      } else {
        lines += "tailwhy: ";
        lines += text.line_prefix;
      }
      lines += escape_terminal(line);
      lines += '\n';
    }
    write_all(state().fd, lines);
  } catch (...) {
    write_all(state().fd, "tailwhy: error: out of memory while writing a diagnostic\n");
  }
  errno = saved_errno;
}

}  // namespace tailwhy
