// Text of bounded length held in place: names from the wire are kept without allocating, and what
// a client sends can never make a record grow. Longer text is cut and says so.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tailwhy {

// Up to `Capacity` bytes (at most 65535), not terminated. Bytes are kept as they came: escaping is
// the job of whoever prints them.
template <std::size_t Capacity>
class InlineText {
 public:
  InlineText() = default;
  InlineText(std::string_view text) { assign(text); }  // NOLINT(google-explicit-constructor)

  void assign(std::string_view text) {
    size_ = static_cast<std::uint16_t>(std::min(text.size(), Capacity));
    truncated_ = text.size() > Capacity;
    copy(0, text.substr(0, size_));
  }
  void append(std::string_view text) {
    const std::size_t room = Capacity - size_;
    const std::size_t taken = std::min(text.size(), room);
    copy(size_, text.substr(0, taken));
    size_ = static_cast<std::uint16_t>(size_ + taken);
    truncated_ = truncated_ || taken < text.size();
  }
  void clear() {
    size_ = 0;
    truncated_ = false;
  }

  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // True when text was cut to fit.
  [[nodiscard]] bool truncated() const { return truncated_; }

  friend bool operator==(const InlineText& a, const InlineText& b) { return a.view() == b.view(); }
  friend auto operator<=>(const InlineText& a, const InlineText& b) {
    return a.view() <=> b.view();
  }

 private:
  // An empty view may point nowhere, which memcpy must not be given.
  void copy(std::size_t at, std::string_view text) {
    if (!text.empty()) std::memcpy(bytes_.data() + at, text.data(), text.size());
  }

  static_assert(Capacity <= 65535);
  std::array<char, Capacity> bytes_;  // not initialised: only [0, size_) is ever read
  std::uint16_t size_ = 0;
  bool truncated_ = false;
};

}  // namespace tailwhy
