// The walk through a document, byte by byte but for long strings. What is hidden replaces itself by
// letters: so that it reads the same afterwards, nothing that is hidden may matter but by being
// there.
#include "proto/llm_json.h"

#include <algorithm>
#include <iterator>

namespace tailwhy {
namespace {

using Node = LlmJson::Node;

struct Row {
  Node parent;
  std::string_view key;
  Node node;
};
// By parent, then by key. No key ends with the letter that hides.
constexpr Row kRows[] = {
    {Node::Request, "model", Node::Model},
    {Node::Response, "choices", Node::Choices},
    {Node::Response, "completion", Node::Text},
    {Node::Response, "content", Node::Text},
    {Node::Response, "delta", Node::Delta},
    {Node::Response, "details", Node::Details},
    {Node::Response, "error", Node::Noted},
    {Node::Response, "eval_count", Node::OutputTokens},
    {Node::Response, "generated_text", Node::Text},
    {Node::Response, "message", Node::Whole},
    {Node::Response, "model", Node::Model},
    {Node::Response, "prompt_eval_count", Node::InputTokens},
    {Node::Response, "response", Node::Whole},
    {Node::Response, "timings", Node::Timings},
    {Node::Response, "token", Node::Token},
    {Node::Response, "tokens_evaluated", Node::InputTokens},
    {Node::Response, "tokens_predicted", Node::OutputTokens},
    {Node::Response, "type", Node::Noted},
    {Node::Response, "usage", Node::Usage},
    {Node::Text, "text", Node::Text},
    {Node::Text, "thinking", Node::Text},
    {Node::Choices, "delta", Node::Delta},
    {Node::Choices, "message", Node::Delta},
    {Node::Choices, "text", Node::Text},
    {Node::Delta, "audio", Node::Any},
    {Node::Delta, "content", Node::Text},
    {Node::Delta, "function_call", Node::Any},
    {Node::Delta, "partial_json", Node::Text},
    {Node::Delta, "reasoning", Node::Text},
    {Node::Delta, "reasoning_content", Node::Text},
    {Node::Delta, "refusal", Node::Text},
    {Node::Delta, "text", Node::Text},
    {Node::Delta, "thinking", Node::Text},
    {Node::Delta, "tool_calls", Node::Any},
    {Node::Whole, "content", Node::Text},
    {Node::Whole, "model", Node::Model},
    {Node::Whole, "thinking", Node::Text},
    {Node::Whole, "tool_calls", Node::Any},
    {Node::Whole, "usage", Node::Usage},
    {Node::Token, "text", Node::Text},
    {Node::Usage, "completion_tokens", Node::OutputTokens},
    {Node::Usage, "input_tokens", Node::InputTokens},
    {Node::Usage, "output_tokens", Node::OutputTokens},
    {Node::Usage, "prompt_tokens", Node::InputTokens},
    {Node::Timings, "predicted_n", Node::OutputTokens},
    {Node::Details, "generated_tokens", Node::OutputTokens},
    {Node::Details, "input_length", Node::InputTokens},
};
static_assert(std::size(kRows) < 255);
static_assert(std::ranges::is_sorted(kRows, [](const Row& a, const Row& b) {
  return a.parent != b.parent ? a.parent < b.parent : a.key < b.key;
}));
static_assert(std::ranges::none_of(kRows, [](const Row& row) { return row.key.ends_with('x'); }));

constexpr std::uint8_t kMostDigits = 12;

// A string by itself is output in these: "delta":"..." of a Responses stream, too.
constexpr bool is_output(Node node) {
  return node == Node::Text || node == Node::Any || node == Node::Delta || node == Node::Whole;
}

constexpr bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == ':' || c == '/' || c == '@' || c == '+' || c == '-';
}

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

void LlmJson::reset() {
  depth_ = 0;
  too_deep_ = 0;
  state_ = State::Between;
  value_ = root_;
  expects_key_ = false;
  ended_ = false;
  lost_ = false;
  output_ = false;
  recognised_ = false;
}

std::size_t LlmJson::read(std::string_view text, const Hide& hide) {
  std::size_t at = 0;
  std::size_t hidden = 0;  // so many bytes before `at` are to be
  const auto flush = [&] {
    if (hidden > 0 && hide.call != nullptr)
      hide.call(hide.owner, text.data() + at - hidden, hidden);
    hidden = 0;
  };
  if (lost_) {
    at = hidden = text.size();
    flush();
    return at;
  }
  while (at < text.size() && !ended_) {
    if (state_ == State::String && value_ != Node::Model) {
      const std::size_t end = std::min(text.find_first_of("\"\\", at), text.size());
      if (end > at) {
        output_ = output_ || is_output(value_);
        hidden += end - at;
        at = end;
        continue;
      }
    }
    if (step(text[at])) {
      ++hidden;
      ++at;
    } else {
      flush();
      ++at;
    }
  }
  flush();
  return at;
}

// True: the byte is to be hidden.
bool LlmJson::step(char c) {
  switch (state_) {
    case State::Between:
      return between(c);
    case State::Key:
      return in_key(c);
    case State::KeyEscape:
      state_ = State::Key;
      return true;
    case State::String:
      return in_string(c);
    case State::StringEscape:
      return in_escape(c);
    case State::Scalar:
      return in_scalar(c);
  }
  return true;
}

bool LlmJson::between(char c) {
  switch (c) {
    case '{':
    case '[':
      open(c == '{');
      return false;
    case '}':
    case ']':
      close();
      return false;
    case '"':
      if (expects_key_) {
        begin_key();
      } else {
        state_ = State::String;
        bad_ = false;
        name_.clear();
      }
      return false;
    case ':':
      expects_key_ = false;
      return false;
    case ',':
      if (depth_ > 0 && too_deep_ == 0) {
        const Frame& frame = frames_[depth_ - 1];
        expects_key_ = frame.object;
        value_ = frame.object ? Node::Nothing : frame.node;
      }
      return false;
    default:
      if (is_blank(c)) return false;
      state_ = State::Scalar;
      number_ = 0;
      digits_ = 0;
      bad_ = false;
      return in_scalar(c);
  }
}

void LlmJson::open(bool object) {
  if (too_deep_ > 0 || depth_ == kDepth) {
    ++too_deep_;
    value_ = Node::Nothing;
    expects_key_ = false;
    return;
  }
  const Node node = depth_ == 0 ? root_ : value_;
  frames_[depth_++] = {node, object};
  expects_key_ = object;
  value_ = object ? Node::Nothing : node;
}

void LlmJson::close() {
  expects_key_ = false;
  value_ = Node::Nothing;
  if (too_deep_ > 0) {
    --too_deep_;
  } else if (depth_ > 0) {
    --depth_;
  }
  if (depth_ == 0) ended_ = true;
}

void LlmJson::begin_key() {
  state_ = State::Key;
  key_size_ = 0;
  const Node parent = here();
  const auto* const first =
      std::lower_bound(std::begin(kRows), std::end(kRows), parent,
                       [](const Row& row, Node node) { return row.parent < node; });
  const auto* const end = std::upper_bound(
      first, std::end(kRows), parent, [](Node node, const Row& row) { return node < row.parent; });
  first_row_ = static_cast<std::uint8_t>(first - std::begin(kRows));
  end_row_ = static_cast<std::uint8_t>(end - std::begin(kRows));
}

// The rows that begin like the key get fewer with each byte. Bytes of none are hidden.
bool LlmJson::in_key(char c) {
  if (c == '"') {
    end_key();
    return false;
  }
  if (c == '\\') {
    state_ = State::KeyEscape;
    end_row_ = first_row_;
    return true;
  }
  const std::size_t at = key_size_;
  const auto before = [&](const Row& row) { return row.key.size() <= at || row.key[at] < c; };
  while (first_row_ < end_row_ && before(kRows[first_row_]))
    ++first_row_;
  while (first_row_ < end_row_ && kRows[end_row_ - 1].key[at] > c)
    --end_row_;
  if (first_row_ == end_row_) return true;
  ++key_size_;
  return false;
}

void LlmJson::end_key() {
  state_ = State::Between;
  expects_key_ = false;
  const bool known = first_row_ < end_row_ && kRows[first_row_].key.size() == key_size_;
  recognised_ = recognised_ || known;
  value_ = known ? kRows[first_row_].node : here() == Node::Any ? Node::Any : Node::Nothing;
}

bool LlmJson::in_string(char c) {
  if (c == '"') {
    end_string();
    return false;
  }
  if (value_ != Node::Model) {
    output_ = output_ || is_output(value_);
    if (c == '\\') state_ = State::StringEscape;
    return true;
  }
  if (bad_) {
    if (c == '\\') state_ = State::StringEscape;
    return true;
  }
  if (c == '\\') {
    state_ = State::StringEscape;
    return false;
  }
  // The first byte that a name may not have stays: so it is no name for who reads this again.
  if (in_name(c)) {
    name_.append({&c, 1});
    bad_ = name_.truncated();
    return bad_;
  }
  bad_ = true;
  return false;
}

bool LlmJson::in_escape(char c) {
  state_ = State::String;
  if (value_ != Node::Model || bad_) return true;
  bad_ = c != '/';  // "\/" is "/"; no other escape is part of a name
  if (!bad_) {
    name_.append("/");
    bad_ = name_.truncated();
  }
  return bad_;
}

void LlmJson::end_string() {
  state_ = State::Between;
  if (value_ == Node::Model && !bad_ && !name_.empty()) {
    ModelName& model = root_ == Node::Request ? facts_.request_model : facts_.response_model;
    changed_ = changed_ || model != name_;
    model = name_;
  }
}

bool LlmJson::in_scalar(char c) {
  switch (c) {
    case ',':
    case ':':
    case '{':
    case '}':
    case '[':
    case ']':
    case '"':
      end_scalar();
      return between(c);
    default:
      break;
  }
  if (is_blank(c)) {
    end_scalar();
    return false;
  }
  if (!is_number() || bad_) return true;
  bad_ = c < '0' || c > '9' || ++digits_ > kMostDigits;
  if (!bad_) number_ = number_ * 10 + static_cast<std::uint64_t>(c - '0');
  return bad_;
}

void LlmJson::end_scalar() {
  state_ = State::Between;
  if (!is_number() || bad_ || digits_ == 0) return;
  const bool input = value_ == Node::InputTokens;
  std::uint64_t& tokens = input ? facts_.input_tokens : facts_.output_tokens;
  bool& known = input ? facts_.input_known : facts_.output_known;
  changed_ = changed_ || !known || tokens != number_;
  tokens = number_;
  known = true;
}

}  // namespace tailwhy
