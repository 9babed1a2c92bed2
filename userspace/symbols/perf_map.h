// The functions that a process compiled while it ran, as it says itself in /tmp/perf-PID.map: lines
// "START SIZE NAME" in hexadecimal. The process writes what it likes, so nothing is believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

class PerfMap {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  static constexpr std::size_t kMostFunctions = 1'000'000;
  static constexpr std::size_t kLongestName = 256;

  /// Lines that make no sense are left out. Of two functions at one place the later line counts:
  /// memory is used again.
  static PerfMap parse(std::string text);

  /// The name of the function that the address is in; empty: none.
  [[nodiscard]] std::string_view find(std::uint64_t address) const;
  [[nodiscard]] std::size_t size() const { return functions_.size(); }

 private:
  struct Function {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint32_t name = 0;  // in text_
    std::uint32_t length = 0;
  };
  std::string text_;
  std::vector<Function> functions_;
};

}  // namespace tailwhy
