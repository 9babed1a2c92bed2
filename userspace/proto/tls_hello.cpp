#include "proto/tls_hello.h"

#include "proto/wire.h"

#include <algorithm>
#include <span>

namespace tailwhy {
namespace {

constexpr char kHandshake = 22;
constexpr char kClientHello = 1;
constexpr std::size_t kVersionAndRandom = 34;
constexpr std::uint16_t kServerName = 0;
constexpr std::uint8_t kHostName = 0;
constexpr std::size_t kNameHead = 5;  // length of the list, type of the name, its length

// Could the byte at `index` be one of the head?
bool fits_head(std::size_t index, char byte) {
  switch (index) {
    case 0:
      return byte == kHandshake;
    case 1:
      return byte == 3;
    case 2:
      return byte >= 0 && byte <= 4;
    case 5:
      return byte == kClientHello;
    default:
      return true;
  }
}

}  // namespace

void TlsHello::read(ByteCursor& in) {
  while (!over() && !in.empty()) {
    if (pass_ > 0) {
      const std::size_t size = in.upto(pass_).size();
      in.hide(size);
      pass_ -= size;
    } else if (step_ == Step::Name) {
      take_letter(in.peek());
      in.keep(1);
    } else if (step_ == Step::Head && !fits_head(field_size_, in.peek())) {
      lose();  // before it is kept
    } else {
      field_[field_size_++] = static_cast<std::byte>(in.peek());
      in.keep(1);
      if (field_size_ == kSizes[static_cast<std::size_t>(step_)]) take_field();
    }
  }
}

void TlsHello::take_field() {
  const std::span<const std::byte> field = std::span(field_).first(field_size_);
  field_size_ = 0;
  switch (step_) {
    case Step::Head: {
      const std::size_t record = wire::be16(field, 3);
      const std::size_t message = wire::be32(field, 5) & 0xffffffU;
      const bool whole = message > kVersionAndRandom && message + 4 <= record;
      step_ = whole ? Step::Session : Step::Over;
      pass_ = kVersionAndRandom;
      return;
    }
    case Step::Session:
      pass_ = wire::u8(field, 0);
      step_ = Step::Ciphers;
      return;
    case Step::Ciphers:
      pass_ = wire::be16(field, 0);
      step_ = Step::Compressions;
      return;
    case Step::Compressions:
      pass_ = wire::u8(field, 0);
      step_ = Step::Extensions;
      return;
    case Step::Extensions:
      extensions_ = wire::be16(field, 0);
      step_ = extensions_ == 0 ? Step::Over : Step::Extension;
      return;
    case Step::Extension: {
      const std::size_t size = wire::be16(field, 2);
      if (size + 4 > extensions_) return lose();
      extensions_ -= size + 4;
      if (wire::be16(field, 0) == kServerName) return begin_names(size);
      pass_ = size;
      if (extensions_ == 0) lose();
      return;
    }
    case Step::NameHead:
      letters_ = wire::be16(field, 3);
      step_ = Step::Name;
      // extensions_ is what the extension may hold since begin_names()
      if (wire::u8(field, 2) != kHostName || letters_ == 0 || letters_ > extensions_) lose();
      return;
    default:
      return;
  }
}

// Nothing that comes after them is of interest.
void TlsHello::begin_names(std::size_t extension_size) {
  if (extension_size <= kNameHead) return lose();
  extensions_ = std::min<std::size_t>(extension_size - kNameHead, 255);
  step_ = Step::NameHead;
}

void TlsHello::take_letter(char c) {
  if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     std::string_view("-_.").find(c) != std::string_view::npos;
  if (!plain) return lose();
  name_.append({&c, 1});
  if (--letters_ > 0) return;
  named_ = true;
  lose();
}

}  // namespace tailwhy
