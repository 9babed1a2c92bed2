// Addresses to functions and lines: of programs and libraries by their files, of code that was
// compiled at run time by what the process says of it, of the kernel by what that says.
#pragma once

#include "base/clock.h"
#include "model/slow_stacks.h"
#include "symbols/code_files.h"
#include "symbols/kernel_symbols.h"
#include "symbols/perf_map.h"
#include "symbols/process_images.h"

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

namespace tailwhy {

class Symbolizer {
 public:
  /// Both live longer.
  Symbolizer(const ProcessImages& images, CodeFiles& files) : images_(images), files_(files) {}

  void set_kernel(KernelSymbols kernel) { kernel_ = std::move(kernel); }
  /// Lines are looked up no longer than that; names of functions always are.
  void set_deadline(std::function<bool()> over) { over_ = std::move(over); }

  /// The functions of a stack of return addresses, innermost first; inlined ones are functions too.
  std::vector<CodeFrame> user_frames(std::uint32_t pid, std::span<const std::uint64_t> addresses);
  /// The same of the kernel, without what only takes threads off their CPUs.
  std::vector<CodeFrame> kernel_frames(std::span<const std::uint64_t> addresses);

 private:
  struct Named {
    std::vector<CodeFrame> frames;
    bool script = false;  // from the process's own list
  };
  const Named& name(const ProcessImage& image, std::uint64_t address);
  Named look_up(const ProcessImage& image, std::uint64_t address);
  Named look_up_file(const ProcessImage& image, const Mapping& mapping, std::uint64_t address);
  const PerfMap& perf_map(const ProcessImage& image);

  const ProcessImages& images_;
  CodeFiles& files_;
  KernelSymbols kernel_;
  std::function<bool()> over_ = [] { return false; };
  std::map<std::uint32_t, PerfMap> perf_maps_;
  std::map<std::uint32_t, std::unordered_map<std::uint64_t, Named>> named_;  // by process
};

}  // namespace tailwhy
