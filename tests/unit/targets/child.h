// Real child processes for tests: started by fork(), told to go on or to end through pipes, always
// collected. The function runs in the child and must not use the test framework.
#pragma once

#include "base/handle.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

namespace tailwhy::test {

/// One end of a conversation of single lines.
class Channel {
 public:
  Channel(UniqueFd in, UniqueFd out) : in_(std::move(in)), out_(std::move(out)) {}

  void say(std::string_view line) const {
    const std::string text = std::string(line) + '\n';
    static_cast<void>(::write(out_.get(), text.data(), text.size()) < 0);
  }

  /// The next line, empty when the other side is gone.
  std::string hear() const {
    std::string line;
    char c = 0;
    while (::read(in_.get(), &c, 1) == 1 && c != '\n') {
      line += c;
    }
    return line;
  }

 private:
  UniqueFd in_;
  UniqueFd out_;
};

class Child {
 public:
  using Body = std::function<int(const Channel&)>;

  explicit Child(const Body& body) {
    int to[2];
    int from[2];
    if (::pipe(to) != 0 || ::pipe(from) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(to[1]);
      ::close(from[0]);
      ::_exit(body(Channel(UniqueFd(to[0]), UniqueFd(from[1]))));
    }
    ::close(to[0]);
    ::close(from[1]);
    channel_.emplace(UniqueFd(from[0]), UniqueFd(to[1]));
  }
  Child(Child&&) = delete;
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }

  pid_t pid() const { return pid_; }
  const Channel& channel() const { return *channel_; }

  /// Collects it; its wait status.
  int wait() {
    int status = -1;
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

  /// Waits until it has ended, and leaves it a zombie.
  void await_zombie() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

 private:
  pid_t pid_ = -1;
  std::optional<Channel> channel_;
};

/// Body that says "ready" and lives until it is told anything.
inline int wait_for_word(const Channel& channel) {
  channel.say("ready");
  channel.hear();
  return 0;
}

/// Calls `done` until it is true, at most two seconds.
inline bool eventually(const std::function<bool()>& done) {
  for (int i = 0; i < 200; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return done();
}

}  // namespace tailwhy::test
