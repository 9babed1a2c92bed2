// HTTP/1.0 and 1.1: bodies that somebody reads: streams of events, and what is asked of and
// answered by language models. All others are gone over without a look at them.
#include "proto/http1_parser.h"

namespace tailwhy::http1 {

void Http1Parser::read_content(Input& in, std::size_t size) {
  const auto hide = [](void* owner, const char* at, std::size_t bytes) {
    const auto& of = *static_cast<const Input*>(owner);
    add_secret(*of.secrets, static_cast<std::size_t>(at - of.first), bytes);
  };
  reader(in.side)->read({.offset = in.position(),
                         .text = {in.at, size},
                         .out = in.out,
                         .hide = {&in, in.secrets != nullptr ? +hide : nullptr}});
  in.at += size;
}

void Http1Parser::read_request_body(const Half& h) {
  const bool chunked = (h.http.flags & F_CHUNKED) != 0;
  if (!chunked && h.http.content_length == 0) return;
  reader(Side::Request) = std::make_unique<EventReader>(Side::Request, 0, StreamKind::None, llm_);
}

// `head`: of its text, what came last.
void Http1Parser::read_response_body(std::string_view head,
                                     const LlmApi* api,
                                     std::uint64_t offset,
                                     ParseOutput& out) {
  ContentHeaders fresh;
  ContentHeaders& headers = cut_head_ != nullptr ? *cut_head_ : fresh;
  headers.read(head);
  const StreamKind kind = headers.kind();
  if (kind != StreamKind::None) {
    out.tell(Message::Kind::StreamBegin, Side::Response, offset).stream = kind;
  }
  if (headers.encoded()) {
    if (kind != StreamKind::None) out.tell(Message::Kind::StreamGap, Side::Response, offset);
  } else if (kind != StreamKind::None || api != nullptr) {
    reader(Side::Response) = std::make_unique<EventReader>(Side::Response, 0, kind, api);
  }
}

void Http1Parser::finish_content(Side side, std::uint64_t offset, ParseOutput& out) {
  reader(side)->finish(offset, out);
  reader(side).reset();
}

}  // namespace tailwhy::http1
