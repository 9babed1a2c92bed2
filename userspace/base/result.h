// Result<T>: a value or an Error, with the surface of std::expected<T, Error> (which GCC 12 has
// only for C++23). When the toolchain moves on this file becomes one `using`.
#pragma once

#include "base/error.h"

#include <cassert>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace tailwhy {

/// Thrown by value() without a value: a bug of the caller, or a failed expectation of a test.
class BadResultAccess : public std::exception {
 public:
  explicit BadResultAccess(const Error& error)
      : what_("no value in Result: " + error.to_string()) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

template <class T = void>
class [[nodiscard]] Result;

/// What a Result<T> may take as its value: all that makes a T, but for another Result or an Error.
template <class U, class T>
concept ValueFor = !std::is_same_v<std::remove_cvref_t<U>, Result<T>> &&
                   !std::is_same_v<std::remove_cvref_t<U>, Error> && std::is_constructible_v<T, U>;

/// A T, or the reason why there is none. Check it, then use `*` and `->`.
template <class T>
class [[nodiscard]] Result {
  static_assert(std::is_object_v<T> && !std::is_array_v<T>, "use a pointer for a reference");
  static_assert(!std::is_same_v<std::remove_cv_t<T>, Error>, "an Error is never a value");

 public:
  using value_type = T;
  using error_type = Error;

  /// Implicit from whatever T is made from implicitly; braces mean T.
  template <ValueFor<T> U = T>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload,google-explicit-constructor): ValueFor
  explicit(!std::is_convertible_v<U, T>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  // NOLINTNEXTLINE(google-explicit-constructor): `return error;` is the point
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& operator*() & noexcept { return *get(); }
  const T& operator*() const& noexcept { return *get(); }
  T&& operator*() && noexcept { return std::move(*get()); }
  T* operator->() noexcept { return get(); }
  const T* operator->() const noexcept { return get(); }

  T& value() & { return require(), **this; }
  const T& value() const& { return require(), **this; }
  T&& value() && { return require(), *std::move(*this); }

  Error& error() & noexcept { return *get_error(); }
  const Error& error() const& noexcept { return *get_error(); }
  Error&& error() && noexcept { return std::move(*get_error()); }

  template <class U>
  T value_or(U&& fallback) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(fallback));
  }
  template <class U>
  T value_or(U&& fallback) && {
    return has_value() ? *std::move(*this) : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  T* get() noexcept {
    assert(has_value());
    return std::get_if<0>(&state_);
  }
  const T* get() const noexcept {
    assert(has_value());
    return std::get_if<0>(&state_);
  }
  Error* get_error() noexcept {
    assert(!has_value());
    return std::get_if<1>(&state_);
  }
  const Error* get_error() const noexcept {
    assert(!has_value());
    return std::get_if<1>(&state_);
  }
  void require() const {
    if (!has_value()) throw BadResultAccess(error());
  }

  std::variant<T, Error> state_;
};

/// Done, or the reason why not. `return {};` means done.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): `return error;` is the point
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  void operator*() const noexcept { assert(has_value()); }
  void value() const {
    if (!has_value()) throw BadResultAccess(*error_);
  }

  Error& error() & noexcept {
    assert(!has_value());
    return *error_;
  }
  const Error& error() const& noexcept {
    assert(!has_value());
    return *error_;
  }
  Error&& error() && noexcept {
    assert(!has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace tailwhy
