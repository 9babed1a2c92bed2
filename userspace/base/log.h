// Diagnostics for the operator, on stderr: one line a message, nothing else. Results and records of
// requests never come through here. The level and the descriptor are the only process-wide state of
// the program: a diagnostic must be possible everywhere, and nothing depends on it.
#pragma once

#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <utility>

namespace tailwhy {

enum class LogLevel { Error, Warn, Info, Debug };

/// "error", "warn", "info", "debug" or nothing.
std::optional<LogLevel> parse_log_level(std::string_view text) noexcept;

/// Messages below this level are dropped. Warn at start.
void set_log_level(LogLevel level) noexcept;

/// True if a message of this level would be written; ask before preparing a costly one.
bool log_enabled(LogLevel level) noexcept;

/// Where messages go; 2 at start. Lines get journald's `<N>` priority prefix when the environment's
/// JOURNAL_STREAM names this very descriptor.
void set_log_fd(int fd) noexcept;

/// True if `journal_stream` ("device:inode") is what `fd` is open on.
bool is_journal_stream(int fd, const char* journal_stream) noexcept;

/// Writes the message, one line for each of its lines, controls stripped. Never throws, never
/// fails; what cannot be written is gone.
void log_message(LogLevel level, std::string_view message) noexcept;

/// log_message with a format; see log_error() and its siblings.
template <class... Args>
void log_formatted(LogLevel level, fmt::format_string<Args...> format, Args&&... args) noexcept {
  if (!log_enabled(level)) return;
  try {
    fmt::basic_memory_buffer<char, 512> text;
    fmt::format_to(fmt::appender(text), format, std::forward<Args>(args)...);
    log_message(level, {text.data(), text.size()});
  } catch (...) {  // out of memory, or a formatter of an argument gave up
    log_message(level, "a message could not be formatted");
  }
}

template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) noexcept {
  log_formatted(LogLevel::Error, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) noexcept {
  log_formatted(LogLevel::Warn, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) noexcept {
  log_formatted(LogLevel::Info, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) noexcept {
  log_formatted(LogLevel::Debug, format, std::forward<Args>(args)...);
}

}  // namespace tailwhy
