#include "proto/http2_hpack.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tailwhy::http2 {
namespace {

constexpr std::uint64_t kStaticEntries = 61;
constexpr std::uint64_t kEntryOverhead = 32;        // RFC 7541, 4.1
constexpr std::uint64_t kMostNumber = 0xffffffffU;  // larger sizes and indexes are nonsense
constexpr std::uint64_t kLongestName = 1024;        // that a table may have; real ones are short

struct NamedRow {
  std::string_view text;
  Name name;
};
constexpr NamedRow kNames[] = {
    {":method", Name::Method},
    {":path", Name::Path},
    {":status", Name::Status},
    {"content-type", Name::ContentType},
    {"content-encoding", Name::ContentEncoding},
    {"grpc-status", Name::GrpcStatus},
    {"traceparent", Name::TraceParent},
    {"x-request-id", Name::RequestId},
};

Name name_of(std::string_view text) {
  for (const NamedRow& row : kNames) {
    if (row.text == text) return row.name;
  }
  return Name::Other;
}

// RFC 7541, appendix A: those that say something to us.
struct StaticRow {
  Name name = Name::Other;
  std::string_view value;
};
constexpr std::array<StaticRow, kStaticEntries + 1> make_static() {
  std::array<StaticRow, kStaticEntries + 1> rows{};
  rows[2] = {Name::Method, "GET"};
  rows[3] = {Name::Method, "POST"};
  rows[4] = {Name::Path, "/"};
  rows[5] = {Name::Path, "/index.html"};
  constexpr std::string_view kStatuses[] = {"200", "204", "206", "304", "400", "404", "500"};
  std::size_t at = 8;
  for (const std::string_view status : kStatuses)
    rows[at++] = {Name::Status, status};
  rows[26] = {Name::ContentEncoding, ""};
  rows[31] = {Name::ContentType, ""};
  return rows;
}
constexpr auto kStatic = make_static();
// Lengths of all the names there.
constexpr std::array<std::uint8_t, kStaticEntries + 1> kStaticNameBytes = {
    0, 10, 7,  7,  5,  5,  7,  7,  7,  7,  7,  7,  7, 7,  7,  14, 15, 15, 13, 6,  27,
    3, 5,  13, 13, 19, 16, 16, 14, 16, 13, 12, 6,  4, 4,  6,  7,  4,  4,  8,  17, 13,
    8, 19, 13, 4,  8,  12, 18, 19, 5,  7,  7,  11, 6, 10, 25, 17, 10, 4,  3,  16};

}  // namespace

const DynamicTable::Entry* DynamicTable::find(std::uint64_t index) const {
  return index == 0 || index > size() ? nullptr : &entries_[entries_.size() - index];
}

void DynamicTable::insert(Entry entry, std::uint64_t least, std::uint64_t most) {
  // What does not fit empties the table (RFC 7541, 4.4). Where that cannot be told, nothing older
  // than the next entry is where it seems to be.
  if (most > limit_) {
    forget();
    return;
  }
  entry.least = static_cast<std::uint32_t>(least);
  least_bytes_ += least;
  entries_.push_back(std::move(entry));
  evict();
}

void DynamicTable::resize(std::uint64_t bytes) {
  limit_ = bytes;
  evict();
}

void DynamicTable::evict() {
  const std::uint64_t most = std::min(limit_, kMostBytes);
  while (least_bytes_ > most && first_ < entries_.size()) {
    least_bytes_ -= entries_[first_].least;
    entries_[first_++].value = {};
  }
  if (first_ * 2 <= entries_.size()) return;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

void DynamicTable::forget() {
  entries_.clear();
  first_ = 0;
  least_bytes_ = 0;
}

void HeaderReader::break_off() {
  table_.forget();
  state_ = State::Broken;
}

void HeaderReader::lose_block() {
  break_off();
}

bool HeaderReader::end_block() {
  const bool whole = state_ == State::Field;
  if (!whole) table_.forget();
  state_ = State::Field;
  return whole;
}

void HeaderReader::step(std::uint8_t byte) {
  switch (state_) {
    case State::Field:
      begin_field(byte);
      break;
    case State::Index:
      if (integer(byte)) end_index();
      break;
    case State::NameSize:
    case State::ValueSize:
      if (!size_begun_) {
        begin_string(byte);
      } else if (integer(byte)) {
        end_size();
      }
      break;
    case State::Name:
      step_name(byte);
      break;
    case State::Value:
      step_value(byte);
      break;
    case State::Broken:
      break;
  }
}

// RFC 7541, 6: what a representation is, and its index or size.
void HeaderReader::begin_field(std::uint8_t byte) {
  std::uint8_t mask = 0x0f;
  kind_ = Kind::Literal;
  if ((byte & 0x80) != 0) {
    kind_ = Kind::Indexed;
    mask = 0x7f;
  } else if ((byte & 0x40) != 0) {
    kind_ = Kind::Inserted;
    mask = 0x3f;
  } else if ((byte & 0x20) != 0) {
    kind_ = Kind::Resize;
    mask = 0x1f;
  }
  number_ = byte & mask;
  shift_ = 0;
  if (number_ == mask) {
    state_ = State::Index;
  } else {
    end_index();
  }
}

// A further byte of an integer (RFC 7541, 5.1). True: it was the last one.
bool HeaderReader::integer(std::uint8_t byte) {
  if (shift_ > 28) {
    break_off();
    return false;
  }
  number_ += std::uint64_t{byte & 0x7fU} << shift_;
  shift_ = static_cast<std::uint8_t>(shift_ + 7);
  if (number_ > kMostNumber) {
    break_off();
    return false;
  }
  return (byte & 0x80) == 0;
}

void HeaderReader::end_index() {
  state_ = State::Field;
  if (kind_ == Kind::Resize) {
    table_.resize(number_);
    return;
  }
  if (kind_ == Kind::Indexed) {
    if (number_ == 0) return break_off();
    refer(number_);
    complete_ = true;
    return;
  }
  state_ = number_ == 0 ? State::NameSize : State::ValueSize;
  size_begun_ = false;
  least_ = kEntryOverhead;
  most_ = kEntryOverhead;
  if (number_ != 0) refer(number_);
}

// The field at an index of the two tables.
void HeaderReader::refer(std::uint64_t index) {
  name_bytes_ = kLongestName;
  if (index <= kStaticEntries) {
    name_bytes_ = kStaticNameBytes[index];
    least_ += name_bytes_;
    field_ = {kStatic[index].name, true, kStatic[index].value};
  } else if (const auto* entry = table_.find(index - kStaticEntries)) {
    field_ = {entry->name, entry->value_known, entry->value};
    name_bytes_ = entry->name_bytes;
    if (name_bytes_ != kLongestName) least_ += name_bytes_;
  } else {
    field_ = {};
  }
  most_ += name_bytes_;
}

void HeaderReader::begin_string(std::uint8_t byte) {
  size_begun_ = true;
  is_huffman_ = (byte & 0x80) != 0;
  huffman_ = {};
  number_ = byte & 0x7fU;
  shift_ = 0;
  if (number_ != 0x7f) end_size();
}

void HeaderReader::end_size() {
  left_ = number_;
  if (state_ == State::NameSize) {
    name_bytes_ = 0;
    name_text_.clear();
    state_ = State::Name;
    if (left_ == 0) end_name();
    return;
  }
  value_bytes_ = left_;
  value_.clear();
  stopped_ = false;
  bad_ = false;
  const bool correlates = field_.name == Name::TraceParent || field_.name == Name::RequestId;
  // in a response they correlate nothing
  keeps_value_ = field_.name > Name::Other && (!correlates || side_ == Side::Request);
  state_ = State::Value;
  if (left_ == 0) end_value();
}

void HeaderReader::step_name(std::uint8_t byte) {
  const auto take = [this](char c) {
    name_text_.append({&c, 1});
    ++name_bytes_;
    return true;
  };
  if (is_huffman_ ? !huffman_.step(byte, take) : !take(static_cast<char>(byte))) {
    return break_off();
  }
  if (--left_ == 0) end_name();
}

void HeaderReader::end_name() {
  if (is_huffman_ && !huffman_.ends_well()) return break_off();
  least_ += name_bytes_;
  most_ += name_bytes_;
  field_.name = name_text_.truncated() ? Name::Other : name_of(name_text_.view());
  state_ = State::ValueSize;
  size_begun_ = false;
}

void HeaderReader::step_value(std::uint8_t byte) {
  const auto take = [this](char c) { return take_char(c); };
  const bool more = is_huffman_ ? huffman_.step(byte, take) : take(static_cast<char>(byte));
  if (!more && !stopped_) {
    stopped_ = true;
    bad_ = true;
  }
  if (--left_ == 0) end_value();
}

bool HeaderReader::take_char(char c) {
  const bool path = field_.name == Name::Path;
  if (path && (c == '?' || c == '#' || c == ';')) {
    stopped_ = true;
  } else if (value_.size() == kValueBytes) {
    stopped_ = true;
    bad_ = !path;
  } else {
    value_ += c;
  }
  return !stopped_;
}

void HeaderReader::end_value() {
  if (keeps_value_ && !stopped_ && is_huffman_ && !huffman_.ends_well()) bad_ = true;
  const bool known = keeps_value_ && !bad_;
  // What was passed over may be of any length that its code allows.
  const bool exact = known && !stopped_;
  least_ += !is_huffman_ ? value_bytes_
            : exact      ? value_.size()
                         : value_bytes_ * 8 / Huffman::kLongestBits;
  most_ += !is_huffman_ ? value_bytes_
           : exact      ? value_.size()
                        : value_bytes_ * 8 / Huffman::kShortestBits;
  if (!known) value_.clear();
  field_.value_known = known;
  field_.value = value_;
  if (kind_ == Kind::Inserted) {
    DynamicTable::Entry entry;
    entry.name = field_.name;
    entry.value_known = known;
    entry.name_bytes = static_cast<std::uint32_t>(std::min(name_bytes_, kMostNumber));
    entry.value = value_;
    table_.insert(std::move(entry), least_, most_);
  }
  state_ = State::Field;
  complete_ = true;
}

}  // namespace tailwhy::http2
