#include "proto/frames.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tailwhy {

namespace {

// What a recording must not keep of the fed bytes: [from, to).
void hide(std::size_t from, std::size_t to, ParseOutput& out) {
  if (out.want_secrets && from < to) out.secrets.push_back({from, to - from});
}

constexpr std::size_t kMostHeader = 64;
constexpr std::uint64_t kMostFrame = std::uint64_t{1} << 40;

}  // namespace

void FrameReader::lose(std::uint64_t offset, ParseOutput& out) {
  held_.clear();
  size_known_ = false;
  in_body_ = false;
  lost_ = true;
  handler_.on_lost(side_, offset, out);
}

void FrameReader::turn(std::uint64_t offset) {
  if (!lost_) return;
  lost_ = false;
  begin_ = offset;
}

void FrameReader::jump(std::uint64_t offset) {
  held_.clear();
  size_known_ = false;
  in_body_ = false;
  lost_ = false;
  begin_ = offset;
}

bool FrameReader::would_lose(std::uint64_t offset, std::uint64_t size) const {
  if (lost_ || finished_ || size == 0) return false;
  if (in_body_) return offset + size > end_;
  // A header that came whole has told where its frame ends.
  return !size_known_ || offset + size > end_;
}

void FrameReader::tell(std::span<const std::byte> known, bool cut, ParseOutput& out) {
  size_known_ = false;
  in_body_ = true;
  if (!handler_.on_frame(side_, {.begin = begin_, .end = end_, .bytes = known, .cut = cut}, out)) {
    lose(begin_, out);
  }
}

// Of the frame that begins with `known`; more than these if they are not all of it.
std::size_t FrameReader::header_size(std::span<const std::byte> known) const {
  std::size_t size = spec_->header_size;
  if (spec_->header_of == nullptr) return size;
  while (size <= known.size()) {
    const std::size_t more = spec_->header_of(known.first(size));
    if (more <= size || more > kMostHeader) break;
    size = more;
  }
  return size;
}

// Reads on in a header and its prefix, with the bytes from `at` on; returns how many of them.
std::size_t FrameReader::read_head(std::uint64_t offset,
                                   std::span<const std::byte> bytes,
                                   std::size_t at,
                                   ParseOutput& out) {
  const std::span<const std::byte> rest = bytes.subspan(at);
  if (held_.empty()) begin_ = offset + at;
  const std::size_t before = held_.size();
  std::array<std::byte, kMostHeader> first;
  const std::size_t most = spec_->header_of == nullptr ? spec_->header_size : kMostHeader;
  const std::size_t old = std::min(before, most);
  const std::size_t seen = std::min(before + rest.size(), most);
  std::copy_n(held_.begin(), old, first.begin());
  std::copy_n(rest.begin(), seen - old, first.begin() + static_cast<long>(old));
  const std::size_t header = header_size(std::span(first).first(seen));
  std::size_t want = header;
  if (seen >= header) {
    const auto size = spec_->frame_size(std::span(first).first(header));
    if (!size || *size < header || *size > kMostFrame) {
      lose(begin_, out);
      return header - before;  // that it cannot be is read from these, so they stay
    }
    const std::size_t prefix = spec_->prefix_of == nullptr
                                   ? spec_->prefix_size
                                   : spec_->prefix_of(std::span(first).first(header));
    end_ = begin_ + *size;
    want = static_cast<std::size_t>(std::min<std::uint64_t>(*size, header + prefix));
    size_known_ = true;
  }
  const std::size_t taken = std::min(rest.size(), want - before);
  const bool whole = size_known_ && before + taken == want;
  const bool in_pieces = before > 0 || !whole;
  if (in_pieces) held_.insert(held_.end(), rest.begin(), rest.begin() + static_cast<long>(taken));
  const std::span<const std::byte> known = in_pieces ? std::span(held_) : rest.first(taken);
  if (out.want_secrets) {
    found_.clear();
    handler_.find_secrets(side_, known, found_);
    for (const SecretSpan& secret : found_) {
      const std::size_t from = std::max(secret.offset, before);
      const std::size_t to = std::min(secret.offset + secret.size, before + taken);
      if (from < to) hide(at + from - before, at + to - before, out);
    }
  }
  if (!whole) return taken;
  if (in_pieces) {
    const std::vector<std::byte> copy = std::exchange(held_, {});
    tell(copy, false, out);
  } else {
    tell(known, false, out);
  }
  return taken;
}

void FrameReader::feed(std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out) {
  std::size_t at = 0;
  while (at < bytes.size() && !lost_ && !finished_) {
    if (!in_body_) at += read_head(offset, bytes, at, out);
    if (!in_body_) continue;  // lost, or the header goes on in the next bytes
    const std::uint64_t rest = end_ - (offset + at);
    const auto pass = static_cast<std::size_t>(std::min<std::uint64_t>(rest, bytes.size() - at));
    hide(at, at + pass, out);
    at += pass;
    if (offset + at < end_) continue;
    in_body_ = false;
    handler_.on_frame_end(side_, end_, out);
  }
  hide(at, bytes.size(), out);
}

void FrameReader::skip(std::uint64_t offset, std::uint64_t size, ParseOutput& out) {
  if (lost_ || finished_ || size == 0) return;
  if (!in_body_) {
    // The header may be known and only the prefix cut: then the frame's end is known, too.
    if (!size_known_) return lose(held_.empty() ? offset : begin_, out);
    const std::vector<std::byte> copy = std::exchange(held_, {});
    tell(copy, true, out);
    if (lost_) return;
  }
  if (offset + size < end_) return;
  const std::uint64_t end = end_;
  in_body_ = false;
  handler_.on_frame_end(side_, end, out);
  if (offset + size > end && !lost_) lose(end, out);
}

}  // namespace tailwhy
