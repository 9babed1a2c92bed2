#include "proto/fastcgi_params.h"

namespace tailwhy::fastcgi {

bool Params::step(char c) {
  switch (part_) {
    case Part::NameSize:
    case Part::ValueSize:
      return step_size(c);
    case Part::Name: {
      name_.append({&c, 1});
      --name_left_;
      // What is no name in capitals is nothing that anybody reads.
      const bool kept = (c >= 'A' && c <= 'Z') || c == '_';
      if (!kept) name_.append("?");
      if (name_left_ == 0) begin_value();
      return kept;
    }
    case Part::Value: {
      const bool kept = variables_.step(c);
      if (--value_left_ == 0) begin_pair();
      return kept;
    }
    case Part::Lost:
      return false;
  }
  return false;
}

// One byte, or four with the highest bit of the first set.
bool Params::step_size(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  if (size_bytes_ == 0 && byte >= 0x80) {
    size_ = byte & 0x7fU;
    size_bytes_ = 3;
    return true;
  }
  size_ = size_bytes_ == 0 ? byte : size_ << 8 | byte;
  if (size_bytes_ > 0 && --size_bytes_ > 0) return true;
  if (part_ == Part::NameSize) {
    name_left_ = size_;
    part_ = Part::ValueSize;
  } else {
    value_left_ = size_;
    begin_name();
  }
  return true;
}

void Params::begin_name() {
  part_ = Part::Name;
  name_.clear();
  if (name_left_ == 0) begin_value();
}

void Params::begin_value() {
  part_ = Part::Value;
  variables_.begin(name_.truncated() ? cgi::Name::Other : cgi::name_of(name_.view()));
  if (value_left_ == 0) begin_pair();
}

void Params::begin_pair() {
  variables_.end();
  part_ = Part::NameSize;
}

}  // namespace tailwhy::fastcgi
