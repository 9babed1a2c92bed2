// Recognising the first line of HTTP/1 messages (see http1_detect.h).
#include "proto/http1_detect.h"

#include <array>
#include <cstdint>
#include <llhttp.h>

namespace tailwhy {
namespace {

struct MethodRow {
  unsigned number;
  std::string_view name;
};
constexpr MethodRow kMethods[] = {
#define TW_METHOD(number, name, text) {number, #text},
    HTTP_METHOD_MAP(TW_METHOD)
#undef TW_METHOD
};

constexpr std::size_t kLongestMethod = 24;  // longer tokens are no methods to anybody

bool is_method_char(char c) {
  return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_known_method(std::string_view token) {
  for (const MethodRow& row : kMethods) {
    if (row.name == token) return true;
  }
  return false;
}

// Every text begins with the empty one.
bool begins_known_method(std::string_view token) {
  for (const MethodRow& row : kMethods) {
    if (row.name.starts_with(token)) return true;
  }
  return false;
}

constexpr std::string_view kStatusLine = "HTTP/1.";

Confidence detect_response(std::string_view text) {
  if (text.size() <= kStatusLine.size()) {
    return kStatusLine.starts_with(text) ? Confidence::NeedMore : Confidence::No;
  }
  if (!text.starts_with(kStatusLine) || !is_digit(text[kStatusLine.size()])) return Confidence::No;
  if (text.size() == kStatusLine.size() + 1) return Confidence::NeedMore;
  return text[kStatusLine.size() + 1] == ' ' ? Confidence::Yes : Confidence::No;
}

// `line` has no line end. Trailing blanks are what sloppy clients send.
bool ends_in_http1(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
    line.remove_suffix(1);
  if (line.empty() || !is_digit(line.back())) return false;
  line.remove_suffix(1);
  return line.ends_with(" HTTP/1.");
}

std::string_view without_empty_lines(std::string_view text) {
  while (!text.empty() && (text.front() == '\r' || text.front() == '\n'))
    text.remove_prefix(1);
  return text;
}

std::string_view method_token(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size() && is_method_char(text[size]))
    ++size;
  return text.substr(0, size);
}

// A path, "*" of OPTIONS, or a URL.
bool begins_target(char c) {
  return c == '/' || c == '*' || c == 'h' || c == 'H';
}

Confidence detect_request(std::string_view text) {
  text = without_empty_lines(text);
  const std::string_view method = method_token(text);
  if (method.size() > kLongestMethod) return Confidence::No;
  if (method.size() == text.size()) return Confidence::NeedMore;
  if (method.empty() || text[method.size()] != ' ') return Confidence::No;
  if (method == "PRI") return Confidence::No;  // the preface of HTTP/2
  const std::string_view target = text.substr(method.size() + 1);
  if (target.empty()) return Confidence::NeedMore;
  if (const std::size_t end = target.find('\n'); end != std::string_view::npos) {
    return ends_in_http1(target.substr(0, end)) ? Confidence::Yes : Confidence::No;
  }
  for (const char c : target) {
    if (static_cast<unsigned char>(c) < ' ' && c != '\r') return Confidence::No;
  }
  const bool path = begins_target(target.front());
  if (is_known_method(method) && (path || method == "CONNECT")) return Confidence::Yes;
  return path ? Confidence::NeedMore : Confidence::No;
}

}  // namespace

Confidence detect_http1(Side side, std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return side == Side::Request ? detect_request(text) : detect_response(text);
}

Confidence http1_begins(Side side, std::string_view text) {
  if (side == Side::Response) return detect_response(text);
  text = without_empty_lines(text);
  const std::string_view method = method_token(text);
  const std::string_view rest = text.substr(method.size());
  if (rest.size() < 2) {
    if (!rest.empty() && rest.front() != ' ') return Confidence::No;
    const bool known = rest.empty() ? begins_known_method(method) : is_known_method(method);
    return known ? Confidence::NeedMore : Confidence::No;
  }
  if (rest.front() != ' ' || method.empty() || method.size() > kLongestMethod)
    return Confidence::No;
  if (method == "CONNECT") return Confidence::Yes;
  // Nobody may hold, and so keep in a recording, words that are none.
  if (!is_known_method(method)) return Confidence::No;
  return begins_target(rest[1]) ? Confidence::Yes : Confidence::No;
}

bool http1_is_method(std::string_view text) {
  return is_known_method(text);
}

std::string_view http1_method_name(unsigned llhttp_method) {
  return llhttp_method < std::size(kMethods) ? kMethods[llhttp_method].name : std::string_view{};
}

}  // namespace tailwhy
