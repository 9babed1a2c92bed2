// The messages of one direction of a gRPC call: each has a flag and its length before it, in the
// bytes of the stream's DATA frames, of which it knows nothing. Goes over messages by their length,
// so what was not captured of one loses nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy {

class GrpcMessages {
 public:
  static constexpr std::size_t kPrefixBytes = 5;

  /// Calls `end(size)` for each message that ends there, `size` bytes into `text`, and
  /// `hide(at, size)` for bytes of messages.
  template <class End, class Hide>
  void read(std::string_view text, End&& end, Hide&& hide) {
    std::size_t at = 0;
    while (at < text.size()) {
      if (lost_) return hide(at, text.size() - at);
      if (filled_ < kPrefixBytes) {
        add_to_prefix(static_cast<std::uint8_t>(text[at++]));
      } else {
        const std::size_t size = std::min<std::size_t>(left_, text.size() - at);
        hide(at, size);
        at += size;
        left_ -= static_cast<std::uint32_t>(size);
      }
      if (filled_ == kPrefixBytes && left_ == 0) {
        begin_next();
        end(at);
      }
    }
  }
  /// `size` bytes were not seen. False: nobody knows any more where messages begin. Else `end()` is
  /// called if one ends with them.
  template <class End>
  bool skip(std::uint64_t size, End&& end) {
    if (lost_ || filled_ < kPrefixBytes || size > left_) {
      lost_ = lost_ || size > 0;
      return !lost_;
    }
    left_ -= static_cast<std::uint32_t>(size);
    if (left_ == 0) {
      begin_next();
      end();
    }
    return true;
  }
  void lose() { lost_ = true; }
  [[nodiscard]] bool lost() const { return lost_; }
  [[nodiscard]] std::uint32_t count() const { return count_; }

 private:
  void add_to_prefix(std::uint8_t byte) {
    if (filled_ > 0) left_ = left_ << 8 | byte;
    ++filled_;
  }
  void begin_next() {
    filled_ = 0;
    if (count_ != UINT32_MAX) ++count_;
  }

  std::uint32_t left_ = 0;  // of the message; its length while that is read
  std::uint32_t count_ = 0;
  std::uint8_t filled_ = 0;  // bytes of the prefix
  bool lost_ = false;
};

}  // namespace tailwhy
