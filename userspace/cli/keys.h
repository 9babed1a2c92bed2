// What is typed at the terminal while a live view is on it. Knows nothing of the trace.
#pragma once

namespace tailwhy {

/// Takes the keys of a terminal (sinks/terminal.h) for as long as it lives.
class Keys {
 public:
  enum class Typed {
    Nothing,  ///< that means anything
    Quit,     ///< q
    NoMore,   ///< the terminal is gone, or what is typed is somebody else's now
  };

  /// -1, or what is no terminal, or not ours: there are no keys.
  explicit Keys(int fd);
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  ~Keys();

  /// -1: there are none.
  [[nodiscard]] int fd() const { return fd_; }
  /// For when the descriptor is readable.
  Typed read() const;

 private:
  int fd_;
};

}  // namespace tailwhy
