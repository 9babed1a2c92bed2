#include "proto/nats_detect.h"

#include "proto/nats_words.h"

#include <algorithm>
#include <cstdint>

namespace tailwhy {
namespace nats {
namespace {

using What = Operation::What;

constexpr std::size_t kMostDigits = 9;

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= kMostDigits &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A line that begins `text`, if it is one with all that belongs to it.
struct Line {
  const Operation* operation = nullptr;
  std::size_t size = 0;     // of the line and its CRLF; 0: it ends later
  std::size_t payload = 0;  // of a Payload
};

bool take_words(std::string_view words, Line& line) {
  std::size_t count = 0;
  std::string_view last;
  while (!words.empty()) {
    words.remove_prefix(std::min(words.find_first_not_of(" \t"), words.size()));
    if (words.empty()) break;
    last = words.substr(0, words.find_first_of(" \t"));
    words.remove_prefix(last.size());
    ++count;
  }
  if (count < line.operation->least || count > line.operation->most) return false;
  if (line.operation->what != What::Payload) return true;
  if (!is_number(last)) return false;
  for (const char c : last)
    line.payload = line.payload * 10 + static_cast<std::size_t>(c - '0');
  return true;
}

// False: `text` does not begin with one.
bool read_line(std::string_view text, Line& line) {
  const std::size_t end = text.find('\r');
  const std::string_view said = text.substr(0, end);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\t'; };
  if (std::any_of(said.begin(), said.end(), is_control)) return false;
  const std::string_view name = said.substr(0, said.find_first_of(" \t"));
  const bool whole = end != std::string_view::npos && text.substr(end).starts_with("\r\n");
  if (name.size() == said.size() && !whole) return known_operation_prefix(name) == name.size();
  line.operation = find_operation(name);
  if (line.operation == nullptr) return false;
  std::string_view rest = said.substr(name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  const What what = line.operation->what;
  if (what == What::Connect || what == What::Info) {
    if (!rest.empty() && rest.front() != '{') return false;
  } else if (what == What::Error) {
    if (!rest.empty() && rest.front() != '\'') return false;
  } else if (whole && !take_words(rest, line)) {
    return false;
  }
  if (whole) line.size = end + 2;
  return true;
}

}  // namespace

std::size_t find_line(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    Line line;
    const std::string_view rest = text.substr(at);
    if (read_line(rest, line) && line.size != 0) {
      const std::string_view after =
          rest.substr(std::min(rest.size(), line.size + line.payload)).substr(0, 2);
      const bool follows = line.operation->what != What::Payload ||
                           after == std::string_view("\r\n").substr(0, after.size());
      if (follows) return at;
    }
    const std::size_t next = text.find("\r\n", at);
    if (next == std::string_view::npos) break;
    at = next + 2;
  }
  return text.size();
}

}  // namespace nats

Confidence detect_nats(Side side, std::span<const std::byte> bytes) {
  using nats::Operation;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  nats::Line line;
  if (!nats::read_line(text, line)) return Confidence::No;
  if (line.operation == nullptr) {
    return side == Side::Request ? Confidence::NeedMore : Confidence::No;
  }
  const Operation& operation = *line.operation;
  // Names may be in any case; all clients write them like this.
  if (!text.starts_with(operation.name)) return Confidence::No;
  if (side == Side::Response) {
    if (operation.what == Operation::What::Info) {
      return text.find("{\"server_id\"") != std::string_view::npos ? Confidence::Yes
                                                                   : Confidence::No;
    }
    const bool message = operation.name == "MSG" || operation.name == "HMSG";
    return message && line.size != 0 ? Confidence::Yes : Confidence::No;
  }
  if (operation.what == Operation::What::Connect) {
    const bool json = text.find('{') != std::string_view::npos;
    return json ? Confidence::Yes : Confidence::NeedMore;
  }
  // Others say PING, too, and nobody begins with the rest.
  const bool client = operation.who == Operation::Who::Client;
  if (!client || operation.what == Operation::What::Ping) return Confidence::No;
  return line.size != 0 ? Confidence::Yes : Confidence::NeedMore;
}

}  // namespace tailwhy
