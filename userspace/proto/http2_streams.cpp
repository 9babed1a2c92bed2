// HTTP/2: what frames are to their streams, and which boundaries of messages that makes.
#include "proto/http2_parser.h"

#include <algorithm>

namespace tailwhy::http2 {

OpenStream* Http2Parser::stream(std::uint32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

bool Http2Parser::may_have_ended(const OpenStream& s, Side side) const {
  const Half& h = halves_[side == Side::Response];
  return s.seen_at[side == Side::Response] != h.losses;
}

void Http2Parser::open_stream(Half& h, ParseOutput& out) {
  const std::uint32_t id = h.frame.stream;
  last_stream_ = id;
  if (first_stream_ == 0) first_stream_ = id;
  first_opened_ = first_opened_ || id == 1;
  end_only_stream(out);
  if (streams_.size() >= kMostStreams && !make_room(out)) {
    if (!full_) out.tell(Message::Kind::Lost, Side::Request, h.frame_begin, 0);
    full_ = true;
    return;
  }
  full_ = false;
  OpenStream& s = streams_[id];
  s.seen_at = {halves_[0].losses, halves_[1].losses};
  h.block_opens = true;
  out.tell(Message::Kind::RequestBegin, Side::Request, h.frame_begin, id);
}

// Gives up what may have ended unseen.
bool Http2Parser::make_room(ParseOutput& out) {
  if (made_room_at_ == half(Side::Response).losses) return false;
  made_room_at_ = half(Side::Response).losses;
  for (auto at = streams_.begin(); at != streams_.end();) {
    const bool doubtful = may_have_ended(at->second, Side::Response);
    if (doubtful) {
      out.tell(Message::Kind::Abandoned, Side::Response, half(Side::Response).untold(), at->first);
    }
    at = doubtful ? streams_.erase(at) : std::next(at);
  }
  return streams_.size() < kMostStreams;
}

// A client that has asked for one thing at a time asks for the next: the answer before was over.
void Http2Parser::end_only_stream(ParseOutput& out) {
  if (streams_.size() != 1) return;
  const std::uint32_t id = streams_.begin()->first;
  OpenStream& s = streams_.begin()->second;
  if (!s.request_ended || !s.response_begun || !may_have_ended(s, Side::Response)) return;
  end_response(id, s, half(Side::Response).untold(), EndRule::DirectionReversal, Failure::None,
               out);
  close_if_ended(id, s);
}

// What was asked by HTTP/1 is answered as stream 1 (RFC 7540, 3.2).
void Http2Parser::adopt_upgraded(std::uint32_t id) {
  if (id != 1 || first_opened_ || half(Side::Request).losses > 0) return;
  first_opened_ = true;
  last_stream_ = std::max(last_stream_, id);
  streams_[id].request_ended = true;
  streams_[id].seen_at = {halves_[0].losses, halves_[1].losses};
}

// A frame of a message begins.
void Http2Parser::count_frame(const Half& h, Side side) {
  OpenStream* s = stream(h.frame.stream);
  if (s == nullptr || h.block_pushed) return;
  const std::uint64_t bytes = kFrameHeaderBytes + std::uint64_t{h.frame.length};
  (side == Side::Request ? s->request_bytes : s->response_bytes) += bytes;
  s->seen_at[side == Side::Response] = h.losses;
}

void Http2Parser::begin_block(Half& h, Side side, ParseOutput& out) {
  h.block_pushed = h.frame.type == FrameType::PushPromise;
  h.block_opens = false;
  h.block_ends = !h.block_pushed && h.frame.has(kFlagEndStream);
  h.fields = std::make_unique<Fields>(out.routes);
  const std::uint32_t id = h.frame.stream;
  if (side == Side::Response) {
    adopt_upgraded(id);
  } else if (id % 2 == 1 && id > last_stream_) {
    open_stream(h, out);
  }
  h.block_stream = id;
  h.block_begin = h.frame_begin;
  count_frame(h, side);
}

// `lost`: what follows of it will not be seen.
void Http2Parser::end_block(Half& h, Side side, std::uint64_t end, bool lost, ParseOutput& out) {
  const std::uint32_t id = h.block_stream;
  if (!h.headers.end_block()) h.fields->lose();
  if (OpenStream* s = stream(id); s != nullptr && !h.block_pushed) {
    if (side == Side::Response) {
      on_response_block(h, *s, end, out);
    } else if (h.block_opens) {
      s->grpc = h.fields->grpc();
      out.tell(Message::Kind::RequestHead, side, end, id).request = h.fields->request_head();
      s->llm = h.fields->llm();
      if (s->llm != nullptr && !h.block_ends) {
        s->readers[0] = std::make_unique<EventReader>(side, id, StreamKind::None, s->llm);
      }
    }
    if (h.block_ends && !lost) end_side(id, side, end, out);
  } else if (s == nullptr && side == Side::Response && h.block_ends && !lost) {
    end_unasked(id, end, out);
  }
  h.block_pushed = false;
  h.block_stream = 0;
  h.fields.reset();
}

void Http2Parser::on_response_block(Half& h, OpenStream& s, std::uint64_t end, ParseOutput& out) {
  const Fields& fields = *h.fields;
  const bool has_status = fields.status() != 0;
  if (s.response_ended || (has_status && fields.status() < 200 && !h.block_ends)) return;
  // What was not told as a call stays one of which nobody knows, though its answer may say more.
  if (s.grpc == Grpc::Unknown && has_status && fields.grpc() == Grpc::No) s.grpc = Grpc::No;
  const bool trailers = s.response_begun && !has_status;
  if (trailers && (s.grpc == Grpc::No || !fields.has_grpc_status())) return;
  begin_response(h.block_stream, s, h.block_begin, out);
  ResponseHead& head =
      out.tell(Message::Kind::ResponseHead, Side::Response, end, h.block_stream).response;
  head = fields.response_head(s.grpc);
  if (trailers && s.grpc == Grpc::Unknown) head.status = 200;  // as all calls that have trailers
  if (!trailers && !h.block_ends) read_response_body(fields, s, h.block_stream, end, out);
}

void Http2Parser::on_data_begin(Half& h, Side side, ParseOutput& out) {
  OpenStream* s = stream(h.frame.stream);
  const bool missed = s != nullptr && may_have_ended(*s, side);
  count_frame(h, side);
  if (s == nullptr) return;
  if (side == Side::Response && !s->response_ended) {
    begin_response(h.frame.stream, *s, h.frame_begin, out);  // whose HEADERS were not seen
  }
  if (missed) miss_all(*s, h.frame.stream, side, h.frame_begin, out);
}

void Http2Parser::on_reset(
    std::uint32_t id, Side side, std::uint64_t end, bool refused, ParseOutput& out) {
  OpenStream* s = stream(id);
  if (s == nullptr) return;
  const bool by_client = side == Side::Request;
  const Failure failure = by_client ? Failure::ClientAbort
                          : refused ? Failure::NoResponse
                                    : Failure::ConnectionReset;
  end_request(id, *s, by_client ? end : half(Side::Request).untold(), out);
  end_response(id, *s, by_client ? half(Side::Response).untold() : end, EndRule::Framing, failure,
               out);
  streams_.erase(id);
}

// The server will not take up streams above `last`.
void Http2Parser::on_go_away(std::uint32_t last, std::uint64_t end, ParseOutput& out) {
  if (last >= last_stream_) return;
  std::vector<std::uint32_t> refused;
  for (const auto& [id, s] : streams_) {
    if (id > last && !s.response_begun) refused.push_back(id);
  }
  std::sort(refused.begin(), refused.end());
  for (const std::uint32_t id : refused)
    on_reset(id, Side::Response, end, true, out);
}

// END_STREAM of one side.
void Http2Parser::end_side(std::uint32_t id, Side side, std::uint64_t end, ParseOutput& out) {
  OpenStream* s = stream(id);
  if (s == nullptr) {
    if (side == Side::Response) end_unasked(id, end, out);
    return;
  }
  if (side == Side::Request) {
    end_request(id, *s, end, out);
  } else {
    end_response(id, *s, end, EndRule::Framing, Failure::None, out);
    // Servers answer before the end of the request, but not if that came unseen.
    if (may_have_ended(*s, Side::Request)) end_request(id, *s, half(Side::Request).untold(), out);
  }
  close_if_ended(id, *s);
}

// Of an answer to what was asked before the attach: streams are opened in rising order.
void Http2Parser::end_unasked(std::uint32_t id, std::uint64_t end, ParseOutput& out) const {
  const bool before = first_stream_ == 0 || id < first_stream_;
  if (!met_in_the_middle_ || !before || id % 2 == 0) return;
  out.tell(Message::Kind::ResponseBegin, Side::Response, end, id);
  out.tell(Message::Kind::ResponseEnd, Side::Response, end, id).end_rule = EndRule::Framing;
}

void Http2Parser::begin_response(std::uint32_t id,
                                 OpenStream& s,
                                 std::uint64_t offset,
                                 ParseOutput& out) {
  if (s.response_begun) return;
  s.response_begun = true;
  out.tell(Message::Kind::ResponseBegin, Side::Response, offset, id);
}

void Http2Parser::end_request(std::uint32_t id,
                              OpenStream& s,
                              std::uint64_t end,
                              ParseOutput& out) {
  if (s.request_ended) return;
  s.request_ended = true;
  end_content(s, Side::Request, end, out);
  Message& message = out.tell(Message::Kind::RequestEnd, Side::Request, end, id);
  message.size = s.request_bytes;
  message.messages = s.messages[0].count();
  message.end_rule = half(Side::Request).state == State::Done ? EndRule::Close : EndRule::Framing;
}

void Http2Parser::end_response(std::uint32_t id,
                               OpenStream& s,
                               std::uint64_t end,
                               EndRule rule,
                               Failure failure,
                               ParseOutput& out) {
  if (s.response_ended) return;
  s.response_ended = true;
  if (failure == Failure::None) begin_response(id, s, end, out);
  end_content(s, Side::Response, end, out);
  Message& message = out.tell(Message::Kind::ResponseEnd, Side::Response, end, id);
  message.size = s.response_bytes;
  message.failure = failure;
  message.end_rule = half(Side::Response).state == State::Done ? EndRule::Close : rule;
}

void Http2Parser::close_if_ended(std::uint32_t id, const OpenStream& s) {
  if (!s.request_ended || !s.response_ended) return;
  confirmed_ = true;
  streams_.erase(id);
}

}  // namespace tailwhy::http2
