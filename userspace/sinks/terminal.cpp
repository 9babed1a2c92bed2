// See the header.
#include "sinks/terminal.h"

#include "base/text.h"

#include <sys/ioctl.h>

#include <cstdlib>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

namespace tailwhy {
namespace {

std::size_t size_from_environment(const char* name, std::size_t otherwise) noexcept {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes to it
  const auto value = text != nullptr ? parse_number<unsigned short>(text) : std::nullopt;
  return value && *value > 0 ? *value : otherwise;
}

// Async-signal-safe code needs it: how the terminal was before take_keys().
termios typed_before{};
volatile sig_atomic_t keys_fd = -1;

// In a background job a change of the terminal would stop the process.
void set_typing(int fd, const termios& how) noexcept {
  if (keys_are_ours(fd)) (void)::tcsetattr(fd, TCSANOW, &how);
}

}  // namespace

TerminalSize terminal_size(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    return {size.ws_col, size.ws_row};
  }
  const TerminalSize usual;
  return {size_from_environment("COLUMNS", usual.columns),
          size_from_environment("LINES", usual.rows)};
}

void resume_output(int fd) noexcept {
  // In a background job this would stop the process instead.
  sigset_t ttou, before;
  ::sigemptyset(&ttou);
  ::sigaddset(&ttou, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &ttou, &before);
  (void)::tcflow(fd, TCOON);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool keys_are_ours(int fd) noexcept {
  return ::tcgetpgrp(fd) == ::getpgrp();
}

bool take_keys(int fd) noexcept {
  if (!keys_are_ours(fd)) return false;
  if (keys_fd < 0 && ::tcgetattr(fd, &typed_before) != 0) return false;
  keys_fd = fd;
  termios raw = typed_before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  set_typing(fd, raw);
  return true;
}

void give_back_keys() noexcept {
  if (keys_fd >= 0) set_typing(keys_fd, typed_before);
}

void restore_terminal(int fd) noexcept {
  give_back_keys();
  resume_output(fd);
  pollfd poll_fd{fd, POLLOUT, 0};
  if (::poll(&poll_fd, 1, 200) != 1) return;
  // Far below PIPE_BUF, so it is written whole. There is nobody left to tell if it was not.
  [[maybe_unused]] const ssize_t n = ::write(fd, kLeaveScreen.data(), kLeaveScreen.size());
}

void enter_live_screen(int fd) noexcept {
  [[maybe_unused]] const ssize_t n = ::write(fd, kEnterScreen.data(), kEnterScreen.size());
}

}  // namespace tailwhy
