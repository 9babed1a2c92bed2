// Result<T>: the parts of std::expected that we use.
#include "base/result.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace tailwhy;

namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error(ErrorCode::Usage, "odd");
  return n / 2;
}

Result<> only_even(int n) {
  if (auto r = half(n); !r) return std::move(r).error().wrap("only even");
  return {};
}

Result<std::unique_ptr<int>> boxed(int n) {
  auto box = std::make_unique<int>(n);
  return box;  // moved, as with std::expected
}

struct Pair {
  int a = 0;
  int b = 0;
};

Result<Pair> pair() {
  return Pair{1, 2};
}

}  // namespace

TEST_CASE("result: holds a value", "[base][result]") {
  const Result<int> r = half(8);
  REQUIRE(r.has_value());
  CHECK(static_cast<bool>(r));
  CHECK(*r == 4);
  CHECK(r.value() == 4);
  CHECK(r.value_or(9) == 4);
}

TEST_CASE("result: holds an error", "[base][result]") {
  const Result<int> r = half(7);
  REQUIRE_FALSE(r.has_value());
  CHECK(r.error().code() == ErrorCode::Usage);
  CHECK(r.value_or(9) == 9);
  CHECK_THROWS_AS(r.value(), BadResultAccess);
  CHECK_THROWS_WITH(r.value(), "no value in Result: odd");
}

TEST_CASE("result: void means done or why not", "[base][result]") {
  CHECK(only_even(2));
  const Result<> r = only_even(3);
  REQUIRE_FALSE(r);
  CHECK(r.error().message() == "only even: odd");
  CHECK_THROWS_AS(r.value(), BadResultAccess);
  CHECK_NOTHROW(only_even(2).value());
}

TEST_CASE("result: carries move-only values without a copy", "[base][result]") {
  Result<std::unique_ptr<int>> r = boxed(5);
  REQUIRE(r);
  CHECK(**r == 5);
  const std::unique_ptr<int> taken = *std::move(r);
  CHECK(*taken == 5);
  CHECK(*boxed(6).value() == 6);
  CHECK(*boxed(7).value_or(nullptr) == 7);
}

TEST_CASE("result: members are reached by arrow", "[base][result]") {
  Result<Pair> r = pair();
  r->a = 7;
  CHECK(r->a == 7);
  CHECK(std::as_const(r)->b == 2);
}

TEST_CASE("result: converts as its value does and no further", "[base][result]") {
  const Result<std::string> from_literal = "text";
  CHECK(*from_literal == "text");
  STATIC_REQUIRE(std::is_convertible_v<const char*, Result<std::string>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::string_view, Result<std::string>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Result<int>, std::string>);
  STATIC_REQUIRE_FALSE(std::is_default_constructible_v<Result<int>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Result<int>, bool>);
}

TEST_CASE("result: a result of bool is not confused with its own truth", "[base][result]") {
  const Result<bool> r = false;
  CHECK(r.has_value());
  CHECK_FALSE(*r);
}

TEST_CASE("result: a container value survives copy and assignment", "[base][result]") {
  Result<std::vector<int>> a = std::vector<int>{1, 2, 3};
  const Result<std::vector<int>> b = a;
  a = Error(ErrorCode::Io, "gone");
  CHECK_FALSE(a);
  CHECK(b->size() == 3);
  a = b;
  CHECK(a->back() == 3);
}
