// The routes that the user knows: patterns that name a path before anything is guessed. Compiled
// once, then asked segment by segment, so that a path in pieces needs no buffer. Knows nothing of
// protocols.
#pragma once

#include "base/result.h"
#include "model/request.h"

#include <bitset>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

/// "/user/{id}/orders": segments as they are, and placeholders ("{name}", ":name" or "*") that
/// stand for one segment that is not empty. "**" at the end stands for whatever follows. The first
/// pattern that matches is the route, as it was written. Percent-encoding is not undone;
/// query, fragment and path parameters (";...") do not count.
class RoutePatterns {
 public:
  static constexpr std::size_t kMost = 256;
  static constexpr std::size_t kMostSegments = 16;
  static constexpr std::size_t kMostSegmentBytes = 64;

  /// An error says which pattern cannot be one, and why: no "/" at its beginning, more than 160
  /// bytes or 16 segments or 64 bytes in one, "**" before its end, other than printable ASCII, too
  /// many patterns.
  static Result<RoutePatterns> compile(std::span<const std::string> patterns);

  [[nodiscard]] bool empty() const { return patterns_.empty(); }

 private:
  friend class RouteMatch;

  struct Pattern {
    Route text;
    std::vector<std::string> segments;  // a placeholder is empty
    std::vector<bool> placeholder;
    bool open = false;  // ends with "**", which is no segment
  };
  static Result<Pattern> compile_one(const std::string& text);
  [[nodiscard]] bool fits(std::size_t pattern,
                          std::size_t depth,
                          std::string_view segment,
                          bool cut) const;

  std::vector<Pattern> patterns_;
};

/// A path on its way through the patterns.
class RouteMatch {
 public:
  /// `patterns`, null: none, must outlive it.
  explicit RouteMatch(const RoutePatterns* patterns = nullptr);

  [[nodiscard]] bool possible() const { return alive_.any(); }
  /// The next segment, without its "/". `cut`: it is longer than that.
  void segment(std::string_view segment, bool cut);
  /// The path has ended. Null: no pattern matches.
  [[nodiscard]] const Route* route() const;

 private:
  const RoutePatterns* patterns_;
  std::bitset<RoutePatterns::kMost> alive_;
  std::size_t depth_ = 0;
};

}  // namespace tailwhy
