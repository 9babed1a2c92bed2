#include "model/route_patterns.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace tailwhy {
namespace {

bool is_placeholder(std::string_view segment) {
  if (segment == "*") return true;
  if (segment.size() < 2) return false;
  const auto is_name = [](std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
  };
  if (segment.front() == ':') return is_name(segment.substr(1));
  return segment.front() == '{' && segment.back() == '}' &&
         is_name(segment.substr(1, segment.size() - 2));
}

Error bad(std::string_view text, std::string_view why) {
  return {ErrorCode::Usage, fmt::format("route pattern \"{}\": {}", text, why),
          "for example /user/{id}/orders, or /static/**"};
}

}  // namespace

Result<RoutePatterns::Pattern> RoutePatterns::compile_one(const std::string& text) {
  const bool printable =
      std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~' && c != '"'; });
  if (!printable) return bad("...", "has characters that no path has");
  Pattern pattern;
  pattern.text = Route(text);
  if (pattern.text.truncated()) return bad(text, "longer than 160 bytes");
  if (!text.starts_with('/')) return bad(text, "does not begin with /");
  if (text.find_first_of("?#;") != std::string::npos) return bad(text, "only paths are matched");
  std::string_view rest = std::string_view(text).substr(1);
  while (true) {
    const std::size_t end = rest.find('/');
    const std::string_view segment = rest.substr(0, end);
    if (segment == "**") {
      if (end != std::string_view::npos) return bad(text, "** must be the end of it");
      pattern.open = true;
      break;
    }
    const bool stands_for_any = is_placeholder(segment);
    if (!stands_for_any &&
        (segment.starts_with(':') || segment.find_first_of("{}*") != std::string_view::npos)) {
      return bad(text,
                 "a placeholder is a whole segment: {name}, :name or *, of letters, digits and _");
    }
    if (segment.size() > kMostSegmentBytes) return bad(text, "a segment of more than 64 bytes");
    pattern.placeholder.push_back(stands_for_any);
    pattern.segments.emplace_back(stands_for_any ? std::string_view() : segment);
    if (pattern.segments.size() > kMostSegments) return bad(text, "more than 16 segments");
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return pattern;
}

Result<RoutePatterns> RoutePatterns::compile(std::span<const std::string> patterns) {
  RoutePatterns all;
  if (patterns.size() > kMost) return bad("...", fmt::format("more than {} of them", kMost));
  for (const std::string& text : patterns) {
    auto pattern = compile_one(text);
    if (!pattern) return std::move(pattern).error();
    all.patterns_.push_back(std::move(*pattern));
  }
  return all;
}

bool RoutePatterns::fits(std::size_t pattern,
                         std::size_t depth,
                         std::string_view segment,
                         bool cut) const {
  const Pattern& p = patterns_[pattern];
  if (depth >= p.segments.size()) return p.open;
  if (p.placeholder[depth]) return !segment.empty();
  return !cut && segment == p.segments[depth];
}

RouteMatch::RouteMatch(const RoutePatterns* patterns) : patterns_(patterns) {
  if (patterns == nullptr) return;
  for (std::size_t i = 0; i < patterns->patterns_.size(); ++i)
    alive_.set(i);
}

void RouteMatch::segment(std::string_view segment, bool cut) {
  if (!possible()) return;
  for (std::size_t i = 0; i < patterns_->patterns_.size(); ++i) {
    if (alive_[i] && !patterns_->fits(i, depth_, segment, cut)) alive_.reset(i);
  }
  ++depth_;
}

const Route* RouteMatch::route() const {
  if (!possible()) return nullptr;
  for (std::size_t i = 0; i < patterns_->patterns_.size(); ++i) {
    const RoutePatterns::Pattern& p = patterns_->patterns_[i];
    if (alive_[i] && depth_ >= p.segments.size()) return &p.text;
  }
  return nullptr;
}

}  // namespace tailwhy
