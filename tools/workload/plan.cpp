// The steps of a path. See the header.
#include "plan.h"

#include "http_text.h"

#include <algorithm>

namespace workload {
namespace {

using Argument = StepWord::Argument;

// "10ms", "250us", "1s", "7ns"
std::optional<Ns> duration(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = text.substr(digits);
  const auto value = number(text.substr(0, digits));
  if (!value) return std::nullopt;
  if (unit == "ns") return *value;
  if (unit == "us") return *value * kNsPerUs;
  if (unit == "ms") return *value * kNsPerMs;
  if (unit == "s") return *value * kNsPerSec;
  return std::nullopt;
}

bool read_argument(Argument kind, std::string_view text, Step& step) {
  if (kind == Argument::Duration) {
    const auto value = duration(text);
    step.length = value.value_or(0);
    return value.has_value();
  }
  if (kind == Argument::CountBySize) {
    const std::size_t x = std::min(text.find('x'), text.size());
    const auto count = number(text.substr(0, x));
    const auto size = number(text.substr(std::min(x + 1, text.size())));
    step.count = count.value_or(0);
    step.size = size.value_or(0);
    return count && size;
  }
  const auto value = number(text);
  (kind == Argument::Count ? step.count : step.size) = value.value_or(0);
  return value.has_value();
}

std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);  // the slash
  const std::string_view segment = path.substr(0, std::min(path.find('/'), path.size()));
  path.remove_prefix(segment.size());
  return segment;
}

}  // namespace

std::optional<std::vector<Step>> parse_plan(std::span<const StepWord> words,
                                            std::string_view path) {
  path = path.substr(0, std::min(path.find('?'), path.size()));
  std::vector<Step> steps;
  while (path.size() > 1) {
    const std::string_view name = take_segment(path);
    const auto word =
        std::find_if(words.begin(), words.end(), [&](const StepWord& w) { return w.name == name; });
    if (word == words.end()) return std::nullopt;
    Step step{.kind = word->kind};
    if (word->argument != Argument::None &&
        (path.empty() || !read_argument(word->argument, take_segment(path), step)))
      return std::nullopt;
    steps.push_back(step);
  }
  return steps;
}

}  // namespace workload
