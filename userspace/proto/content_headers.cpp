#include "proto/content_headers.h"

#include <algorithm>

namespace tailwhy {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool starts_with(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), text.begin(),
                    [](char a, char b) { return a == lower(b); });
}

// The value of a header line that begins with `name` and its colon, without blanks and parameters;
// empty: it is another header, or has none.
std::string_view value_of(std::string_view line, std::string_view name) {
  if (!starts_with(line, name)) return {};
  line.remove_prefix(name.size());
  line = line.substr(0, std::min(line.find_first_of(";\r"), line.size()));
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t'))
    line.remove_prefix(1);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t'))
    line.remove_suffix(1);
  return line;
}

bool same(std::string_view text, std::string_view lower_case) {
  return text.size() == lower_case.size() && starts_with(text, lower_case);
}

}  // namespace

StreamKind stream_kind(std::string_view content_type) {
  content_type = content_type.substr(0, std::min(content_type.find(';'), content_type.size()));
  while (!content_type.empty() && content_type.back() == ' ')
    content_type.remove_suffix(1);
  if (same(content_type, "text/event-stream")) return StreamKind::Events;
  for (const std::string_view lines :
       {"application/x-ndjson", "application/jsonl", "application/stream+json"}) {
    if (same(content_type, lines)) return StreamKind::Lines;
  }
  return StreamKind::None;
}

void ContentHeaders::read(std::string_view text) {
  while (!text.empty() && !settled_) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      line_.append(text);
      return;
    }
    if (line_.empty()) {
      read_line(text.substr(0, end));
    } else {
      line_.append(text.substr(0, end));
      read_line(line_.view());
      line_.clear();
    }
    text.remove_prefix(end + 1);
  }
}

void ContentHeaders::read_line(std::string_view line) {
  line = line.substr(0, kLineBytes);
  if (line.size() < 9 || lower(line.front()) != 'c') return;
  if (const auto type = value_of(line, "content-type:"); !type.empty()) {
    kind_ = stream_kind(type);
    settled_ = kind_ == StreamKind::None;
  } else if (const auto coding = value_of(line, "content-encoding:"); !coding.empty()) {
    encoded_ = !same(coding, "identity");
  }
}

}  // namespace tailwhy
