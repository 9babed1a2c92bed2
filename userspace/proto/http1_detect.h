// Does a turn of a connection begin like HTTP/1? By content only: ports mean nothing.
#pragma once

#include "proto/parser.h"

#include <cstddef>
#include <span>
#include <string_view>

namespace tailwhy {

// Yes: the bytes begin with a request line (status line) of HTTP/1, as far as they go. A whole line
// must end in " HTTP/1.x", so Redis' inline "GET key", RTSP, SIP and the preface of HTTP/2 are No.
// NeedMore: too few bytes to tell.
[[nodiscard]] Confidence detect_http1(Side side, std::span<const std::byte> bytes);

// The same of a turn on a connection that does speak HTTP/1, to find a beginning after a loss. Goes
// by the first bytes alone, whatever the rest of the line: what a recording keeps is enough.
// NeedMore only for what can be the beginning of a registered method (of a status line), so not of
// a secret.
[[nodiscard]] Confidence http1_begins(Side side, std::string_view text);

// Is it one of the registered methods that llhttp knows for HTTP?
[[nodiscard]] bool http1_is_method(std::string_view text);

// The method, if it is one of the registered ones that llhttp knows for HTTP; else empty.
[[nodiscard]] std::string_view http1_method_name(unsigned llhttp_method);

}  // namespace tailwhy
