// Names of kernel functions, from the text of /proc/kallsyms. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

class KernelSymbols {
 public:
  /// Empty when the addresses are hidden (all zero).
  static KernelSymbols parse(std::string_view text);

  /// The function that the address is in; empty: not known.
  [[nodiscard]] std::string_view find(std::uint64_t address) const;

 private:
  struct Function {
    std::uint64_t begin = 0;
    std::string name;
  };
  std::vector<Function> functions_;
};

/// Whether a kernel function only stands between a sleep and what it was for: the tracer's own
/// program, the scheduler.
bool is_scheduling(std::string_view function);

}  // namespace tailwhy
