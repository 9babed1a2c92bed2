// Correlation ids that requests carry: W3C trace context and x-request-id. Both are untrusted and
// go to logs, so what is not exactly well-formed is ignored as a whole.
#pragma once

#include "model/request.h"

#include <string_view>

namespace tailwhy {

// The value of a `traceparent` header (W3C Trace Context, level 1 and 2). Not `valid` unless it is
// lower-case hex of the right lengths with ids that are not all zero. Versions above 00 may be
// followed by more fields, which are ignored; version ff is invalid.
[[nodiscard]] TraceContext parse_traceparent(std::string_view value);

// The value of an `x-request-id` header; empty unless it is 1 to 64 of [A-Za-z0-9._:/+=-].
[[nodiscard]] RequestId parse_request_id(std::string_view value);

}  // namespace tailwhy
