// HTTP/2: bodies that somebody reads: streams of events, what is asked of and answered by language
// models, and the messages of gRPC calls. All others are gone over without a look at them.
#include "proto/http2_parser.h"

#include <algorithm>
#include <utility>

namespace tailwhy::http2 {
namespace {

// Of a call, only its answer's messages are told one by one.
void tell_message(Side side, std::uint64_t end, std::uint32_t id, ParseOutput& out) {
  if (side == Side::Request) return;
  out.tell(Message::Kind::StreamEvent, side, end, id).stream = StreamKind::Messages;
}

void tell_gap(Side side, std::uint64_t from, std::uint32_t id, ParseOutput& out) {
  if (side == Side::Request) return;
  out.tell(Message::Kind::StreamGap, side, from, id).stream = StreamKind::Messages;
}

}  // namespace

void Http2Parser::read_data(Input& in, Half& h, std::size_t size) {
  OpenStream* s = stream(h.frame.stream);
  const bool read = s != nullptr && s->has_body(in.side) &&
                    (s->grpc == Grpc::Yes || s->readers[in.side == Side::Response] != nullptr);
  if (!read) return in.pass_secret(size);
  read_content_of(in, *s, h.frame.stream, size);
  in.at += size;
  h.data_told = in.position();
}

void Http2Parser::read_content_of(Input& in, OpenStream& s, std::uint32_t id, std::size_t size) {
  const std::size_t side = in.side == Side::Response;
  if (s.grpc == Grpc::Yes) {
    s.messages[side].read(
        {in.at, size},
        [&](std::size_t end) { tell_message(in.side, in.position() + end, id, in.out); },
        [&](std::size_t at, std::size_t bytes) { in.hide(in.at + at, bytes); });
    return;
  }
  const auto hide = [](void* owner, const char* at, std::size_t bytes) {
    static_cast<Input*>(owner)->hide(at, bytes);
  };
  s.readers[side]->read({.offset = in.position(),
                         .text = {in.at, size},
                         .out = in.out,
                         .hide = {&in, in.out.want_secrets ? +hide : nullptr}});
}

// Of the frame that is being read, `size` bytes from `offset` on were not seen.
void Http2Parser::miss_data(
    Half& h, Side side, std::uint64_t offset, std::uint64_t size, ParseOutput& out) {
  const std::uint32_t id = h.frame.stream;
  OpenStream* s = stream(id);
  if (s == nullptr || !s->has_body(side)) return;
  h.data_told = offset + size;
  GrpcMessages& messages = s->messages[side == Side::Response];
  if (s->grpc == Grpc::Yes && h.prefix == 0 && !messages.lost()) {
    const std::uint64_t content = std::min<std::uint64_t>(size, h.left - h.padding);
    const bool known =
        messages.skip(content, [&] { tell_message(side, offset + content, id, out); });
    if (!known) tell_gap(side, offset, id, out);
    return;
  }
  miss_all(*s, id, side, offset, out);
}

// From `offset` on something was not seen, nobody knows how much.
void Http2Parser::miss_all(
    OpenStream& s, std::uint32_t id, Side side, std::uint64_t offset, ParseOutput& out) {
  if (!s.has_body(side)) return;
  const std::size_t at = side == Side::Response;
  if (s.readers[at] != nullptr) {
    s.readers[at]->skip(offset, out);
    s.readers[at]->end_of_skipped();
  }
  if (s.grpc != Grpc::Yes || s.messages[at].lost()) return;
  s.messages[at].lose();
  tell_gap(side, offset, id, out);
}

void Http2Parser::read_response_body(
    const Fields& fields, OpenStream& s, std::uint32_t id, std::uint64_t offset, ParseOutput& out) {
  if (std::exchange(s.body_known, true)) return;
  if (s.grpc == Grpc::Yes) return;
  const StreamKind kind = fields.stream();
  if (kind != StreamKind::None) {
    out.tell(Message::Kind::StreamBegin, Side::Response, offset, id).stream = kind;
  }
  if (fields.encoded()) {
    if (kind != StreamKind::None) out.tell(Message::Kind::StreamGap, Side::Response, offset, id);
  } else if (kind != StreamKind::None || s.llm != nullptr) {
    s.readers[1] = std::make_unique<EventReader>(Side::Response, id, kind, s.llm);
  }
}

void Http2Parser::end_content(OpenStream& s, Side side, std::uint64_t offset, ParseOutput& out) {
  auto& reader = s.readers[side == Side::Response];
  if (reader == nullptr) return;
  reader->finish(offset, out);
  reader.reset();
}

}  // namespace tailwhy::http2
