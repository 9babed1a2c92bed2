// What libbpf says while we work: caught instead of printed, so that it can become part of an
// error. Knows nothing of who asks.
#pragma once

#include <string>
#include <vector>

namespace tailwhy {

/// While one lives, libbpf's messages of this thread go into it and nowhere else. Outside of one
/// libbpf is silent.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  /// Lines so far, the oldest dropped when there are too many.
  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }
  /// The last lines that say something, of a verifier log or of libbpf itself, as one text.
  [[nodiscard]] std::string last_words() const;
  /// The program that libbpf named last ("prog 'x': ..."); empty: none.
  [[nodiscard]] std::string program() const;

  /// libbpf's callback.
  void take(const std::string& text);

 private:
  std::vector<std::string> lines_;
  LibbpfLog* outer_;
};

}  // namespace tailwhy
