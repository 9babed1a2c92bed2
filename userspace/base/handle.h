// One RAII template for raw handles (descriptors, library objects): owned by exactly one place,
// moved, never copied, closed once. Knows nothing of what it holds beyond the Traits.
#pragma once

#include <unistd.h>
#include <utility>

namespace tailwhy {

/// Owns a T. Traits gives `static T invalid() noexcept` and `static void close(T) noexcept`.
template <class T, class Traits>
class Handle {
 public:
  Handle() noexcept = default;
  explicit Handle(T raw) noexcept : raw_(raw) {}
  Handle(Handle&& other) noexcept : raw_(other.release()) {}
  Handle& operator=(Handle&& other) noexcept {
    reset(other.release());
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { reset(); }

  /// The raw handle, still owned by us.
  T get() const noexcept { return raw_; }
  explicit operator bool() const noexcept { return raw_ != Traits::invalid(); }

  /// Gives the raw handle away; the caller closes it.
  [[nodiscard]] T release() noexcept { return std::exchange(raw_, Traits::invalid()); }

  /// Closes what is held and takes `raw` instead.
  void reset(T raw = Traits::invalid()) noexcept {
    const T old = std::exchange(raw_, raw);
    if (old != Traits::invalid() && old != raw) Traits::close(old);
  }

 private:
  T raw_ = Traits::invalid();
};

struct FdTraits {
  static int invalid() noexcept { return -1; }
  // Errors of close() are dropped: whoever needs to know that data reached the disk calls fsync
  // first.
  static void close(int fd) noexcept { ::close(fd); }
};

/// A file descriptor that closes itself.
using UniqueFd = Handle<int, FdTraits>;

}  // namespace tailwhy
