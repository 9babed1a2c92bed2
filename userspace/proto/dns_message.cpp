#include "proto/dns_message.h"

#include "proto/dns_words.h"
#include "proto/wire.h"

#include <algorithm>

namespace tailwhy::dns {
namespace {

constexpr std::size_t kMostName = 255;

// Goes over a message from left to right. What ends before a field is complete, or cannot be, stops
// it for good. Bytes that nobody reads are told to `secrets`, in order.
class Walk {
 public:
  Walk(std::span<const std::byte> message, std::vector<SecretSpan>* secrets, std::size_t base)
      : bytes_(message), secrets_(secrets), base_(base) {}

  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::uint32_t shape() const { return shape_; }

  [[nodiscard]] std::uint16_t number() {
    if (!have(2)) return 0;
    const std::uint16_t value = wire::be16(bytes_, at_);
    at_ += 2;
    mix(value);
    return value;
  }
  [[nodiscard]] std::uint8_t byte() {
    if (!have(1)) return 0;
    return wire::u8(bytes_, at_++);
  }
  void hide(std::size_t size) {
    if (stopped_) return;
    const std::size_t there = std::min(size, bytes_.size() - at_);
    if (secrets_ != nullptr && there > 0) secrets_->push_back({base_ + at_, there});
    at_ += there;
    stopped_ = there < size;
  }
  // A name ends with its root label, or with a pointer to an earlier one.
  void name() {
    const std::size_t begin = at_;
    while (!stopped_) {
      const std::uint8_t length = byte();
      if (stopped_) return;
      mix(length);
      if (length == 0) return;
      if ((length & 0xc0) == 0xc0) return hide(1);
      if ((length & 0xc0) != 0 || at_ - begin + length > kMostName) {
        stopped_ = true;
        return;
      }
      hide(length);
    }
  }

 private:
  bool have(std::size_t size) {
    if (!stopped_ && bytes_.size() - at_ < size) {
      at_ = bytes_.size();  // a part of what will be read is no secret
      stopped_ = true;
    }
    return !stopped_;
  }
  void mix(std::uint32_t value) { shape_ = (shape_ ^ value) * 16777619U; }  // FNV-1a

  std::span<const std::byte> bytes_;
  std::vector<SecretSpan>* secrets_;
  std::size_t base_;
  std::size_t at_ = kHeader;
  std::uint32_t shape_ = 2166136261U;
  bool stopped_ = false;
};

struct Record {
  std::uint16_t type = 0;
  std::uint8_t first_of_ttl = 0;  // of OPT: the upper bits of the RCODE
};

Record read_record(Walk& walk) {
  Record record;
  walk.name();
  record.type = walk.number();
  walk.hide(2);
  if (record.type == kOpt) {
    record.first_of_ttl = walk.byte();
    walk.hide(3);
  } else {
    walk.hide(4);
  }
  walk.hide(walk.number());
  return record;
}

void go_over_question(Walk& walk) {
  walk.name();
  (void)walk.number();
  (void)walk.number();
}

// Letters, digits and what else hosts' names are made of in practice.
bool is_of_name(std::byte byte) {
  return byte > std::byte{0x20} && byte < std::byte{0x7f};
}

bool is_known_class(std::uint16_t zone_class) {
  constexpr std::uint16_t kInternet = 1, kChaos = 3, kHesiod = 4, kNone = 254, kAny = 255;
  return zone_class == kInternet || zone_class == kChaos || zone_class == kHesiod ||
         zone_class == kNone || zone_class == kAny;
}

// The counts and flags of a request as clients and servers send it.
bool plausible(const Header& header) {
  if (header.answer || header.truncated || header.reserved || header.code != 0) return false;
  if (header.questions != 1) return false;
  switch (header.opcode) {
    case kQuery:  // the authority section of IXFR has what the client knows
      return !header.authoritative && header.answers == 0 && header.authorities <= 1 &&
             header.additionals <= 2;
    case kNotify:
      return header.answers <= 1 && header.authorities <= 1 && header.additionals <= 2;
    case kUpdate:
      return header.answers <= 256 && header.authorities <= 4096 && header.additionals <= 16;
    default:
      return false;
  }
}

}  // namespace

Header read_header(std::span<const std::byte> message) {
  const std::uint8_t first = wire::u8(message, 2), second = wire::u8(message, 3);
  return {.id = wire::be16(message, 0),
          .answer = (first & 0x80) != 0,
          .authoritative = (first & 0x04) != 0,
          .truncated = (first & 0x02) != 0,
          .reserved = (second & 0x40) != 0,
          .opcode = static_cast<std::uint8_t>(first >> 3 & 0xf),
          .code = static_cast<std::uint8_t>(second & 0xf),
          .questions = wire::be16(message, 4),
          .answers = wire::be16(message, 6),
          .authorities = wire::be16(message, 8),
          .additionals = wire::be16(message, 10)};
}

std::optional<Question> read_question(std::span<const std::byte> message) {
  if (message.size() < kHeader || read_header(message).questions == 0) return std::nullopt;
  Walk walk(message, nullptr, 0);
  walk.name();
  Question question;
  question.type = walk.number();
  question.zone_class = walk.number();
  if (walk.stopped()) return std::nullopt;
  question.shape = walk.shape() | 1U;
  question.end = walk.at();
  return question;
}

Answer read_answer(std::span<const std::byte> message) {
  const Header header = read_header(message);
  Answer answer;
  Walk walk(message, nullptr, 0);
  for (std::uint32_t i = 0; i < header.questions && !walk.stopped(); ++i)
    go_over_question(walk);
  Record last;
  for (std::uint32_t i = 0; i < header.answers && !walk.stopped(); ++i)
    last = read_record(walk);
  answer.records = header.answers;
  answer.ends_with_soa = !walk.stopped() && header.answers > 0 && last.type == kSoa;
  // What has records to show is no error of those that need more than four bits.
  if (header.additionals == 0 || header.answers > 0 || header.authorities > 0) {
    answer.code = header.code;
    return answer;
  }
  std::uint16_t upper = 0;
  for (std::uint32_t i = 0; i < header.additionals && !walk.stopped(); ++i) {
    const Record record = read_record(walk);
    if (record.type == kOpt) upper = record.first_of_ttl;
  }
  if (!walk.stopped()) answer.code = static_cast<std::uint16_t>(upper << 4 | header.code);
  return answer;
}

void find_secrets(std::span<const std::byte> known,
                  std::size_t base,
                  std::vector<SecretSpan>& secrets) {
  if (known.size() < kHeader) return;
  const Header header = read_header(known);
  Walk walk(known, &secrets, base);
  for (std::uint32_t i = 0; i < header.questions && !walk.stopped(); ++i)
    go_over_question(walk);
  const std::uint32_t records =
      std::uint32_t{header.answers} + header.authorities + header.additionals;
  for (std::uint32_t i = 0; i < records && !walk.stopped(); ++i)
    (void)read_record(walk);
  if (walk.at() < known.size()) secrets.push_back({base + walk.at(), known.size() - walk.at()});
}

Confidence detect_request(std::span<const std::byte> bytes, std::size_t size) {
  constexpr std::size_t kLeast = kHeader + 1 + 4;
  constexpr std::size_t kFlags = 4;
  constexpr std::size_t kEnough = 30;
  if (size < kLeast) return Confidence::No;
  if (bytes.size() >= kFlags) {
    const std::uint8_t first = wire::u8(bytes, 2), second = wire::u8(bytes, 3);
    if ((first & 0x82) != 0 || (second & 0x4f) != 0) return Confidence::No;
  }
  if (bytes.size() < kHeader) return Confidence::NeedMore;
  const Header header = read_header(bytes);
  if (!plausible(header)) return Confidence::No;
  std::size_t at = kHeader;
  std::size_t name = 0;
  for (;;) {  // as long as a name may be
    if (at >= bytes.size()) return bytes.size() < kEnough ? Confidence::NeedMore : Confidence::Yes;
    const std::size_t length = wire::u8(bytes, at);
    if (length == 0) break;
    name += 1 + length;
    if (length > 63 || name >= kMostName || at + 1 + length > size) return Confidence::No;
    const auto label = bytes.subspan(at + 1, std::min(length, bytes.size() - at - 1));
    if (!std::all_of(label.begin(), label.end(), is_of_name)) return Confidence::No;
    at += 1 + length;
  }
  const std::size_t end = at + 1 + 4;
  if (end > size) return Confidence::No;
  const bool more = header.answers + header.authorities + header.additionals > 0;
  if (!more && end != size) return Confidence::No;
  if (end > bytes.size()) {
    return bytes.size() < kEnough ? Confidence::NeedMore : Confidence::Yes;
  }
  const bool known = wire::be16(bytes, at + 1) != 0 && is_known_class(wire::be16(bytes, at + 3));
  return known ? Confidence::Yes : Confidence::No;
}

}  // namespace tailwhy::dns
