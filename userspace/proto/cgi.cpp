#include "proto/cgi.h"

#include "proto/http1_detect.h"
#include "proto/trace_context.h"

#include <algorithm>
#include <array>

namespace tailwhy::cgi {
namespace {

struct NameRow {
  std::string_view text;
  Name name;
};
constexpr std::array<NameRow, 6> kNames{{
    {"REQUEST_METHOD", Name::Method},
    {"REQUEST_URI", Name::Uri},
    {"SCRIPT_NAME", Name::Script},
    {"CONTENT_LENGTH", Name::ContentLength},
    {"HTTP_TRACEPARENT", Name::TraceParent},
    {"HTTP_X_REQUEST_ID", Name::RequestId},
}};

// What a line of an answer's head may begin with that matters. The last only in its first line.
// None has an 'x', which is what a recording has in the place of other letters.
constexpr std::array<std::string_view, 3> kLines{"status:", "location:", "http/"};
constexpr std::size_t kStatus = 0, kLocation = 1, kHttp = 2;
constexpr std::uint16_t kMostHead = 16 * 1024;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<std::uint64_t> number(std::string_view text) {
  constexpr std::size_t kMostDigits = 18;
  if (text.size() > kMostDigits || !std::all_of(text.begin(), text.end(), is_digit))
    return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text)
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

}  // namespace

Name name_of(std::string_view text) {
  const auto* const row = std::find_if(kNames.begin(), kNames.end(),
                                       [text](const NameRow& each) { return each.text == text; });
  return row == kNames.end() ? Name::Other : row->name;
}

void Variables::begin(Name name) {
  name_ = name;
  path_ = Path::Begin;
  value_.clear();
  // A second one of the same name is not looked at.
  if ((name == Name::Uri && uri_known_) || (name == Name::Script && script_known_)) {
    path_ = Path::None;
  }
}

bool Variables::step_path(RouteBuilder& route, char c) {
  const auto open = [&](Path next) {
    path_ = next;
    route.append({&c, 1});
    return true;
  };
  switch (path_) {
    case Path::Begin:
      if (c != '/' && c != '*') path_ = Path::None;
      return path_ == Path::Begin && open(Path::Open);
    case Path::Open:
      return open(c == '?' || c == '#' ? Path::Secret : c == ';' ? Path::Parameter : Path::Open);
    case Path::Parameter:
      if (c == '?' || c == '#') return open(Path::Secret);
      return c == '/' && open(Path::Open);
    case Path::Secret:
    case Path::None:
      return false;
  }
  return false;
}

bool Variables::step(char c) {
  switch (name_) {
    case Name::Other:
      return false;
    case Name::Uri:
      return step_path(uri_, c);
    case Name::Script:
      return step_path(script_, c);
    default:
      value_.append({&c, 1});
      return !value_.truncated();
  }
}

void Variables::end() {
  const std::string_view value = value_.view();
  switch (name_) {
    case Name::Uri:
      uri_known_ = uri_known_ || (path_ != Path::Begin && path_ != Path::None);
      break;
    case Name::Script:
      script_known_ = script_known_ || (path_ != Path::Begin && path_ != Path::None);
      break;
    case Name::Method:
      method_.assign(http1_is_method(value) ? value : "_OTHER");
      break;
    case Name::ContentLength:
      content_length_ = number(value);
      break;
    case Name::TraceParent:
      trace_ = value_.truncated() ? TraceContext{} : parse_traceparent(value);
      break;
    case Name::RequestId:
      request_id_ = value_.truncated() ? RequestId{} : parse_request_id(value);
      break;
    case Name::Other:
      break;
  }
  name_ = Name::Other;
}

RequestHead Variables::head() {
  RequestHead head;
  head.method = method_;
  head.trace = trace_;
  head.request_id = request_id_;
  if (uri_known_ || script_known_) {
    RouteBuilder& route = uri_known_ ? uri_ : script_;
    head.route = route.finish();
    head.route_source = route.source();
  }
  return head;
}

bool AnswerHead::step_name(char c) {
  if (c == ':' && (candidates_ & (1U << kLocation)) != 0 && at_ + 1U == kLines[kLocation].size()) {
    location_ = true;
  }
  std::uint8_t left = 0;
  for (std::size_t i = 0; i < kLines.size(); ++i) {
    const bool may = (candidates_ & (1U << i)) != 0 && (i != kHttp || first_line_);
    if (may && at_ < kLines[i].size() && kLines[i][at_] == lower(c)) {
      left = static_cast<std::uint8_t>(left | 1U << i);
    }
  }
  candidates_ = left;
  ++at_;
  if ((left & (1U << kStatus)) != 0 && at_ == kLines[kStatus].size()) {
    part_ = status_seen_ ? Part::Value : Part::Digits;
    digits_ = 0;
    status_seen_ = true;
  } else if ((left & (1U << kHttp)) != 0 && at_ == kLines[kHttp].size()) {
    part_ = Part::Version;
  } else if (c == ':') {
    part_ = Part::Value;
  } else if (left == 0) {
    at_ = 0;  // of a name that is none of ours nothing is compared any more
  }
  return left != 0 || c == ':';
}

void AnswerHead::end_line() {
  if (part_ == Part::Digits && digits_ != 3) status_ = 0;
  part_ = empty_ ? Part::Body : Part::Name;
  candidates_ = 0xff;
  at_ = 0;
  empty_ = true;
  first_line_ = false;
}

bool AnswerHead::step(char c) {
  if (part_ == Part::Body) return false;
  if (++size_ >= kMostHead) {
    status_seen_ = true;
    status_ = 0;
    part_ = Part::Body;
    return false;
  }
  if (c == '\n') {
    end_line();
    return true;
  }
  if (c == '\r') return true;
  empty_ = false;
  switch (part_) {
    case Part::Name:
      return step_name(c);
    case Part::Version:
      if (is_digit(c) || c == '.') return true;
      part_ = c == ' ' ? Part::Digits : Part::Value;
      status_seen_ = true;
      digits_ = 0;
      return c == ' ';
    case Part::Digits:
      if (c == ' ' && digits_ == 0) return true;
      if (is_digit(c) && digits_ < 3) {
        status_ = static_cast<std::uint16_t>(status_ * 10 + (c - '0'));
        ++digits_;
        return true;
      }
      if (digits_ != 3 || is_digit(c)) status_ = 0;
      part_ = Part::Value;
      return is_digit(c);
    case Part::Value:
    case Part::Body:
      return false;
  }
  return false;
}

std::uint16_t AnswerHead::status() const {
  if (status_seen_) return status_ >= 100 ? status_ : 0;
  if (!over()) return 0;
  return location_ ? 302 : 200;  // RFC 3875, 6.2.3 and 6.3.3
}

ResponseHead AnswerHead::response() const {
  using Verdict = ResponseHead::Verdict;
  ResponseHead head;
  head.status = status();
  head.verdict = head.status >= 500   ? Verdict::ServerError
                 : head.status >= 400 ? Verdict::ClientError
                 : head.status >= 100 ? Verdict::Ok
                                      : Verdict::Unknown;
  return head;
}

}  // namespace tailwhy::cgi
