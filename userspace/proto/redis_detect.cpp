#include "proto/redis_detect.h"

#include "proto/redis_commands.h"

#include <algorithm>

namespace tailwhy {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Takes `prefix` and up to `most` digits and CRLF off the front. NeedMore: `text` ends before.
Confidence take_header(std::string_view& text, char prefix, std::size_t most) {
  if (text.empty()) return Confidence::NeedMore;
  if (text.front() != prefix) return Confidence::No;
  std::size_t at = 1;
  while (at < text.size() && is_digit(text[at]))
    ++at;
  if (at - 1 > most || (at > 1 && text[1] == '0')) return Confidence::No;
  if (at == text.size()) return Confidence::NeedMore;
  if (at == 1 || text[at] != '\r') return Confidence::No;
  if (at + 1 == text.size()) return Confidence::NeedMore;
  if (text[at + 1] != '\n') return Confidence::No;
  text.remove_prefix(at + 2);
  return Confidence::Yes;
}

// Lines of memcached look the same.
bool memcached_has(std::string_view word) {
  constexpr std::string_view kWords[] = {"get",  "gets", "gat",   "gats", "set",   "add",
                                         "incr", "decr", "touch", "quit", "append"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

Confidence detect_inline(std::string_view text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  const std::string_view word = line.substr(0, line.find_first_of(" \r\t"));
  if (word.empty() || !is_letter(word.front()) || word.size() > kLongestRedisName) {
    return Confidence::No;
  }
  if (word.size() == line.size() && end == std::string_view::npos) {
    return known_redis_prefix({}, word) == word.size() ? Confidence::NeedMore : Confidence::No;
  }
  if (find_redis_command(word) == nullptr || memcached_has(word)) return Confidence::No;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool end_of_line = line[i] == '\r' && i + 1 == line.size();
    if (static_cast<unsigned char>(line[i]) < ' ' && line[i] != '\t' && !end_of_line) {
      return Confidence::No;
    }
  }
  if (line.find(" HTTP/") != std::string_view::npos) return Confidence::No;
  return end == std::string_view::npos ? Confidence::NeedMore : Confidence::Yes;
}

Confidence detect_request(std::string_view text) {
  if (text.empty()) return Confidence::NeedMore;
  if (text.front() != '*') return detect_inline(text);
  Confidence found = take_header(text, '*', 7);
  if (found == Confidence::Yes) found = take_header(text, '$', 2);
  if (found != Confidence::Yes) return found;
  if (text.empty()) return Confidence::NeedMore;
  return is_letter(text.front()) ? Confidence::Yes : Confidence::No;
}

Confidence detect_response(std::string_view text) {
  constexpr std::string_view kOnlyRedis[] = {"-ERR unknown command", "-NOAUTH Authentication",
                                             "-DENIED Redis is running"};
  Confidence found = Confidence::No;
  for (const std::string_view words : kOnlyRedis) {
    if (text.starts_with(words)) return Confidence::Yes;
    if (words.starts_with(text)) found = Confidence::NeedMore;
  }
  return found;
}

}  // namespace

Confidence detect_redis(Side side, std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return side == Side::Request ? detect_request(text) : detect_response(text);
}

bool redis_reply_begins(std::string_view text) {
  if (text.empty()) return false;
  const char type = text.front();
  if (std::string_view("+-:_#,(").find(type) != std::string_view::npos) return true;
  if (std::string_view("$=!*~%>|").find(type) == std::string_view::npos) return false;
  text.remove_prefix(1);
  if (text.starts_with("-1\r\n") || text.starts_with("0\r\n")) return true;
  const std::size_t digits = text.find_first_not_of("0123456789");
  return digits != std::string_view::npos && digits > 0 && text.front() != '0' &&
         text.substr(digits).starts_with("\r\n");
}

}  // namespace tailwhy
