#include "symbols/kernel_symbols.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>

namespace tailwhy {

// "ffffffff81000000 T _text", and of modules "ffffffffc0000000 t name\t[module]"
KernelSymbols KernelSymbols::parse(std::string_view text) {
  KernelSymbols symbols;
  while (!text.empty()) {
    const auto [line, rest] = split_first(text, '\n');
    text = rest;
    const auto [digits, after] = split_first(line, ' ');
    const auto [kind, name] = split_first(after, ' ');
    if (kind.empty() || std::string_view("tTwW").find(kind.front()) == std::string_view::npos)
      continue;
    std::uint64_t begin = 0;
    const auto end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, begin, 16).ptr != end || begin == 0) continue;
    symbols.functions_.push_back({begin, std::string(split_first(name, '\t').first)});
  }
  std::stable_sort(symbols.functions_.begin(), symbols.functions_.end(),
                   [](const Function& a, const Function& b) { return a.begin < b.begin; });
  return symbols;
}

std::string_view KernelSymbols::find(std::uint64_t address) const {
  const auto after =
      std::upper_bound(functions_.begin(), functions_.end(), address,
                       [](std::uint64_t value, const Function& f) { return value < f.begin; });
  return after == functions_.begin() ? std::string_view() : std::string_view((after - 1)->name);
}

bool is_scheduling(std::string_view function) {
  for (const std::string_view prefix :
       {"bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_", "bpf_get_stackid",
        "__schedule", "schedule", "preempt_schedule", "do_wait_intr"}) {
    if (function.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace tailwhy
