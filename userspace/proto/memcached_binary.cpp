// memcached's binary protocol: frames whose header says it all.
#include "proto/memcached_parser.h"
#include "proto/wire.h"

namespace tailwhy::memcached {
namespace {

using Kind = Message::Kind;

constexpr std::size_t kHeader = 24;
constexpr std::uint64_t kMostBody = 1U << 30U;
constexpr std::uint8_t kRequest = 0x80;
constexpr std::uint8_t kResponse = 0x81;
constexpr std::uint8_t kStats = 0x10;
constexpr std::uint8_t kQuitQuietly = 0x17;

std::optional<std::uint64_t> frame_size(std::span<const std::byte> header) {
  const std::uint8_t magic = wire::u8(header, 0);
  const std::uint64_t body = wire::be32(header, 8);
  if (magic != kRequest && magic != kResponse) return std::nullopt;
  if (body > kMostBody || wire::be16(header, 2) + std::uint64_t{wire::u8(header, 4)} > body) {
    return std::nullopt;
  }
  return kHeader + body;
}

constexpr FrameSpec kFrames{.header_size = kHeader, .prefix_size = 0, .frame_size = frame_size};

}  // namespace

MemcachedParser::MemcachedParser()
    : requests_(Side::Request, kFrames, *this), responses_(Side::Response, kFrames, *this) {}

bool MemcachedParser::on_frame(Side side, const Frame& frame, ParseOutput& out) {
  return side == Side::Request ? on_request_frame(frame, out) : on_response_frame(frame, out);
}

bool MemcachedParser::on_request_frame(const Frame& frame, ParseOutput& out) {
  if (wire::u8(frame.bytes, 0) != kRequest || expected_.full()) return false;
  const std::uint8_t code = wire::u8(frame.bytes, 1);
  const Opcode* opcode = find_opcode(code);
  emit(Kind::RequestBegin, Side::Request, frame.begin, out);
  RequestHead& head = emit(Kind::RequestHead, Side::Request, frame.begin, out).request;
  head.method.assign(opcode == nullptr ? "_OTHER" : opcode->name);
  head.one_way = code == kQuitQuietly;
  one_way_ = head.one_way;
  entry_ = {.answer = code == kStats ? Answer::List : Answer::Line,
            .quiet = opcode != nullptr && opcode->quiet,
            .opcode = code,
            .opaque = wire::be32(frame.bytes, 12)};
  return true;
}

bool MemcachedParser::on_response_frame(const Frame& frame, ParseOutput& out) {
  if (wire::u8(frame.bytes, 0) != kResponse) return false;
  const std::uint8_t code = wire::u8(frame.bytes, 1);
  const std::uint32_t opaque = wire::be32(frame.bytes, 12);
  const std::uint16_t status = wire::be16(frame.bytes, 6);
  if (!begun_) {
    const auto is_front = [&] {
      return expected_.front().opcode == code && expected_.front().opaque == opaque;
    };
    while (!expected_.empty() && expected_.front().quiet && !is_front())
      no_answer(frame.begin, out);
  }
  begin_answer(frame.begin, head_of_status(status), out);
  // Statistics come one by one, and end with one without a name.
  ends_ = code != kStats || status != 0 || wire::be16(frame.bytes, 2) == 0;
  return true;
}

void MemcachedParser::on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) {
  if (side == Side::Response) {
    if (ends_) end_answer(offset, EndRule::Framing, out);
    return;
  }
  emit(Kind::RequestEnd, side, offset, out).end_rule = EndRule::Framing;
  if (!one_way_) expect(entry_, offset, out);
}

void MemcachedParser::on_lost(Side side, std::uint64_t offset, ParseOutput& out) {
  if (!sure_ && offset == 0) return admit_mistake(side, offset, out);
  lose(side, offset, out);
}

void MemcachedParser::find_secrets(Side /*side*/,
                                   std::span<const std::byte> /*known*/,
                                   std::vector<SecretSpan>& /*secrets*/) const {}

}  // namespace tailwhy::memcached
