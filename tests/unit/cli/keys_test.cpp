// What is typed at a terminal, from its other side.
#include "cli/keys.h"

#include <catch2/catch.hpp>

#include <sys/wait.h>

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <string_view>
#include <termios.h>
#include <unistd.h>

using namespace tailwhy;

namespace {

bool shows_what_is_typed(int fd) {
  termios how{};
  return ::tcgetattr(fd, &how) == 0 && (how.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO);
}

// In a process whose terminal it is: 'n', 'q' or 'm' for what read() says, or what went wrong.
char typed_there(int terminal) {
  char said = '?';
  {
    const Keys keys(terminal);
    if (keys.fd() != terminal || shows_what_is_typed(terminal)) return 't';
    if (::write(terminal, "go", 2) != 2) return 'w';
    pollfd typed{terminal, POLLIN, 0};
    if (::poll(&typed, 1, 5000) != 1) return 'p';
    switch (keys.read()) {
      case Keys::Typed::Nothing:
        said = 'n';
        break;
      case Keys::Typed::Quit:
        said = 'q';
        break;
      case Keys::Typed::NoMore:
        return 'm';  // there is no terminal to look at any more
    }
  }
  return shows_what_is_typed(terminal) ? said : 'r';
}

// Types `keys` at a terminal of its own; null: it is closed instead.
char type(const char* keys) {
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, nullptr);
  if (child == 0) {
    std::signal(SIGHUP, SIG_IGN);
    ::_exit(typed_there(STDIN_FILENO));
  }
  char go[2];
  CHECK(::read(master, go, sizeof(go)) == sizeof(go));
  if (keys != nullptr) {
    const std::string_view text(keys);
    CHECK(::write(master, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  } else {
    ::close(master);
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  if (keys != nullptr) ::close(master);
  return WIFEXITED(status) ? static_cast<char>(WEXITSTATUS(status)) : 's';
}

}  // namespace

TEST_CASE("keys: q ends, other keys do nothing, and the terminal is as before", "[cli][keys]") {
  CHECK(type("q") == 'q');
  CHECK(type("xyq") == 'q');
  CHECK(type("x") == 'n');
  CHECK(type("\r") == 'n');
}

TEST_CASE("keys: no more come from a terminal that is gone", "[cli][keys]") {
  CHECK(type(nullptr) == 'm');
}

TEST_CASE("keys: what is no terminal, or somebody else's, has no keys", "[cli][keys]") {
  CHECK(Keys(-1).fd() == -1);
  const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  CHECK(Keys(file).fd() == -1);
  ::close(file);
  int master = -1;
  int slave = -1;
  REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
  CHECK(Keys(slave).fd() == -1);
  CHECK(shows_what_is_typed(slave));
  ::close(master);
  ::close(slave);
}
