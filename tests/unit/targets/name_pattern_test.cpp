#include "targets/name_pattern.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;

namespace {

bool matches(std::string_view pattern, std::string_view comm) {
  const auto parsed = NamePattern::parse(pattern);
  REQUIRE(parsed);
  return parsed->matches(comm);
}

}  // namespace

TEST_CASE("name: a plain name matches exactly", "[targets][name]") {
  CHECK(matches("nginx", "nginx"));
  CHECK_FALSE(matches("nginx", "nginx2"));
  CHECK_FALSE(matches("nginx", "xnginx"));
  CHECK_FALSE(matches("ngin.", "nginx"));
  CHECK(matches("a b", "a b"));
  CHECK(matches("/", "/"));
}

TEST_CASE("name: a name longer than the kernel keeps is compared by what it keeps",
          "[targets][name]") {
  CHECK(matches("very-long-server-name", "very-long-serve"));
  CHECK_FALSE(matches("very-long-server-name", "very-long-serv"));
  CHECK_FALSE(matches("very-long-serve", "very-long-server"));
}

TEST_CASE("name: between slashes stands an expression that matches anywhere", "[targets][name]") {
  CHECK(matches("/ngin/", "xnginx"));
  CHECK(matches("/^(nginx|php-fpm[0-9.]*)$/", "php-fpm8.2"));
  CHECK_FALSE(matches("/^nginx$/", "nginx2"));
  CHECK(matches("/a\\/b/", "a/b"));
  CHECK(matches("/[/]/", "a/b"));
}

TEST_CASE("name: nonsense is a usage error that says what is wrong", "[targets][name]") {
  for (const std::string text : {"", "//", "/(/", "/[a/", "/*(/"}) {
    INFO(text);
    const auto parsed = NamePattern::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == ErrorCode::Usage);
    CHECK_FALSE(parsed.error().message().empty());
  }
  CHECK_FALSE(NamePattern::parse(std::string_view("a\0b", 3)));
}

TEST_CASE("name: a pattern that was moved still matches", "[targets][name]") {
  auto pattern = NamePattern::parse("/x+/");
  REQUIRE(pattern);
  const NamePattern moved = *std::move(pattern);
  CHECK(moved.matches("axxb"));
}
