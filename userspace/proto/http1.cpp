// HTTP/1.0 and 1.1: the way through the bytes of a connection: which of them belong to which part
// of which message, also when some were not captured. Knows nothing of times, sockets or what
// becomes of the boundaries.
#include "proto/http1.h"

#include "proto/http1_detect.h"
#include "proto/http1_parser.h"

#include <algorithm>
#include <memory>

namespace tailwhy {
namespace http1 {

void Http1Parser::feed(Side side,
                       std::uint64_t offset,
                       std::span<const std::byte> bytes,
                       ParseOutput& out) {
  if (bytes.empty()) return;
  const auto* first = reinterpret_cast<const char*>(bytes.data());
  Input in{side, offset, first, first + bytes.size(), out};
  Half& h = half(side);
  if (side == Side::Request) in.head = partial_.get();
  if (h.probe) probe(in, h);
  while (in.at != in.end)
    read(in, h);
  if (in.head != nullptr && in.head != partial_.get()) {
    partial_ = std::make_unique<PartialHead>(*in.head);
  }
}

void Http1Parser::skip(Side side,
                       std::uint64_t offset,
                       std::uint64_t size,
                       std::span<const std::byte> tail,
                       ParseOutput& out) {
  if (tail.size() > size) tail = tail.last(size);
  const std::uint64_t unseen = size - tail.size();
  if (unseen > 0) {
    Half& h = half(side);
    settle(h, side, offset, out);
    skip_unseen(h, side, offset, unseen, out);
  }
  feed(side, offset + unseen, tail, out);
  if (EventReader* events = reader(side).get(); events != nullptr) events->end_of_skipped();
}

void Http1Parser::finish(Side side, std::uint64_t offset, ParseOutput& out) {
  Half& h = half(side);
  settle(h, side, offset, out);
  if (h.state == State::UntilClose || h.state == State::ChunkGap) {
    end_message(h, side, offset, EndRule::Close, out);
  }
  end_content(side, offset, out);
  if (side == Side::Request) partial_.reset();
  h.state = State::Done;
}

void Http1Parser::turn(Side side, std::uint64_t offset, ParseOutput& out) {
  Half& h = half(side);
  settle(h, side, offset, out);
  // A response that may have been to HEAD has a body only if one comes.
  const bool maybe_no_body =
      h.unknown_request && h.untouched &&
      (h.state == State::Body || h.state == State::Chunked || h.state == State::UntilClose);
  h.probe = h.state == State::Lost || h.state == State::ChunkGap || maybe_no_body;
}

// Is this turn the beginning of a message? Its first bytes tell, and no others: they may come one
// by one, and wait then.
void Http1Parser::probe(Input& in, Half& h) {
  InlineText<kProbeBytes> start(h.held.view());
  start.append({in.at, in.size()});
  const Confidence found = http1_begins(in.side, start.view());
  if (found == Confidence::NeedMore && start.size() < kProbeBytes) {
    h.held.append({in.at, in.size()});
    in.at = in.end;
    return;
  }
  h.probe = false;
  if (found == Confidence::Yes) {
    if (h.state != State::Lost) {
      end_message(h, in.side, in.position() - h.held.size(), EndRule::DirectionReversal, in.out);
    } else if (in.side == Side::Response) {
      // how many responses were missed is not known; without pipelining it is all but this one
      while (outstanding_.size() > 1)
        outstanding_.pop();
    }
    h.state = State::Idle;
  }
  read_held(in, h);
}

// The bytes that waited go their way, before those of `next`.
void Http1Parser::read_held(Input& next, Half& h) {
  if (h.held.empty()) return;
  const auto held = h.held;
  const std::string_view text = held.view();
  h.held.clear();
  Input in{next.side,   next.position() - text.size(),
           text.data(), text.data() + text.size(),
           next.out,    nullptr};
  while (in.at != in.end)
    read(in, h);
  if (in.head != nullptr) {
    next.fresh = in.fresh;
    next.head = &*next.fresh;
  }
}

// What waits will not be more: it is no beginning.
void Http1Parser::settle(Half& h, Side side, std::uint64_t offset, ParseOutput& out) {
  h.probe = false;
  if (h.held.empty()) return;
  Input next{side, offset, nullptr, nullptr, out};
  read_held(next, h);
}

void Http1Parser::read(Input& in, Half& h) {
  switch (h.state) {
    case State::Idle:
      if (*in.at == '\r' || *in.at == '\n') {
        ++in.at;  // empty lines before a message belong to nobody
      } else {
        begin_message(in, h);
      }
      break;
    case State::Method:
      read_method(in, h);
      break;
    case State::Head:
      read_head(in, h);
      break;
    case State::Body: {
      const std::uint64_t size = std::min<std::uint64_t>(h.left, in.size());
      pass_content(in, size);
      h.left -= size;
      h.untouched = false;
      if (h.left == 0) end_message(h, in.side, in.position(), EndRule::Framing, in.out);
      break;
    }
    case State::Chunked:
      read_chunks(in, h);
      break;
    case State::ChunkGap:
      read_gap(in, h);
      break;
    case State::UntilClose:
      h.untouched = false;
      pass_content(in, in.size());
      break;
    case State::Held:
    case State::Lost:
    case State::Done:
      h.untouched = false;
      in.pass_secret(in.size());
      break;
  }
}

void Http1Parser::read_chunks(Input& in, Half& h) {
  h.untouched = false;
  Context context = in.context(h);
  std::optional<BodySink> body;
  if (EventReader* events = reader(in.side).get(); events != nullptr) {
    context.body = &body.emplace(BodySink{*events, in.offset, in.out});
  }
  const llhttp_errno_t error = execute(h.http, in.side, context, in.at, in.size());
  if (error == HPE_OK) {
    in.at = in.end;
    return;
  }
  in.at = h.http.error_pos;
  if (error == HPE_PAUSED) {
    end_message(h, in.side, in.position(), EndRule::Framing, in.out);
  } else {
    fail(in, h);
  }
}

void Http1Parser::read_gap(Input& in, Half& h) {
  const std::size_t known = h.last_chunk.match({in.at, in.size()});
  in.pass_secret(in.size() - known);
  in.at = in.end;
  if (h.last_chunk.complete()) {
    end_message(h, in.side, in.position(), EndRule::LastChunk, in.out);
  }
}

// The byte at in.at is an error. It stays in a recording, for that to fail in the same place.
void Http1Parser::fail(Input& in, Half& h) {
  lose(h, in.side, in.position(), in.head, true, in.out);
  in.head = nullptr;
  if (in.at != in.end) ++in.at;
  in.pass_secret(in.size());
}

void Http1Parser::skip_unseen(
    Half& h, Side side, std::uint64_t offset, std::uint64_t size, ParseOutput& out) {
  h.untouched = false;
  miss_content(side, offset, out);
  if (h.state == State::Body) {
    const std::uint64_t in_body = std::min(h.left, size);
    h.left -= in_body;
    offset += in_body;
    size -= in_body;
    if (h.left == 0) end_message(h, side, offset, EndRule::Framing, out);
  } else if (h.state == State::Chunked && h.cursor.in_chunk) {
    const std::uint64_t in_chunk = std::min(h.http.content_length, size);
    h.http.content_length -= in_chunk;  // llhttp keeps there what is left of the chunk
    size -= in_chunk;
  }
  if (size == 0) return;
  if (h.state == State::Chunked || h.state == State::ChunkGap) {
    end_content(side, offset, out);  // where its chunks begin is not known any more
    h.state = State::ChunkGap;
    h.last_chunk.after_unseen();
  } else if (h.state == State::Idle || h.state == State::Head || h.state == State::Method) {
    lose(h, side, offset, partial_.get(), false, out);
  }
}

}  // namespace http1

namespace {

std::unique_ptr<Parser> make_http1() {
  return std::make_unique<http1::Http1Parser>();
}

}  // namespace

const ParserSpec kHttp1{
    .name = "http", .family = ProtocolFamily::Http, .detect = detect_http1, .make = make_http1};

}  // namespace tailwhy
