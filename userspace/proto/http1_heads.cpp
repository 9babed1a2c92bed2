// HTTP/1.0 and 1.1: heads of messages, what they say about the body to come, and what is known of a
// message whose place was lost.
#include "proto/http1_detect.h"
#include "proto/http1_parser.h"

namespace tailwhy::http1 {
namespace {

constexpr std::uint64_t kLongestMethod = 32;
constexpr std::string_view kOtherMethod = "_OTHER";
constexpr std::string_view kStandIn = "POST";  // for methods that llhttp does not know

bool request_line_known(const Half& h) {
  return h.http.http_major > 0 || h.http.http_minor > 0;
}

std::string_view version_text(const llhttp_t& http) {
  switch (http.http_major * 10 + http.http_minor) {
    case 9:
      return "0.9";
    case 10:
      return "1.0";
    case 11:
      return "1.1";
    default:
      return "";
  }
}

}  // namespace

// What follows is what the only request wanted: its answer in HTTP/2 (RFC 7540, 3.2), or the
// messages of a web socket (RFC 6455, 4.1).
bool Http1Parser::switches_to(Upgrade upgrade, unsigned status) const {
  return status == 101 && upgrade_ == upgrade && outstanding_.size() == 1;
}

// Both sides' bytes are another parser's from here on.
void Http1Parser::hand_on() {
  for (Half& each : halves_)
    each.state = State::Done;
  partial_.reset();
}

// Any status but those of interim responses, after which another follows. 0 while not known.
bool Http1Parser::is_final(unsigned status) const {
  return (status == 101 && !switches_to(Upgrade::Http2, status)) ||
         (status >= 200 && status <= 999);
}

void Http1Parser::begin_message(Input& in, Half& h) {
  if (in.side == Side::Request) {
    if (outstanding_.full()) {
      lose(h, in.side, in.position(), nullptr, false, in.out);
      return;
    }
    outstanding_.push();
    connect_ = false;
    upgrade_ = Upgrade::None;
    llm_ = nullptr;
    in.out.tell(Message::Kind::RequestBegin, in.side, in.position());
    in.head = &in.fresh.emplace();
    if (in.out.routes != nullptr) in.head->route = RouteBuilder(in.out.routes);
  }
  h.begin = in.position();
  h.begun = in.side == Side::Request;
  h.other_method = false;
  if (cut_head_ != nullptr && in.side == Side::Response) cut_head_.reset();
  h.cursor = {};
  h.state = State::Head;
  start(h.http, in.side);
}

void Http1Parser::read_head(Input& in, Half& h) {
  const char* begin = in.at;
  Context context = in.context(h);
  const llhttp_errno_t error = execute(h.http, in.side, context, in.at, in.size());
  if (error == HPE_OK) {
    in.at = in.end;
    if (in.side == Side::Request) return;
    if (cut_head_ == nullptr) cut_head_ = std::make_unique<ContentHeaders>();
    cut_head_->read({begin, in.end});
    // Interim responses are not reported: a response begins when its status says that it is final.
    if (is_final(h.http.status_code)) begin_response(h, in.out);
    return;
  }
  in.at = h.http.error_pos;
  if (error == HPE_PAUSED) {
    in.side == Side::Request ? end_request_head(in, h) : end_response_head(in, h, {begin, in.at});
  } else if (error == HPE_INVALID_METHOD) {
    h.other_method = true;
    h.state = State::Method;
  } else {
    flush_open_field(h.http);
    fail(in, h);
  }
}

// Servers answer requests with any method, and go on. llhttp does not: it gets POST in its stead.
void Http1Parser::read_method(Input& in, Half& h) {
  const auto in_method = [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; };
  while (in.at != in.end && in_method(*in.at) && in.position() - h.begin < kLongestMethod)
    ++in.at;
  if (in.at == in.end) return;
  if (*in.at != ' ' || in.position() == h.begin) {
    fail(in, h);
    return;
  }
  Context context{h.cursor, nullptr, nullptr, kStandIn.data()};
  start(h.http, in.side);
  execute(h.http, in.side, context, kStandIn.data(), kStandIn.size());
  h.state = State::Head;
}

void Http1Parser::end_request_head(Input& in, Half& h) {
  emit_request_head(h, in.head, in.position(), in.out);
  in.head = nullptr;
  partial_.reset();
  if (h.http.method == HTTP_CONNECT) {
    end_message(h, in.side, in.position(), EndRule::Framing, in.out);
    if (connect_) h.state = State::Held;
  } else {
    if (llm_ != nullptr) read_request_body(h);
    begin_body(in, h);
  }
}

void Http1Parser::end_response_head(Input& in, Half& h, std::string_view head) {
  const unsigned status = h.http.status_code;
  if (switches_to(Upgrade::Http2, status)) {
    Message& message = in.out.tell(Message::Kind::Switch, in.side, in.position());
    message.next = parser_spec("http2");
    message.stream_id = 1;
    return hand_on();
  }
  if (switches_to(Upgrade::WebSocket, status)) {
    answer(h, in.position(), in.out);
    Message& message = in.out.tell(Message::Kind::Switch, in.side, in.position());
    message.next = parser_spec("websocket");
    message.request.carries_messages = true;
    return hand_on();
  }
  if (!is_final(status) && status >= 100) {
    h.state = State::Idle;
    return;
  }
  const bool connect = connect_ && outstanding_.size() == 1;
  const LlmApi* api = outstanding_.size() == 1 ? llm_ : nullptr;
  const bool to_head = answer(h, in.position(), in.out);
  if (status == 101 || (connect && status / 100 == 2)) {
    end_message(h, in.side, in.position(), EndRule::Upgrade, in.out);
    in.out.tell(Message::Kind::Tunnel, in.side, in.position());
    return hand_on();
  }
  if (to_head || status == 204 || status == 304) {
    end_message(h, in.side, in.position(), EndRule::Framing, in.out);
  } else {
    // A body whose length was known before it began is no stream.
    const bool sized = (h.http.flags & (F_CHUNKED | F_CONTENT_LENGTH)) == F_CONTENT_LENGTH;
    if (!sized || api != nullptr) read_response_body(head, api, in.position(), in.out);
    begin_body(in, h);
  }
}

// RFC 9112, 6.3: transfer coding before length, and what neither has ends with the connection.
void Http1Parser::begin_body(Input& in, Half& h) {
  h.untouched = true;
  h.left = h.http.content_length;
  if ((h.http.flags & F_CHUNKED) != 0) {
    llhttp_resume(&h.http);
    h.state = State::Chunked;
  } else if ((h.http.flags & F_TRANSFER_ENCODING) != 0 && in.side == Side::Request) {
    h.state = State::Body;  // of a length that nobody can tell; servers answer 400 or 501
    lose(h, in.side, in.position(), nullptr, true, in.out);
  } else if (in.side == Side::Response &&
             (h.http.flags & (F_TRANSFER_ENCODING | F_CONTENT_LENGTH)) != F_CONTENT_LENGTH) {
    h.state = State::UntilClose;
  } else if (h.left > 0) {
    h.state = State::Body;
  } else {
    end_message(h, in.side, in.position(), EndRule::Framing, in.out);
  }
}

// `head` null: the request line is not one.
void Http1Parser::emit_request_head(const Half& h,
                                    PartialHead* head,
                                    std::uint64_t offset,
                                    ParseOutput& out) {
  RequestHead& request = out.tell(Message::Kind::RequestHead, Side::Request, offset).request;
  const std::string_view method =
      head == nullptr || h.other_method ? kOtherMethod : http1_method_name(h.http.method);
  request.method.assign(method.empty() ? kOtherMethod : method);
  if (head == nullptr) return;
  request.protocol_version = version_text(h.http);
  request.route = head->route.finish();
  request.route_source = head->route.source();
  request.trace = head->trace;
  request.request_id = head->request_id;
  upgrade_ = h.other_method ? Upgrade::None : head->upgrade;
  if (h.http.method == HTTP_POST && !h.other_method) llm_ = llm_api(head->route.classified());
  expect_answer(h);
}

// The response to this request can be read only by who knows its method.
void Http1Parser::expect_answer(const Half& h) {
  if (h.other_method || outstanding_.size() == 0) return;  // or answered before it was complete
  if (h.http.method == HTTP_HEAD) outstanding_.set_last(true);
  connect_ = h.http.method == HTTP_CONNECT;
}

void Http1Parser::begin_response(Half& h, ParseOutput& out) {
  if (h.begun) return;
  h.begun = true;
  out.tell(Message::Kind::ResponseBegin, Side::Response, h.begin);
}

// The response in `h` is the final one to the oldest request. True if that is to HEAD.
bool Http1Parser::answer(Half& h, std::uint64_t offset, ParseOutput& out) {
  begin_response(h, out);
  ResponseHead& response = out.tell(Message::Kind::ResponseHead, Side::Response, offset).response;
  response.status = h.http.status_code;
  using Verdict = ResponseHead::Verdict;
  response.verdict = response.status >= 500   ? Verdict::ServerError
                     : response.status >= 400 ? Verdict::ClientError
                                              : Verdict::Ok;
  h.unknown_request = outstanding_.size() == 0;
  if (h.unknown_request) return false;
  if (outstanding_.size() == 1) forget_connect();  // no tunnel; or it is one, and the caller knows
  return outstanding_.pop();
}

void Http1Parser::forget_connect() {
  connect_ = false;
  if (half(Side::Request).state == State::Held) half(Side::Request).state = State::Lost;
}

void Http1Parser::end_message(
    Half& h, Side side, std::uint64_t offset, EndRule rule, ParseOutput& out) {
  end_content(side, offset, out);
  const auto kind = side == Side::Request ? Message::Kind::RequestEnd : Message::Kind::ResponseEnd;
  out.tell(kind, side, offset).end_rule = rule;
  h.begun = false;
  h.state = State::Idle;
}

// Says what is known of the message being read, and that its end is not. A malformed request is
// still one (servers answer it); of one that was not captured, nothing is guessed.
void Http1Parser::lose(
    Half& h, Side side, std::uint64_t offset, PartialHead* head, bool malformed, ParseOutput& out) {
  const bool in_head = h.state == State::Head || h.state == State::Method;
  if (in_head && side == Side::Request) {
    const bool line_known = h.state == State::Head && request_line_known(h);
    if (line_known || malformed) {
      emit_request_head(h, line_known ? head : nullptr, offset, out);
    } else if (outstanding_.size() > 0) {
      outstanding_.drop_last();  // its response is one to a request that was not seen
    }
    partial_.reset();
  } else if (in_head) {
    if (is_final(h.http.status_code)) {
      answer(h, offset, out);
    } else if (malformed) {
      begin_response(h, out);
    }
  }
  miss_content(side, offset, out);
  end_content(side, offset, out);
  if (side == Side::Response) forget_connect();  // the answer may be among what is lost
  out.tell(Message::Kind::Lost, side, offset);
  h.begun = false;
  h.state = State::Lost;
}

}  // namespace tailwhy::http1
