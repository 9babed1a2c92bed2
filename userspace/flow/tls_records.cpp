#include "flow/tls_records.h"

#include <algorithm>

namespace tailwhy {
namespace {

constexpr unsigned kChangeCipherSpec = 20;
constexpr unsigned kApplicationData = 23;
// 2^14 bytes of plaintext, and what protects them (RFC 5246 6.2.3; RFC 8446 5.2 allows less).
constexpr std::size_t kLongest = 16384 + 2048;
// Where the cipher is none of those that add always the same.
constexpr std::uint64_t kMostOverhead = 64;

}  // namespace

void TlsRecords::take_header() {
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(header_[i]); };
  const std::uint64_t begin = next_;
  const std::size_t size = byte(3) << 8 | byte(4);
  held_ = 0;
  if (byte(0) < kChangeCipherSpec || byte(0) > kApplicationData || byte(1) != 3 ||
      size > kLongest) {
    lost_ = true;
    return;
  }
  next_ = begin + kHeader + size;
  if (byte(0) != kApplicationData) return;
  if (records_.size() == kMost) records_.pop_front();
  records_.push_back({{begin, next_}});
}

void TlsRecords::feed(std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out) {
  const auto hide = [&](std::size_t from, std::size_t to) {
    if (out.want_secrets && to > from) out.secrets.push_back({from, to - from});
  };
  if (!any_) next_ = offset;
  any_ = true;
  std::size_t at = 0;
  while (at < bytes.size() && !lost_) {
    const std::uint64_t here = offset + at;
    if (held_ == 0 && here < next_) {  // in a record
      const auto rest =
          static_cast<std::size_t>(std::min<std::uint64_t>(next_ - here, bytes.size() - at));
      hide(at, at + rest);
      at += rest;
      continue;
    }
    header_[held_++] = bytes[at++];
    if (held_ == kHeader) take_header();
  }
  hide(at, bytes.size());
}

void TlsRecords::skip(std::uint64_t offset, std::uint64_t size) {
  if (!any_ || held_ > 0 || offset + size > next_) lost_ = true;
  held_ = 0;
}

void TlsRecords::turn() {
  if (!lost_) return;
  lost_ = false;
  any_ = false;
}

// Is `left` what a cipher adds to a record: those of TLS 1.3, of 1.2 with AES-GCM, with ChaCha20?
bool TlsRecords::fits(std::uint64_t left) const {
  return overhead_ != 0 ? left == overhead_ : left == 17 || left == 24 || left == 16;
}

// The one that `size` bytes come from: records that hold a handshake's messages (1.3 hides which)
// or nothing that anybody was given are gone over.
std::size_t TlsRecords::find(std::uint64_t size, std::uint64_t upto) const {
  if (!records_.empty() && records_.front().given > 0) return 0;
  std::size_t first = records_.size();
  for (std::size_t i = 0; i < records_.size() && records_[i].range.end <= upto; ++i) {
    const std::uint64_t length = records_[i].length();
    if (length >= size && fits(length - size)) return i;
    if (length >= size && first == records_.size()) first = i;
  }
  return first;
}

std::optional<WireRange> TlsRecords::take(std::uint64_t size, std::uint64_t upto) {
  const std::size_t at = find(size, upto);
  records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(at));
  if (records_.empty() || records_.front().range.end > upto) return std::nullopt;
  Record& record = records_.front();
  const WireRange range = record.range;
  const bool whole = record.given == 0;
  record.given += size;
  const std::uint64_t left = record.length() - std::min(record.length(), record.given);
  if (whole && overhead_ == 0 && fits(left)) overhead_ = left;
  if (left <= (overhead_ != 0 ? overhead_ : kMostOverhead)) records_.pop_front();
  return range;
}

}  // namespace tailwhy
