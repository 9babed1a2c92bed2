// Route templates by fixed rules about one path segment at a time (see route.h).
#include "proto/route.h"

#include <algorithm>
#include <array>

namespace tailwhy {
namespace {

// Bits, so that one pass over a segment tells what is in it.
constexpr std::uint8_t kDigit = 1;
constexpr std::uint8_t kHex = 2;
constexpr std::uint8_t kLetter = 4;
constexpr std::uint8_t kMark = 8;
constexpr std::uint8_t kAt = 16;
constexpr std::uint8_t kBad = 32;
constexpr std::uint8_t kEnd = 64;
constexpr std::uint8_t kAnyLetter = kHex | kLetter;

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (std::uint8_t& c : classes)
    c = kBad;  // controls, blanks, non-ASCII, odd punctuation
  for (int c = '0'; c <= '9'; ++c)
    classes[c] = kDigit;
  for (int c = 'a'; c <= 'z'; ++c)
    classes[c] = c <= 'f' ? kHex : kLetter;
  for (int c = 'A'; c <= 'Z'; ++c)
    classes[c] = c <= 'F' ? kHex : kLetter;
  for (const char c : std::string_view("._-~:+%*{}$"))
    classes[static_cast<unsigned char>(c)] = kMark;
  for (const char c : std::string_view("/?#"))
    classes[static_cast<unsigned char>(c)] = kEnd;
  classes['@'] = kAt;
  return classes;
}
constexpr auto kClasses = make_classes();

constexpr std::string_view kId = "{id}";
constexpr std::string_view kRest = "/*";
constexpr std::size_t kRoom = 160 - kRest.size();
static_assert(kRoom + kRest.size() == sizeof(Route) - 4, "the capacity of Route");

std::uint8_t class_of(char c) {
  return kClasses[static_cast<unsigned char>(c)];
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_letter(char c) {
  return (class_of(c) & kAnyLetter) != 0;
}

std::uint8_t classes_in(std::string_view s) {
  std::uint8_t classes = 0;
  for (const char c : s)
    classes |= class_of(c);
  return classes;
}

// How letters and digits of a segment mix. Percent-encoded bytes count as neither.
struct Makeup {
  unsigned digits = 0;
  unsigned longest_run = 0;  // of digits
  unsigned changes = 0;      // between letter and digit, next to each other
  bool only_dots = true;     // no mark but '.'
};

Makeup makeup(std::string_view s) {
  Makeup m;
  unsigned run = 0;
  std::uint8_t before = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const std::uint8_t now = class_of(s[i]);
    run = now == kDigit ? run + 1 : 0;
    m.longest_run = std::max(m.longest_run, run);
    if (now == kDigit) {
      ++m.digits;
      m.changes += (before & kAnyLetter) != 0;
    } else if ((now & kAnyLetter) != 0) {
      m.changes += before == kDigit;
    } else {
      m.only_dots = m.only_dots && s[i] == '.';
      if (s[i] == '%') i += 2;
    }
    before = now;
  }
  return m;
}

// "v1", "V2.1", "v1beta1": an API version, with at most three digits in a row.
bool is_version(std::string_view s) {
  if (s.size() < 2 || (s[0] != 'v' && s[0] != 'V') || !is_digit(s[1])) return false;
  std::size_t i = 1;
  while (true) {
    const std::size_t start = i;
    while (i < s.size() && is_digit(s[i]))
      ++i;
    if (i == start || i - start > 3) return false;
    if (i + 1 >= s.size() || s[i] != '.') break;
    ++i;
  }
  for (const std::string_view word : {"alpha", "beta", "rc"}) {
    if (!s.substr(i).starts_with(word)) continue;
    i += word.size();
    for (int n = 0; n < 3 && i < s.size() && is_digit(s[i]); ++n)
      ++i;
    break;
  }
  return i == s.size();
}

// Random letters have what camel case has not: nearly as many capitals as small letters, and runs
// of consonants whose case keeps changing.
bool is_random_case(std::string_view s) {
  if (s.size() < 12) return false;
  std::size_t capitals = 0;
  unsigned run = 0;
  unsigned case_changes = 0;
  bool mixed_run = false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    capitals += is_upper(s[i]) ? 1 : 0;
    const bool vowel = std::string_view("aeiouyAEIOUY").find(s[i]) != std::string_view::npos;
    if (vowel || !is_letter(s[i])) {
      run = 0;
      case_changes = 0;
      continue;
    }
    if (run > 0 && is_upper(s[i]) != is_upper(s[i - 1])) ++case_changes;
    mixed_run = mixed_run || (++run >= 5 && case_changes >= 3);
  }
  return mixed_run && capitals * 5 > s.size() * 2;
}

bool is_id(std::string_view s) {
  if (s.size() > kRouteSegmentBytes) return true;  // UUIDs too
  const std::uint8_t classes = classes_in(s);
  if ((classes & kBad) != 0) return true;
  if ((classes & kAt) != 0) {  // "@scope" is a name, "user@host" a person
    const std::size_t at = s.find('@');
    if (at > 0 && at + 1 < s.size()) return true;
  }
  if ((classes & ~(kDigit | kHex)) == 0 && s.size() >= 8) return true;
  if ((classes & kDigit) == 0) return is_random_case(s);
  const Makeup m = makeup(s);
  if (m.digits == 0) return false;    // all of them in percent-encoded bytes
  if ((classes & kAnyLetter) == 0) {  // integers, dates, times, addresses; but "2.0" is a version
    return !(m.only_dots && m.digits < 4 && (classes & kMark) != 0);
  }
  if (is_version(s)) return false;
  return m.longest_run >= 4 || (m.digits >= 2 && s.size() >= 8) || m.changes >= 4;
}

// The extension of a file name, with its dot; empty if the segment does not look like one.
std::string_view extension(std::string_view s) {
  const std::size_t dot = s.rfind('.');
  const std::string_view none = s.substr(s.size());
  if (dot == std::string_view::npos || dot == 0) return none;
  const std::string_view ext = s.substr(dot + 1);
  if (ext.empty() || ext.size() > 5) return none;
  bool letter = false;
  for (const char c : ext) {
    if (!is_letter(c) && !is_digit(c)) return none;
    letter = letter || is_letter(c);
  }
  return letter ? s.substr(dot) : none;
}

}  // namespace

void RouteBuilder::append(std::string_view piece) {
  while (!piece.empty() && part_ != Part::Done && part_ != Part::None) {
    if (part_ == Part::Path) {
      append_path(piece);
    } else {
      step(piece.front());
      piece.remove_prefix(1);
    }
  }
}

// Everything before the path, byte by byte.
void RouteBuilder::step(char c) {
  switch (part_) {
    case Part::Start:
      part_ = c == '/'       ? Part::Path
              : c == '*'     ? Part::Star
              : is_letter(c) ? Part::Scheme
                             : Part::None;
      return;
    case Part::Scheme:
      if (c == ':') {
        part_ = Part::Colon;
      } else if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') {
        part_ = Part::None;
      }
      return;
    case Part::Colon:
      part_ = c == '/' ? Part::Slash : Part::None;
      return;
    case Part::Slash:
      part_ = c == '/' ? Part::Authority : Part::None;
      return;
    case Part::Authority:
      if (c == '/') {
        part_ = Part::Path;
      } else if (c == '?' || c == '#') {
        route_.assign("/");
        match_.segment({}, false);
        part_ = Part::Done;
      }
      return;
    default:  // nothing may follow "*"
      part_ = Part::None;
  }
}

// One segment, or what has come of it.
void RouteBuilder::append_path(std::string_view& piece) {
  std::size_t size = 0;
  while (size < piece.size() && class_of(piece[size]) != kEnd)
    ++size;
  const std::string_view segment = piece.substr(0, size);
  if (size == piece.size()) {
    held_.append(segment);
    piece = {};
    return;
  }
  const bool last = piece[size] != '/';
  piece.remove_prefix(size + 1);
  if (held_.empty()) {
    add_segment(segment.substr(0, kHeldBytes), size > kHeldBytes, last);
  } else {
    held_.append(segment);
    add_segment(held_.view(), held_.truncated(), last);
    held_.clear();
  }
  if (last) part_ = Part::Done;
}

void RouteBuilder::add_segment(std::string_view segment, bool too_long, bool last) {
  if (part_ == Part::Done) return;
  if (const std::size_t parameters = segment.find(';'); parameters != std::string_view::npos) {
    segment = segment.substr(0, parameters);
    too_long = false;
  }
  match_.segment(segment, too_long);
  if (full_) return;
  const std::string_view ext = last && !too_long ? extension(segment) : std::string_view("");
  const std::string_view stem = segment.substr(0, segment.size() - ext.size());
  const std::string_view name = too_long || is_id(stem) ? kId : stem;
  if (++segments_ > kRouteSegments || route_.size() + 1 + name.size() + ext.size() > kRoom) {
    route_.append(kRest);
    full_ = true;
    if (!match_.possible()) part_ = Part::Done;
    return;
  }
  route_.append("/");
  route_.append(name);
  route_.append(ext);
}

Route RouteBuilder::finish() {
  if (part_ == Part::Path) {
    add_segment(held_.view(), held_.truncated(), true);
  } else if (part_ == Part::Star) {
    route_.assign("*");
  } else if (part_ == Part::Authority) {
    route_.assign("/");
    match_.segment({}, false);
  } else if (part_ == Part::None) {
    route_.clear();
  }
  part_ = Part::Done;
  if (route_.view().starts_with('/')) {
    const Route* pattern = match_.route();
    source_ = pattern != nullptr ? RouteSource::Pattern : RouteSource::Classified;
    if (pattern != nullptr) return *pattern;
  }
  return route_;
}

Route route_template(std::string_view target) {
  RouteBuilder builder;
  builder.append(target);
  return builder.finish();
}

}  // namespace tailwhy
