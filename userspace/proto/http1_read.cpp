// Callbacks of llhttp: fields we keep, bytes that are secret (see http1_read.h).
#include "proto/http1_read.h"

#include "proto/trace_context.h"

#include <algorithm>

namespace tailwhy::http1 {
namespace {

Context& context(llhttp_t* parser) {
  return *static_cast<Context*>(parser->data);
}

void secret(const Context& c, const char* at, std::size_t size) {
  if (c.out != nullptr) add_secret(*c.out, static_cast<std::size_t>(at - c.buffer), size);
}

bool same_name(std::string_view name, std::string_view lower) {
  return name.size() == lower.size() &&
         std::equal(name.begin(), name.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
         });
}

// Values of the allowed headers frame messages or correlate them; all others may be secrets.
Header header_of(const InlineText<20>& name) {
  const std::string_view text = name.view();
  const auto is = [text](std::string_view lower) { return same_name(text, lower); };
  switch (text.size()) {
    case 2:
      return is("te") ? Header::Allowed : Header::Secret;
    case 6:
      return is("expect") ? Header::Allowed : Header::Secret;
    case 7:
      if (is("upgrade")) return Header::Upgrade;
      return is("trailer") ? Header::Allowed : Header::Secret;
    case 10:
      return is("connection") || is("keep-alive") ? Header::Allowed : Header::Secret;
    case 11:
      return is("traceparent") ? Header::TraceParent : Header::Secret;
    case 12:
      if (is("x-request-id")) return Header::RequestId;
      return is("content-type") ? Header::Allowed : Header::Secret;
    case 14:
      return is("content-length") ? Header::Allowed : Header::Secret;
    case 17:
      return is("transfer-encoding") ? Header::Allowed : Header::Secret;
    default:
      return Header::Secret;
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

void finish_value(Context& c) {
  if (!c.cursor.in_value) return;
  c.cursor.in_value = false;
  if (c.head == nullptr) return;
  const InlineText<64>& value = c.head->value;
  if (c.cursor.header == Header::TraceParent) {
    c.head->trace = c.head->trace_seen ? TraceContext{} : parse_traceparent(trimmed(value.view()));
    c.head->trace_seen = true;
  } else if (c.cursor.header == Header::Upgrade) {
    const std::string_view protocol = trimmed(value.view());
    c.head->upgrade = same_name(protocol, "h2c")         ? Upgrade::Http2
                      : same_name(protocol, "websocket") ? Upgrade::WebSocket
                                                         : Upgrade::None;
  } else if (c.cursor.header == Header::RequestId) {
    c.head->request_id = value.truncated() ? RequestId{} : parse_request_id(trimmed(value.view()));
  }
}

// Blanks between a name and its colon are tolerated, and no part of the name.
void append_name(Cursor& cursor, std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t word = std::min(piece.find(' '), piece.size());
    if (word > 0 && cursor.blank) cursor.name.append(" ");
    if (word > 0) cursor.blank = false;
    cursor.name.append(piece.substr(0, word));
    piece.remove_prefix(word);
    const std::size_t blanks = std::min(piece.find_first_not_of(' '), piece.size());
    cursor.blank = cursor.blank || blanks > 0;
    piece.remove_prefix(blanks);
  }
}

int on_header_field(llhttp_t* parser, const char* at, std::size_t size) {
  Context& c = context(parser);
  if (c.cursor.in_value) {
    finish_value(c);
    c.cursor.name.clear();
    c.cursor.blank = false;
  }
  append_name(c.cursor, {at, size});
  return 0;
}

void mask_value(const Context& c, const char* at, std::size_t size) {
  // the blank that makes a line the continuation of a value must stay one
  const bool blank = size > 0 && (*at == ' ' || *at == '\t');
  secret(c, at + blank, size - blank);
}

int on_header_value(llhttp_t* parser, const char* at, std::size_t size) {
  Context& c = context(parser);
  if (!c.cursor.in_value) {
    c.cursor.in_value = true;
    c.cursor.header = header_of(c.cursor.name);
    if (c.head != nullptr) c.head->value.clear();
  }
  switch (c.cursor.header) {
    case Header::Secret:
      mask_value(c, at, size);
      break;
    case Header::Allowed:
      break;
    case Header::Upgrade:
      if (c.head != nullptr) c.head->value.append({at, size});
      break;
    case Header::TraceParent:
    case Header::RequestId:
      if (c.head != nullptr) {
        c.head->value.append({at, size});
      } else {  // in a response or a trailer it correlates nothing
        mask_value(c, at, size);
      }
  }
  return 0;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// All that is not punctuation, on which it may depend whether the target is well-formed.
void mask_letters(const Context& c, const char* at, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (is_alphanumeric(at[i])) secret(c, at + i, 1);
  }
}

// Userinfo ends at an '@' that may come with the next piece: an authority that is cut is a secret.
std::size_t mask_authority(const Context& c, const char* at, std::size_t size) {
  const std::string_view text(at, size);
  const std::size_t end = text.find_first_of("/?#");
  if (end == std::string_view::npos) {
    mask_letters(c, at, size);
    return size;
  }
  const std::size_t sign = text.substr(0, end).rfind('@');
  if (sign != std::string_view::npos) mask_letters(c, at, sign);
  return end;
}

TargetPart after(TargetPart part, char c) {
  switch (part) {
    case TargetPart::Start:
      if (c == '/' || c == '*') return TargetPart::Path;
      return TargetPart::Scheme;
    case TargetPart::Scheme:
      if (c == '?' || c == '#' || c == '/' || c == ';') return TargetPart::Secret;
      return c == ':' ? TargetPart::Colon : TargetPart::Scheme;
    case TargetPart::Colon:
      return c == '/' ? TargetPart::Slash : TargetPart::Secret;
    case TargetPart::Slash:
      return c == '/' ? TargetPart::Authority : TargetPart::Secret;
    default:  // Authority (at its end), Path, Parameter
      if (c == '?' || c == '#') return TargetPart::Secret;
      if (c == ';') return TargetPart::Parameter;
      return c == '/' || part != TargetPart::Parameter ? TargetPart::Path : part;
  }
}

void mask_target(const Context& c, const char* at, std::size_t size) {
  TargetPart& part = c.head->target;
  for (std::size_t i = 0; i < size; ++i) {
    if (part == TargetPart::Secret) return secret(c, at + i, size - i);
    if (part == TargetPart::Authority) {
      i += mask_authority(c, at + i, size - i);
      if (i == size) return;
    }
    const TargetPart before = part;
    part = after(part, at[i]);
    const bool odd_start = part == TargetPart::Secret && before != TargetPart::Path &&
                           before != TargetPart::Parameter && before != TargetPart::Authority;
    if (odd_start || (part == TargetPart::Parameter && before == part)) secret(c, at + i, 1);
  }
}

int on_url(llhttp_t* parser, const char* at, std::size_t size) {
  Context& c = context(parser);
  if (c.head == nullptr || size == 0) return 0;
  if (parser->method == HTTP_CONNECT) {  // an authority: no route
    mask_letters(c, at, size);
    return 0;
  }
  c.head->route.append({at, size});
  // A blank is never part of a target, but llhttp may go over the one that it calls an error.
  const char last = at[size - 1];
  if (c.out != nullptr)
    mask_target(c, at, last == ' ' || last == '\r' || last == '\n' ? size - 1 : size);
  return 0;
}

int on_url_complete(llhttp_t* parser) {
  // "GET /" without a version: nothing else belongs to the request
  return parser->http_major == 0 && parser->http_minor == 9 ? HPE_PAUSED : 0;
}

int on_headers_complete(llhttp_t* parser) {
  finish_value(context(parser));
  return HPE_PAUSED;
}

int on_message_complete(llhttp_t*) {
  return HPE_PAUSED;
}

int on_chunk_header(llhttp_t* parser) {
  Cursor& cursor = context(parser).cursor;
  cursor.in_chunk = parser->content_length > 0;
  cursor.in_value = false;
  cursor.blank = false;
  cursor.name.clear();
  return 0;
}

int on_chunk_complete(llhttp_t* parser) {
  context(parser).cursor.in_chunk = false;
  return 0;
}

int on_body(llhttp_t* parser, const char* at, std::size_t size) {
  secret(context(parser), at, size);
  return 0;
}

int on_read_body(llhttp_t* parser, const char* at, std::size_t size) {
  Context& c = context(parser);
  const auto hide = [](void* owner, const char* from, std::size_t bytes) {
    secret(*static_cast<const Context*>(owner), from, bytes);
  };
  c.body->reader.read({.offset = c.body->offset + static_cast<std::uint64_t>(at - c.buffer),
                       .text = {at, size},
                       .out = c.body->out,
                       .hide = {&c, c.out != nullptr ? +hide : nullptr}});
  return 0;
}

// Quotes stay: what may come between them may not come without.
int on_chunk_extension_value(llhttp_t* parser, const char* at, std::size_t size) {
  const Context& c = context(parser);
  for (std::size_t i = 0; i < size; ++i) {
    if (at[i] != '"') secret(c, at + i, 1);
  }
  return 0;
}

constexpr llhttp_settings_t make_settings(Side side, bool want_secrets, bool read_body) {
  llhttp_settings_t s{};
  s.on_headers_complete = on_headers_complete;
  s.on_message_complete = on_message_complete;
  s.on_chunk_header = on_chunk_header;
  s.on_chunk_complete = on_chunk_complete;
  if (side == Side::Request) {
    s.on_url = on_url;
    s.on_url_complete = on_url_complete;
  }
  if (side == Side::Request || want_secrets) {
    s.on_header_field = on_header_field;
    s.on_header_value = on_header_value;
  }
  if (want_secrets) {
    s.on_body = on_body;
    s.on_chunk_extension_value = on_chunk_extension_value;
  }
  if (read_body) s.on_body = on_read_body;
  return s;
}

// A callback less is time saved: without secrets, the headers of responses are not looked at.
constexpr llhttp_settings_t kSettings[2][2] = {
    {make_settings(Side::Request, false, false), make_settings(Side::Request, true, false)},
    {make_settings(Side::Response, false, false), make_settings(Side::Response, true, false)},
};
constexpr llhttp_settings_t kBodySettings[2][2] = {
    {make_settings(Side::Request, false, true), make_settings(Side::Request, true, true)},
    {make_settings(Side::Response, false, true), make_settings(Side::Response, true, true)},
};

}  // namespace

llhttp_errno_t execute(
    llhttp_t& parser, Side side, Context& context, const char* at, std::size_t size) {
  const auto& of_all = context.body != nullptr ? kBodySettings : kSettings;
  const auto& settings = of_all[side == Side::Response][context.out != nullptr];
  parser.settings = const_cast<llhttp_settings_t*>(&settings);
  parser.data = &context;
  return llhttp_execute(&parser, at, size);
}

void start(llhttp_t& parser, Side side) {
  llhttp_init(&parser, side == Side::Request ? HTTP_REQUEST : HTTP_RESPONSE, nullptr);
  // We watch what servers accept, we do not defend one: any header value, bare LF as line end,
  // blanks in header names, Content-Length beside chunked (which wins), codings after chunked,
  // versions above 1.1. What is still an error is answered with 400 by nginx and node as well.
  parser.lenient_flags = LENIENT_HEADERS | LENIENT_CHUNKED_LENGTH | LENIENT_KEEP_ALIVE |
                         LENIENT_TRANSFER_ENCODING | LENIENT_VERSION;
}

void flush_open_field(llhttp_t& parser) {
  if (parser._span_pos0 == nullptr) return;
  using SpanCallback = int (*)(llhttp_t*, const char*, const char*);
  const auto callback = reinterpret_cast<SpanCallback>(parser._span_cb0);
  callback(&parser, static_cast<const char*>(parser._span_pos0), parser.error_pos);
  parser._span_pos0 = nullptr;
}

void add_secret(ParseOutput& out, std::size_t offset, std::size_t size) {
  if (size == 0) return;
  if (!out.secrets.empty() && out.secrets.back().offset + out.secrets.back().size == offset) {
    out.secrets.back().size += size;
  } else {
    out.secrets.push_back({offset, size});
  }
}

}  // namespace tailwhy::http1
