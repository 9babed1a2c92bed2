// Route templates: a request target with its variable parts replaced, so that it can name a row of
// a table. Deterministic and without memory: the same target always gives the same route.
// Knows nothing of the protocol that the target came from, nor of routes seen before.
#pragma once

#include "base/inline_text.h"
#include "model/request.h"
#include "model/route_patterns.h"

#include <cstdint>
#include <string_view>

namespace tailwhy {

// Segments beyond this many become one "/*".
inline constexpr unsigned kRouteSegments = 10;
// Segments longer than this are taken for ids, whatever they contain.
inline constexpr std::size_t kRouteSegmentBytes = 24;

// Builds the route of a target that arrives in pieces; where it is cut makes no difference.
class RouteBuilder {
 public:
  RouteBuilder() = default;
  // A pattern of the user's that matches is the route. `patterns`, null: none, must outlive it.
  explicit RouteBuilder(const RoutePatterns* patterns) : match_(patterns) {}

  void append(std::string_view piece);
  // The route of everything appended so far. Appending after this is not allowed.
  [[nodiscard]] Route finish();
  // After finish(): what the rules make of it, whatever the user called it.
  [[nodiscard]] std::string_view classified() const { return route_.view(); }
  // After finish(): by what it was made.
  [[nodiscard]] RouteSource source() const { return source_; }

 private:
  enum class Part : std::uint8_t { Start, Star, Scheme, Colon, Slash, Authority, Path, Done, None };
  // An id with an extension that is worth keeping ("{id}.json") is still recognised up to here.
  static constexpr std::size_t kHeldBytes = RoutePatterns::kMostSegmentBytes;

  void step(char c);
  void append_path(std::string_view& piece);
  void add_segment(std::string_view segment, bool too_long, bool last);

  Route route_;
  RouteMatch match_;
  InlineText<kHeldBytes> held_;  // of a segment whose end has not come yet
  std::uint8_t segments_ = 0;
  bool full_ = false;  // nothing more is appended
  RouteSource source_ = RouteSource::None;
  Part part_ = Part::Start;
};

// "/user/42?q=1" -> "/user/{id}". Scheme, authority, query, fragment and path parameters (";…") are
// dropped; "*" stays, an authority alone (CONNECT) and anything else that is no path gives "".
// Percent-encoding is left as it is. Replaced by "{id}": integers, hex of 8 and more, UUIDs, dates,
// random-looking and long segments, addresses with "@", and whatever has bytes that do not belong
// into a path. Kept: words, version segments ("v1", "2.0"), file extensions ("{id}.json").
[[nodiscard]] Route route_template(std::string_view target);

}  // namespace tailwhy
