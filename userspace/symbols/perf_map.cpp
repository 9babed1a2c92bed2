#include "symbols/perf_map.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace tailwhy {

namespace {

std::optional<std::uint64_t> hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

PerfMap PerfMap::parse(std::string text) {
  PerfMap map;
  map.text_ = std::move(text);
  if (map.text_.size() > kMostBytes) map.text_.resize(kMostBytes);
  const std::string_view all = map.text_;
  for (std::size_t at = 0; at < all.size() && map.functions_.size() < kMostFunctions;) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    const std::string_view line = all.substr(at, end - at);
    at = end + 1;
    const auto [start, rest] = split_first(line, ' ');
    const auto [length, name] = split_first(rest, ' ');
    const auto begin = hex(start);
    const auto size = hex(length);
    if (!begin || !size || *size == 0 || *begin + *size < *begin || name.empty()) continue;
    map.functions_.push_back({*begin, *begin + *size,
                              static_cast<std::uint32_t>(name.data() - all.data()),
                              static_cast<std::uint32_t>(std::min(name.size(), kLongestName))});
  }
  std::stable_sort(map.functions_.begin(), map.functions_.end(),
                   [](const Function& a, const Function& b) { return a.begin < b.begin; });
  return map;
}

std::string_view PerfMap::find(std::uint64_t address) const {
  auto at = std::upper_bound(
      functions_.begin(), functions_.end(), address,
      [](std::uint64_t value, const Function& function) { return value < function.begin; });
  // One that lies within a longer one hides it, but not what comes behind it; a few steps will do.
  for (int steps = 0; at != functions_.begin() && steps < 8; ++steps) {
    --at;
    if (address < at->end) return std::string_view(text_).substr(at->name, at->length);
  }
  return {};
}

}  // namespace tailwhy
