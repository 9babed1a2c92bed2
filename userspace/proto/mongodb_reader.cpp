#include "proto/mongodb_reader.h"

#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

namespace tailwhy::mongodb {
namespace {

constexpr std::size_t kMostCollection = 64;

bool in_collection(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == '$';
}
bool in_code_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const auto [end, ignored] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(end - a.begin());
}

}  // namespace

void Reader::show(std::size_t from, std::size_t to) {
  if (shown_ == nullptr || from >= to) return;
  if (!shown_->empty() && shown_->back().offset + shown_->back().size == from) {
    shown_->back().size += to - from;
  } else {
    shown_->push_back({from, to - from});
  }
}

bool Reader::has(std::uint64_t size) {
  if (stopped_ || cut_) return false;
  cut_ = bytes_.size() - at_ < size;
  return !cut_;
}

void Reader::keep(std::size_t size) {
  const std::size_t from = at_;
  at_ += std::min(size, bytes_.size() - at_);
  show(from, at_);
}

void Reader::skip(std::uint64_t size) {
  if (has(size)) at_ += static_cast<std::size_t>(size);
}

void Reader::skip_text() {
  if (!has(1)) return;
  const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
  const auto end = std::find(from, bytes_.end(), std::byte{0});
  cut_ = end == bytes_.end();
  if (cut_) return;
  at_ = static_cast<std::size_t>(end - bytes_.begin());
  keep(1);
}

std::optional<std::uint8_t> Reader::byte() {
  if (!has(1)) return std::nullopt;
  keep(1);
  return wire::u8(bytes_, at_ - 1);
}

std::optional<std::uint32_t> Reader::int32() {
  if (stopped_ || cut_) return std::nullopt;
  const std::size_t from = at_;
  if (!has(4)) {
    show(from, bytes_.size());
    return std::nullopt;
  }
  keep(4);
  return wire::le32(bytes_, from);
}

// A name that ends with a 0: of the words, those of `more` behind the others, or -1. What it has in
// common with one of them is shown.
std::optional<int> Reader::word(Words words, Words more) {
  if (!has(1)) return std::nullopt;
  const std::size_t from = at_;
  const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = std::find(begin, bytes_.end(), std::byte{0});
  const std::string_view name(reinterpret_cast<const char*>(bytes_.data()) + from,
                              static_cast<std::size_t>(end - begin));
  int found = -1;
  std::size_t common = 0;
  for (std::size_t i = 0; i < words.size() + more.size(); ++i) {
    const std::string_view known = i < words.size() ? words[i] : more[i - words.size()];
    common = std::max(common, common_prefix(name, known));
    if (name == known) found = static_cast<int>(i);
  }
  show(from, from + common);
  cut_ = end == bytes_.end();
  if (cut_) return std::nullopt;
  at_ = from + name.size();
  keep(1);
  return found;
}

std::optional<Reader::Element> Reader::element(Words words, Words more) {
  const auto type = byte();
  if (!type || *type == 0) return std::nullopt;
  const auto found = word(words, more);
  if (!found) return std::nullopt;
  return Element{*type, *found};
}

void Reader::skip_value(std::uint8_t type) {
  constexpr std::uint64_t kAll = 0x7fffffff;
  switch (type) {
    case 0x01:  // double
    case 0x09:  // time
    case 0x11:  // timestamp
    case 0x12:  // int64
      return skip(8);
    case kString:
    case 0x0d:  // code
    case 0x0e:  // symbol
      if (const auto size = int32()) skip(*size & kAll);
      return;
    case kDocument:
    case kArray:
    case 0x0f: {  // code with a scope
      const auto size = int32();
      if (size && *size < 4) return stop();
      if (size) skip((*size & kAll) - 4);
      return;
    }
    case 0x05:  // binary
      if (const auto size = int32()) skip((*size & kAll) + 1);
      return;
    case 0x07:  // id
      return skip(12);
    case 0x08:  // boolean
      return skip(1);
    case 0x06:  // nothing
    case 0x0a:
    case 0x7f:
    case 0xff:
      return;
    case 0x0b:  // regular expression
      skip_text();
      return skip_text();
    case 0x0c:  // pointer
      if (const auto size = int32()) skip((*size & kAll) + 12);
      return;
    case 0x10:  // int32
      return skip(4);
    case 0x13:  // decimal
      return skip(16);
    default:
      return stop();
  }
}

std::optional<double> Reader::number(std::uint8_t type) {
  constexpr std::uint8_t kBoolean = 0x08, kInt32 = 0x10, kInt64 = 0x12;
  if (type == kBoolean) {
    const auto value = byte();
    return value ? std::optional<double>(*value) : std::nullopt;
  }
  if (type == kInt32) {
    const auto value = int32();
    return value ? std::optional<double>(static_cast<std::int32_t>(*value)) : std::nullopt;
  }
  if (type != kDouble && type != kInt64) {
    skip_value(type);
    return std::nullopt;
  }
  const auto low = int32();
  const auto high = int32();
  if (!low || !high) return std::nullopt;
  const std::uint64_t bits = std::uint64_t{*high} << 32U | *low;
  return type == kDouble ? std::bit_cast<double>(bits)
                         : static_cast<double>(static_cast<std::int64_t>(bits));
}

// A string without its 0, if it has at most so many characters, all of the right kind. Shown up to
// the first that is not, with it.
template <class Is>
std::string_view Reader::text(std::size_t most, Is is) {
  const auto size = int32();
  if (!size) return {};
  if (*size < 2 || *size > most + 1) {
    skip(*size & 0x7fffffffU);
    return {};
  }
  const std::size_t from = at_;
  const std::string_view all(reinterpret_cast<const char*>(bytes_.data()) + from,
                             std::min<std::size_t>(*size - 1, bytes_.size() - from));
  const auto odd = std::find_if(all.begin(), all.end(), [is](char c) { return !is(c); });
  const auto plain = static_cast<std::size_t>(odd - all.begin());
  show(from, from + std::min(plain + 1, all.size()));
  skip(*size);
  return cut_ || odd != all.end() ? std::string_view{} : all;
}

std::string_view Reader::collection() {
  return text(kMostCollection, in_collection);
}

void Reader::read_number(std::uint8_t type, Code& code) {
  constexpr double kMost = 1e6;
  const auto value = number(type);
  if (!value || !(*value >= 0 && *value < kMost)) return;
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(),
                                 static_cast<std::uint32_t>(*value));
  code.number.assign({digits.data(), static_cast<std::size_t>(end.ptr - digits.data())});
}

void Reader::read_name(std::uint8_t type, Code& code) {
  constexpr std::size_t kMostStatus = 24;
  if (type == kString) {
    code.name = text(kMostStatus, in_code_name);
  } else {
    skip_value(type);
  }
}

Reader::Code Reader::code_within() {
  constexpr std::string_view kFields[] = {"code", "codeName"};
  Code code;
  (void)int32();  // size
  while (const auto element = this->element(kFields)) {
    if (element->word == 0) {
      read_number(element->type, code);
    } else if (element->word == 1) {
      read_name(element->type, code);
    } else {
      skip_value(element->type);
    }
  }
  return code;
}

Reader::Code Reader::code_of_first() {
  const std::size_t from = at_;
  const auto size = int32();
  if (!size) return {};
  const std::uint64_t end = from + std::uint64_t{*size};
  Code code;
  const auto first = element({});
  if (first && first->type == kDocument) {
    code = code_within();
  } else if (first) {
    stop();
  }
  // What is behind the first; lengths that lie end the reading.
  if (end < at_) stop();
  if (!cut_ && !stopped_ && end >= at_) skip(end - at_);
  return code;
}

}  // namespace tailwhy::mongodb
