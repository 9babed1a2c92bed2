#include "proto/http2_fields.h"

#include "proto/content_headers.h"
#include "proto/trace_context.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tailwhy::http2 {
namespace {

using Verdict = ResponseHead::Verdict;

// The methods of HTTP that have a meaning to somebody; RFC 9110, WebDAV and its kin.
constexpr std::string_view kMethods[] = {
    "GET",       "HEAD",   "POST",       "PUT",        "DELETE", "CONNECT",   "OPTIONS",
    "TRACE",     "PATCH",  "COPY",       "LOCK",       "MKCOL",  "MOVE",      "PROPFIND",
    "PROPPATCH", "SEARCH", "UNLOCK",     "BIND",       "REBIND", "UNBIND",    "ACL",
    "REPORT",    "MERGE",  "MKACTIVITY", "CHECKOUT",   "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE",
    "PURGE",     "LINK",   "UNLINK",     "MKCALENDAR", "QUERY",
};
constexpr std::string_view kOther = "_OTHER";

struct CodeRow {
  std::string_view word;
  Verdict verdict;
};
// gRPC's status codes by number; errors of the server are those of OpenTelemetry's conventions.
constexpr std::array<CodeRow, 17> kCodes{{
    {"OK", Verdict::Ok},
    {"CANCELLED", Verdict::ClientError},
    {"UNKNOWN", Verdict::ServerError},
    {"INVALID_ARGUMENT", Verdict::ClientError},
    {"DEADLINE_EXCEEDED", Verdict::ServerError},
    {"NOT_FOUND", Verdict::ClientError},
    {"ALREADY_EXISTS", Verdict::ClientError},
    {"PERMISSION_DENIED", Verdict::ClientError},
    {"RESOURCE_EXHAUSTED", Verdict::ClientError},
    {"FAILED_PRECONDITION", Verdict::ClientError},
    {"ABORTED", Verdict::ClientError},
    {"OUT_OF_RANGE", Verdict::ClientError},
    {"UNIMPLEMENTED", Verdict::ServerError},
    {"INTERNAL", Verdict::ServerError},
    {"UNAVAILABLE", Verdict::ServerError},
    {"DATA_LOSS", Verdict::ServerError},
    {"UNAUTHENTICATED", Verdict::ClientError},
}};
constexpr std::size_t kUnknownCode = 2;  // clients take codes that they do not know for it

// Digits only, at most `most` of them; -1: it is no such number.
int number(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most) return -1;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

// "/pkg.Service/Method" without the slash it begins with; anything else is no call.
Route call_name(std::string_view path) {
  if (path.size() < 2 || path.front() != '/') return kOther;
  path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == path.size()) return kOther;
  const std::string_view method = path.substr(slash + 1);
  const bool fine =
      std::all_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(slash), is_name_char) &&
      std::all_of(method.begin(), method.end(), is_name_char);
  const Route name(path);
  return fine && !name.truncated() ? name : Route(kOther);
}

// application/grpc, with what follows a "+" or ";", but not application/grpc-web.
bool is_grpc(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (!content_type.starts_with(kType)) return false;
  content_type.remove_prefix(kType.size());
  return content_type.empty() || content_type.front() == '+' || content_type.front() == ';';
}

Verdict verdict_of(unsigned status) {
  return status >= 500   ? Verdict::ServerError
         : status >= 400 ? Verdict::ClientError
         : status >= 100 ? Verdict::Ok
                         : Verdict::Unknown;
}

}  // namespace

void Fields::take(const Field& field) {
  if (field.name == Name::Unknown || (field.name > Name::Other && !field.value_known)) {
    // which may have been any; of these two it is known that they were there
    if (field.name == Name::ContentType || field.name == Name::Unknown) holes_ = true;
    if (field.name == Name::GrpcStatus) grpc_status_seen_ = true;
    return;
  }
  const std::string_view value = field.value;
  switch (field.name) {
    case Name::Method:
      if (!method_.empty()) break;
      method_.assign(std::find(std::begin(kMethods), std::end(kMethods), value) !=
                             std::end(kMethods)
                         ? value
                         : kOther);
      break;
    case Name::Path:
      if (path_seen_) break;
      path_seen_ = true;
      path_.append(value);
      route_ = path_.finish();
      call_ = call_name(value);
      break;
    case Name::Status:
      if (status_ == 0 && value.size() == 3)
        status_ = static_cast<std::uint16_t>(std::max(0, number(value, 3)));
      break;
    case Name::ContentType:
      if (!content_seen_) {
        grpc_content_ = is_grpc(value);
        stream_ = stream_kind(value);
      }
      content_seen_ = true;
      break;
    case Name::ContentEncoding:
      encoded_ = value != "identity";
      break;
    case Name::GrpcStatus: {
      if (grpc_status_seen_) break;
      grpc_status_seen_ = true;
      const int code = number(value, 9);
      if (code < 0) break;
      const auto known = static_cast<std::size_t>(code);
      const CodeRow& row = kCodes[known < kCodes.size() ? known : kUnknownCode];
      word_.assign(row.word);
      verdict_ = row.verdict;
      break;
    }
    case Name::TraceParent:
      trace_ = trace_seen_ ? TraceContext{} : parse_traceparent(value);
      trace_seen_ = true;
      break;
    case Name::RequestId:
      request_id_ = parse_request_id(value);
      break;
    case Name::Unknown:
    case Name::Other:
      break;
  }
}

Grpc Fields::grpc() const {
  if (content_seen_) return grpc_content_ ? Grpc::Yes : Grpc::No;
  const bool post = method_.empty() || method_.view() == "POST";  // as every call is
  return holes_ && post ? Grpc::Unknown : Grpc::No;
}

const LlmApi* Fields::llm() const {
  const bool asks = method_.view() == "POST" && grpc() == Grpc::No;
  return asks ? llm_api(path_.classified()) : nullptr;
}

RequestHead Fields::request_head() const {
  RequestHead head;
  head.protocol_version = "2";
  head.trace = trace_;
  head.request_id = request_id_;
  switch (grpc()) {
    case Grpc::Yes:
      head.protocol = "grpc";
      head.family = ProtocolFamily::Rpc;
      head.route = call_;
      break;
    case Grpc::No:
      head.protocol = "http";
      head.family = ProtocolFamily::Http;
      head.method = method_;
      head.route = route_;
      head.route_source = path_.source();
      break;
    case Grpc::Unknown:  // the path of a call is no route
      head.method = method_;
      break;
  }
  return head;
}

ResponseHead Fields::response_head(Grpc grpc) const {
  ResponseHead head;
  head.verdict = verdict_;
  head.status_text = word_;
  if (grpc == Grpc::Yes) return head;
  head.status_text.clear();  // the exchange is not told as a call
  head.status = status_;
  if (grpc == Grpc::Unknown && (status_ == 200 || has_grpc_status())) return head;
  head.verdict = verdict_of(status_);
  return head;
}

}  // namespace tailwhy::http2
