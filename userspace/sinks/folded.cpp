// See the header.
#include "sinks/folded.h"

#include "base/text.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <string_view>

namespace tailwhy {
namespace {

std::string_view name_of(Part part) {
  return kPartSpecs[static_cast<std::size_t>(part)].name;
}

// A name must not end its place or its line, nor be read by a terminal.
std::string place(std::string_view name) {
  std::string text = escape_terminal(name);
  std::replace(text.begin(), text.end(), ';', ':');
  return text.empty() ? "?" : text;
}

}  // namespace

std::string format_folded(const SlowStacks& stacks) {
  std::map<std::string, Ns> lines;  // other places in the same functions are the same line
  for (const SlowStack& stack : stacks.stacks) {
    std::string line = place(stack.comm);
    for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
      line += ';';
      line += place(frame->function);
      if (frame->kernel) line += "_[k]";
    }
    line += fmt::format(";[{}]", name_of(stack.part));
    lines[line] += stack.ns;
  }
  std::string text;
  for (const auto& [line, ns] : lines) {
    if (const Ns us = (ns + 500) / 1000; us > 0) text += fmt::format("{} {}\n", line, us);
  }
  return text;
}

}  // namespace tailwhy
