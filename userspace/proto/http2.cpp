// HTTP/2: the way through the bytes of a connection, frame by frame, also when some were not
// captured. Knows nothing of times, sockets or what becomes of the boundaries.
#include "proto/http2.h"

#include "proto/http2_parser.h"

#include <algorithm>
#include <memory>

namespace tailwhy {
namespace http2 {
namespace {

constexpr std::uint32_t kRefusedStream = 7;
constexpr std::uint32_t kMaxFrameSize = 5;  // of SETTINGS
constexpr std::uint32_t kMostFrameBytes = (1U << 24) - 1;

std::uint32_t big_endian(const char* at, unsigned size) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < size; ++i)
    value = value << 8 | static_cast<std::uint8_t>(at[i]);
  return value;
}

// Bytes of the payload before what it is about: length of padding, priority, promised stream.
std::uint8_t prefix_bytes(const FrameHeader& frame) {
  const bool headers = frame.type == FrameType::Headers;
  const bool promise = frame.type == FrameType::PushPromise;
  unsigned bytes = promise ? 4 : 0;
  if ((headers || promise || frame.type == FrameType::Data) && frame.has(kFlagPadded)) ++bytes;
  if (headers && frame.has(kFlagPriority)) bytes += 5;
  return static_cast<std::uint8_t>(bytes);
}

// How many bytes of the payload are a number that is read.
std::size_t number_bytes(FrameType type) {
  switch (type) {
    case FrameType::RstStream:
      return 4;
    case FrameType::Settings:
      return 6;
    case FrameType::GoAway:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

void Input::hide(const char* from, std::size_t bytes) {
  if (!out.want_secrets || bytes == 0) return;
  auto begin = static_cast<std::size_t>(from - first);
  const std::size_t last = begin + bytes;
  for (unsigned i = 0; i < found.count; ++i) {
    const std::size_t keep = found.at[i];
    const std::size_t kept_end = keep + kFrameHeaderBytes;
    if (kept_end <= begin || keep >= last) continue;
    if (keep > begin) hide(first + begin, keep - begin);
    if (kept_end >= last) return;
    begin = kept_end;
    bytes = last - kept_end;
  }
  if (!out.secrets.empty() && out.secrets.back().offset + out.secrets.back().size == begin) {
    out.secrets.back().size += bytes;
  } else {
    out.secrets.push_back({begin, bytes});
  }
}

void Http2Parser::feed(Side side,
                       std::uint64_t offset,
                       std::span<const std::byte> bytes,
                       ParseOutput& out) {
  if (bytes.empty()) return;
  const auto* first = reinterpret_cast<const char*>(bytes.data());
  Input in{side, offset, first, first + bytes.size(), out};
  Half& h = half(side);
  if (h.state == State::Lost) find_place(in, h);
  while (in.at != in.end)
    read(in, h);
}

void Http2Parser::skip(Side side,
                       std::uint64_t offset,
                       std::uint64_t size,
                       std::span<const std::byte> tail,
                       ParseOutput& out) {
  if (tail.size() > size) tail = tail.last(size);
  const std::uint64_t unseen = size - tail.size();
  if (unseen > 0) skip_unseen(half(side), side, offset, unseen, out);
  feed(side, offset + unseen, tail, out);
}

void Http2Parser::finish(Side side, std::uint64_t /*offset*/, ParseOutput& /*out*/) {
  half(side).state = State::Done;
}

void Http2Parser::turn(Side /*side*/, std::uint64_t /*offset*/, ParseOutput& /*out*/) {}

void Http2Parser::start_unsynchronised(Side side) {
  half(side).state = State::Lost;
  ++half(side).losses;
  met_in_the_middle_ = true;
}

void Http2Parser::read(Input& in, Half& h) {
  switch (h.state) {
    case State::Start:
      h.frame_begin = in.position();
      h.first_frame = true;
      h.state =
          in.side == Side::Request && *in.at == kPreface.front() ? State::Preface : State::Header;
      break;
    case State::Preface:
      read_preface(in, h);
      break;
    case State::Header:
      read_frame_header(in, h);
      break;
    case State::Payload:
      read_payload(in, h);
      break;
    case State::Lost:
    case State::Done:
      in.pass_secret(in.size());
      break;
  }
}

void Http2Parser::read_preface(Input& in, Half& h) {
  while (in.at != in.end && h.filled < kPreface.size()) {
    if (*in.at != kPreface[h.filled]) return fail(in, h);
    ++in.at;
    ++h.filled;
  }
  if (h.filled < kPreface.size()) return;
  confirmed_ = true;
  h.first_frame = false;
  h.filled = 0;
  h.frame_begin = in.position();
  h.state = State::Header;
}

void Http2Parser::read_frame_header(Input& in, Half& h) {
  if (h.filled == 0) h.frame_begin = in.position();
  const std::size_t size = std::min(in.size(), kFrameHeaderBytes - h.filled);
  std::copy_n(in.at, size, h.start.data() + h.filled);
  in.at += size;
  h.filled = static_cast<std::uint8_t>(h.filled + size);
  if (h.filled == kFrameHeaderBytes) begin_frame(in, h);
}

void Http2Parser::begin_frame(Input& in, Half& h) {
  h.frame = http2::read_frame_header(h.start.data());
  const FrameHeader& frame = h.frame;
  const bool first = h.first_frame;
  h.first_frame = false;
  h.filled = 0;
  h.holes = false;
  h.left = frame.length;
  h.padding = 0;
  h.prefix = prefix_bytes(frame);
  h.state = State::Payload;
  const bool continues = frame.type == FrameType::Continuation;
  const bool in_block = h.block_stream != 0;
  if ((first && !is_plausible(frame, in.side, {})) || !is_legal(frame) || h.prefix > h.left ||
      (in_block && !(continues && frame.stream == h.block_stream)) ||
      (continues && !in_block && h.losses == 0)) {
    return fail(in, h);
  }
  if (frame.type == FrameType::Headers || frame.type == FrameType::PushPromise) {
    begin_block(h, in.side, in.out);
  } else if (frame.type == FrameType::Data) {
    on_data_begin(h, in.side, in.out);
  } else if (continues) {
    count_frame(h, in.side);
  }
  if (h.left == 0) end_frame(h, in.side, in.position(), in.out);
}

void Http2Parser::read_payload(Input& in, Half& h) {
  if (h.prefix > 0) return read_prefix(in, h);
  if (h.left > h.padding) {
    const std::size_t size = std::min<std::size_t>(in.size(), h.left - h.padding);
    read_content(in, h, size);
    h.left -= static_cast<std::uint32_t>(size);
  } else {
    const std::size_t size = std::min<std::size_t>(in.size(), h.left);
    in.pass_secret(size);
    h.left -= static_cast<std::uint32_t>(size);
  }
  if (h.left == 0) end_frame(h, in.side, in.position(), in.out);
}

void Http2Parser::read_prefix(Input& in, Half& h) {
  if (h.frame.has(kFlagPadded) && h.prefix == prefix_bytes(h.frame)) {
    h.padding = static_cast<std::uint8_t>(*in.at);
  }
  ++in.at;
  --h.left;
  --h.prefix;
  if (h.prefix > 0) return;
  if (h.padding > h.left) return fail(in, h);
  if (h.left == 0) end_frame(h, in.side, in.position(), in.out);
}

void Http2Parser::read_content(Input& in, Half& h, std::size_t size) {
  const bool block = h.frame.type == FrameType::Headers || h.frame.type == FrameType::PushPromise ||
                     h.frame.type == FrameType::Continuation;
  if (h.frame.type == FrameType::Data) {
    read_data(in, h, size);
  } else if (block && h.block_stream != 0) {
    h.headers.read(
        in.at, in.at + size, [&h](const Field& field) { h.fields->take(field); },
        [&in](const char* at, std::size_t bytes) { in.hide(at, bytes); });
    in.at += size;
  } else if (number_bytes(h.frame.type) > 0 && !h.holes) {
    read_number(in, h, size);
  } else {
    in.pass_secret(size);
  }
}

// Codes and settings: kept until they are whole.
void Http2Parser::read_number(Input& in, Half& h, std::size_t size) {
  const std::size_t wanted = number_bytes(h.frame.type);
  const char* end = in.at + size;
  while (in.at != end && h.filled < wanted) {
    h.start[h.filled++] = *in.at++;
    if (h.frame.type != FrameType::Settings || h.filled < wanted) continue;
    h.filled = 0;
    if (big_endian(h.start.data(), 2) == kMaxFrameSize) {
      const std::uint32_t bytes = std::min(big_endian(h.start.data() + 2, 4), kMostFrameBytes);
      longest_frame_ = std::max(longest_frame_, bytes);
    }
  }
  in.pass_secret(static_cast<std::size_t>(end - in.at));
}

void Http2Parser::end_frame(Half& h, Side side, std::uint64_t end, ParseOutput& out) {
  const bool known = h.filled == number_bytes(h.frame.type) && !h.holes;
  h.filled = 0;
  h.state = State::Header;
  switch (h.frame.type) {
    case FrameType::Headers:
    case FrameType::PushPromise:
    case FrameType::Continuation:
      if (h.block_stream != 0 && h.frame.has(kFlagEndHeaders)) end_block(h, side, end, false, out);
      break;
    case FrameType::Data:
      if (h.frame.has(kFlagEndStream)) end_side(h.frame.stream, side, end, out);
      break;
    case FrameType::RstStream:
      on_reset(h.frame.stream, side, end, known && big_endian(h.start.data(), 4) == kRefusedStream,
               out);
      break;
    case FrameType::GoAway:
      if (known && side == Side::Response) {
        on_go_away(big_endian(h.start.data(), 4) & 0x7fffffffU, end, out);
      }
      break;
    default:
      break;
  }
  h.frame_begin = end;
}

void Http2Parser::skip_unseen(
    Half& h, Side side, std::uint64_t offset, std::uint64_t size, ParseOutput& out) {
  if (h.state == State::Lost || h.state == State::Done) return;
  if (h.state == State::Payload) {
    const auto inside = static_cast<std::uint32_t>(std::min<std::uint64_t>(h.left, size));
    if (h.frame.type == FrameType::Data) miss_data(h, side, offset, inside, out);
    h.holes = true;
    h.prefix = 0;
    h.left -= inside;
    h.padding = std::min(h.padding, h.left);
    offset += inside;
    size -= inside;
    if (h.block_stream != 0) h.headers.lose_block();
    if (h.left == 0) end_frame(h, side, offset, out);
  }
  if (size > 0) lose(h, side, offset, out);
}

// Bytes of which nobody knows what they are: do frames begin with them?
void Http2Parser::find_place(Input& in, Half& h) {
  const std::string_view text(in.at, in.size());
  const bool preface = in.side == Side::Request && text.starts_with(kPreface);
  const FoundFrames found = find_frames(in.side, text, {longest_frame_, last_stream_});
  // One frame alone, of which not all is here: only if it is of a stream that is open.
  const bool known = found.sure == Confidence::NeedMore && stream(found.first.stream) != nullptr;
  if (!preface && !known && found.sure != Confidence::Yes) return;
  if (!preface) in.found = found;
  h.frame_begin = in.position();
  h.filled = 0;
  h.state = preface ? State::Preface : State::Header;
}

// The frame that is being read cannot be one. Its header stays in a recording, for that to fail in
// the same place.
void Http2Parser::fail(Input& in, Half& h) {
  if (confirmed_) {
    lose(h, in.side, h.frame_begin, in.out);
  } else {
    in.out.tell(Message::Kind::Mistaken, in.side, h.frame_begin, 0);
    for (Half& each : halves_)
      each.state = State::Done;
  }
  in.pass_secret(in.size());
}

void Http2Parser::lose(Half& h, Side side, std::uint64_t offset, ParseOutput& out) {
  h.headers.lose_block();
  if (h.block_stream != 0) {
    end_block(h, side, offset, true, out);
  } else {
    h.headers.end_block();
  }
  out.tell(Message::Kind::Lost, side, offset, 0);
  ++h.losses;
  h.filled = 0;
  h.first_frame = false;
  h.frame_begin = offset;
  h.state = State::Lost;
}

}  // namespace http2

namespace {

std::unique_ptr<Parser> make_http2() {
  return std::make_unique<http2::Http2Parser>();
}

}  // namespace

const ParserSpec kHttp2{.name = "http2",
                        .family = ProtocolFamily::Http,
                        .detect = http2::detect_http2,
                        .make = make_http2,
                        .server_speaks_first = true,
                        .finds_its_place = true,
                        .framed_signature = http2::kPreface};

}  // namespace tailwhy
