// Heads and chunked framing. See the header.
#include "http_text.h"

#include <algorithm>
#include <charconv>

namespace workload {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

}  // namespace

std::size_t head_size(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

std::string_view first_line(std::string_view head) {
  return head.substr(0, std::min(head.find("\r\n"), head.size()));
}

std::optional<std::string_view> header(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    const std::string_view rest = head.substr(at + 2);
    const std::string_view line = rest.substr(0, std::min(rest.find("\r\n"), rest.size()));
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && same(line.substr(0, colon), name))
      return trim(line.substr(colon + 1));
    at = head.find("\r\n", at + 2);
  }
  return std::nullopt;
}

bool has_token(std::optional<std::string_view> value, std::string_view word) {
  if (!value) return false;
  for (std::size_t i = 0; i + word.size() <= value->size(); ++i)
    if (same(value->substr(i, word.size()), word)) return true;
  return false;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::size_t ChunkSkipper::feed(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !done() && !broken()) {
    if (state_ == State::Data) {
      const auto size = std::min<std::uint64_t>(left_, bytes.size() - at);
      left_ -= size;
      at += size;
      if (left_ == 0) state_ = State::DataEnd;
    } else {
      step(bytes[at++]);
    }
  }
  return at;
}

// One character of the framing between the data.
void ChunkSkipper::step(char c) {
  switch (state_) {
    case State::Size: {
      const char digit = lower(c);
      if (digit >= '0' && digit <= '9') {
        left_ = left_ * 16 + static_cast<unsigned>(digit - '0');
      } else if (digit >= 'a' && digit <= 'f') {
        left_ = left_ * 16 + static_cast<unsigned>(digit - 'a' + 10);
      } else if (c == ';' || c == '\r' || c == ' ') {
        state_ = State::Extension;
      } else {
        state_ = State::Broken;
      }
      return;
    }
    case State::Extension:
      if (c != '\n') return;
      line_size_ = 0;
      state_ = left_ == 0 ? State::Trailer : State::Data;
      return;
    case State::DataEnd:
      if (c == '\n') state_ = State::Size;
      return;
    case State::Trailer:
      if (c == '\r') return;
      if (c == '\n') {
        if (line_size_ == 0) state_ = State::Done;
        line_size_ = 0;
      } else {
        ++line_size_;
      }
      return;
    default:
      return;
  }
}

}  // namespace workload
