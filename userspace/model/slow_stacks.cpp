#include "model/slow_stacks.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace tailwhy {

namespace {

constexpr std::size_t kCallers = 2;

using Key = std::tuple<Part, std::string, std::string, std::uint32_t>;

// The frames that a reader knows: the program's own, or else whatever is not the kernel's.
std::vector<CodeFrame> readable(const std::vector<CodeFrame>& frames) {
  std::vector<CodeFrame> own;
  const auto take = [&](auto&& wanted) {
    std::copy_if(frames.begin(), frames.end(), std::back_inserter(own), wanted);
  };
  take([](const CodeFrame& frame) { return !frame.kernel && !frame.library; });
  if (own.empty()) take([](const CodeFrame& frame) { return !frame.kernel; });
  if (own.empty()) own = frames;
  return own;
}

}  // namespace

std::vector<SlowLine> slow_lines(const SlowStacks& stacks, std::size_t most) {
  std::map<Key, SlowLine> lines;
  std::map<Key, Ns> longest;  // whose callers are told
  for (const SlowStack& stack : stacks.stacks) {
    const std::vector<CodeFrame> frames = readable(stack.frames);
    if (frames.empty()) continue;
    const CodeFrame& at = frames.front();
    const Key key{stack.part, at.function, at.file, at.line};
    SlowLine& line = lines[key];
    line.part = stack.part;
    line.at = at;
    line.ns += stack.ns;
    line.samples += stack.samples;
    if (stack.ns <= longest[key] && !line.callers.empty()) continue;
    longest[key] = stack.ns;
    const auto end =
        frames.begin() + static_cast<std::ptrdiff_t>(std::min(frames.size(), 1 + kCallers));
    line.callers.assign(frames.begin() + 1, end);
  }
  std::vector<SlowLine> sorted;
  for (auto& [key, line] : lines)
    sorted.push_back(std::move(line));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const SlowLine& a, const SlowLine& b) { return a.ns > b.ns; });
  if (sorted.size() > most) sorted.resize(most);
  return sorted;
}

}  // namespace tailwhy
