// The part of HTTP/1 reading that llhttp's callbacks do: they keep the few fields of a head that
// tailwhy is about, and find out which bytes a recording must not contain.
// Knows nothing of bodies, pairing or offsets in the stream.
#pragma once

#include "base/inline_text.h"
#include "proto/event_reader.h"
#include "proto/parser.h"
#include "proto/route.h"

#include <cstddef>
#include <cstdint>
#include <llhttp.h>
#include <string_view>

namespace tailwhy::http1 {

// Which bytes of a request target are secret: query, fragment, path parameters and userinfo.
enum class TargetPart : std::uint8_t {
  Start,
  Scheme,
  Colon,
  Slash,
  Authority,
  Path,
  Parameter,
  Secret
};

// What a request asks its connection to become, as far as we can read that.
enum class Upgrade : std::uint8_t { None, Http2, WebSocket };

// What is kept of a request's head while it is read.
struct PartialHead {
  PartialHead() {}  // NOLINT(modernize-use-equals-default): texts need not be cleared

  RouteBuilder route;
  TraceContext trace;
  RequestId request_id;
  InlineText<64> value;  // of a header that we keep
  TargetPart target = TargetPart::Start;
  bool trace_seen = false;  // a second traceparent makes both invalid
  Upgrade upgrade = Upgrade::None;
};

// What we think of a header, by its name.
enum class Header : std::uint8_t { Secret, Allowed, Upgrade, TraceParent, RequestId };

// Where one side is within its headers or chunks. Lives as long as the side.
struct Cursor {
  InlineText<20> name;  // of the header being read; longer names are none of ours
  Header header = Header::Secret;
  bool in_value = false;
  bool blank = false;     // a blank came after the name
  bool in_chunk = false;  // in the data of a chunk: llhttp's content_length is what is left of it
};

// Where the data of chunks goes, if somebody reads it.
struct BodySink {
  EventReader& reader;
  std::uint64_t offset;  // of the buffer in the stream
  ParseOutput& out;
};

// llhttp's user data, for one call of llhttp_execute().
struct Context {
  Cursor& cursor;
  PartialHead* head;   // null: not the head of a request
  ParseOutput* out;    // null: secrets are not wanted
  const char* buffer;  // secrets' offsets count from here
  BodySink* body = nullptr;
};

// Readies `parser` for the first byte of a message.
void start(llhttp_t& parser, Side side);

// llhttp_execute() with our callbacks. Stops with HPE_PAUSED after the head of a message, and after
// the trailers of a chunked one. A request of HTTP/0.9 ends with its only line.
llhttp_errno_t execute(
    llhttp_t& parser, Side side, Context& context, const char* at, std::size_t size);

// llhttp does not call back for the part of a field that it had read when it met an error.
void flush_open_field(llhttp_t& parser);

// Adds [offset, offset + size) of the buffer fed last; neighbours become one span.
void add_secret(ParseOutput& out, std::size_t offset, std::size_t size);

}  // namespace tailwhy::http1
