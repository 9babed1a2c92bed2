// The bytes of one call to a parser: where they stand in their stream, how far they are read, and
// which of them a recording must not keep. Knows no protocol.
#pragma once

#include "proto/parser.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tailwhy {

class ByteCursor {
 public:
  ByteCursor(Side side,
             std::uint64_t offset,
             std::span<const std::byte> bytes,
             ParseOutput& parse_output)
      : out(parse_output),
        side_(side),
        offset_(offset),
        text_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

  [[nodiscard]] Side side() const { return side_; }
  [[nodiscard]] bool empty() const { return at_ == text_.size(); }
  [[nodiscard]] char peek() const { return text_[at_]; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  // The next `most` bytes, or what there is of them.
  [[nodiscard]] std::string_view upto(std::uint64_t most) const {
    return text_.substr(at_, static_cast<std::size_t>(std::min<std::uint64_t>(most, text_.size())));
  }
  [[nodiscard]] std::uint64_t position() const { return offset_ + at_; }

  // Goes over bytes that a recording needs.
  void keep(std::size_t size) { at_ += size; }
  // Goes over bytes that it must not have. Neighbours become one span.
  void hide(std::size_t size) {
    if (out.want_secrets && size > 0) {
      if (!out.secrets.empty() && out.secrets.back().offset + out.secrets.back().size == at_) {
        out.secrets.back().size += size;
      } else {
        out.secrets.push_back({at_, size});
      }
    }
    at_ += size;
  }

  // Goes over bytes that were not captured.
  void advance(std::uint64_t size) { offset_ += size; }

  Message& emit(Message::Kind kind, std::uint64_t offset) const {
    return out.tell(kind, side_, offset);
  }

  ParseOutput& out;

 private:
  Side side_;
  std::uint64_t offset_;
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace tailwhy
