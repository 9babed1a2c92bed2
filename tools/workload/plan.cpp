// The steps of a path. See the header.
#include "plan.h"

#include "http_text.h"

#include <algorithm>

namespace workload {
namespace {

enum class Argument : std::uint8_t { None, Duration, Count, Size, CountBySize };

struct StepRow {
  std::string_view name;
  Step::Kind kind;
  Argument argument;
};

constexpr StepRow kSteps[] = {
    {"sleep", Step::Kind::Sleep, Argument::Duration},         // sleep before answering
    {"burn", Step::Kind::Burn, Argument::Duration},           // use the CPU before answering
    {"status", Step::Kind::Status, Argument::Count},          // answer with this status
    {"size", Step::Kind::Size, Argument::Size},               // a body of so many bytes
    {"chunked", Step::Kind::Chunked, Argument::CountBySize},  // chunks, one write each
    {"writes", Step::Kind::Writes, Argument::CountBySize},    // a sized body in so many writes
    {"sendfile", Step::Kind::SendFile, Argument::Size},       // a body by sendfile(2)
    {"gap", Step::Kind::Gap, Argument::Duration},             // sleep between chunks or writes
    {"close", Step::Kind::Close, Argument::Size},             // a body that the close ends
    {"drop", Step::Kind::Drop, Argument::None},               // close instead of answering
    {"reset", Step::Kind::Reset, Argument::None},             // reset instead of answering
    {"early", Step::Kind::Early, Argument::None},             // answer before reading the body
};

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

std::optional<std::vector<Step>> parse_plan(std::string_view path) {
  path = path.substr(0, std::min(path.find('?'), path.size()));
  std::vector<Step> steps;
  while (path.size() > 1) {
    const std::string_view name = take_segment(path);
    const auto* row = std::find_if(std::begin(kSteps), std::end(kSteps),
                                   [&](const StepRow& r) { return r.name == name; });
    if (row == std::end(kSteps)) return std::nullopt;
    Step step{.kind = row->kind};
    if (row->argument != Argument::None &&
        (path.empty() || !read_argument(row->argument, take_segment(path), step)))
      return std::nullopt;
    steps.push_back(step);
  }
  return steps;
}

}  // namespace workload
