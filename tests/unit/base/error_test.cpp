// Error: exit codes, context chain, errno mapping.
#include "base/error.h"

#include <catch2/catch.hpp>

#include <cerrno>
#include <utility>

using namespace tailwhy;

TEST_CASE("error: every code has the exit status of the man page", "[base][error]") {
  CHECK(exit_code(ErrorCode::Runtime) == 1);
  CHECK(exit_code(ErrorCode::Usage) == 2);
  CHECK(exit_code(ErrorCode::NotFound) == 3);
  CHECK(exit_code(ErrorCode::Permission) == 4);
  CHECK(exit_code(ErrorCode::Unsupported) == 4);
  CHECK(exit_code(ErrorCode::Gate) == 5);
  CHECK(exit_code(ErrorCode::Loss) == 6);
  CHECK(exit_code(ErrorCode::Corrupt) == 1);
  CHECK(exit_code(ErrorCode::Io) == 1);
}

TEST_CASE("error: every code has its own word", "[base][error]") {
  CHECK(to_string(ErrorCode::Runtime) == "runtime");
  CHECK(to_string(ErrorCode::Usage) == "usage");
  CHECK(to_string(ErrorCode::NotFound) == "not_found");
  CHECK(to_string(ErrorCode::Permission) == "permission");
  CHECK(to_string(ErrorCode::Unsupported) == "unsupported");
  CHECK(to_string(ErrorCode::Gate) == "gate");
  CHECK(to_string(ErrorCode::Loss) == "loss");
  CHECK(to_string(ErrorCode::Corrupt) == "corrupt");
  CHECK(to_string(ErrorCode::Io) == "io");
}

TEST_CASE("error: wrapping puts the context in front and keeps code and hint", "[base][error]") {
  const Error inner(ErrorCode::Permission, "map events: denied", "run it as root");
  const Error outer = inner.wrap("load the BPF object");
  CHECK(outer.message() == "load the BPF object: map events: denied");
  CHECK(outer.hint() == "run it as root");
  CHECK(outer.code() == ErrorCode::Permission);
  CHECK(inner.message() == "map events: denied");
  CHECK(Error(inner).wrap("b").wrap("a").message() == "a: b: map events: denied");
}

TEST_CASE("error: hint and code can be replaced, on a copy or in place", "[base][error]") {
  const Error plain(ErrorCode::Runtime, "m");
  CHECK(plain.hint().empty());
  CHECK(plain.with_hint("h").hint() == "h");
  CHECK(plain.with_code(ErrorCode::Io).code() == ErrorCode::Io);
  CHECK(Error(plain).with_hint("x").with_code(ErrorCode::Usage).hint() == "x");
  CHECK(plain.hint().empty());
  CHECK(plain.code() == ErrorCode::Runtime);
}

TEST_CASE("error: an errno becomes text with its name and a fitting code", "[base][error]") {
  const Error missing = Error::from_errno("open /proc/7", ENOENT);
  CHECK(missing.message() == "open /proc/7: No such file or directory (ENOENT)");
  CHECK(missing.code() == ErrorCode::NotFound);
  CHECK(Error::from_errno("x", ESRCH).code() == ErrorCode::NotFound);
  CHECK(Error::from_errno("x", EPERM).code() == ErrorCode::Permission);
  CHECK(Error::from_errno("x", EACCES).code() == ErrorCode::Permission);
  CHECK(Error::from_errno("x", EOPNOTSUPP).code() == ErrorCode::Unsupported);
  CHECK(Error::from_errno("x", ENOSPC).code() == ErrorCode::Io);
  CHECK(Error::from_errno("x", EINVAL).code() == ErrorCode::Runtime);
  CHECK(Error::from_errno("x", ENOENT, ErrorCode::Io).code() == ErrorCode::Io);
  CHECK(Error::from_errno("x", 99999).message() == "x: error 99999");
}

TEST_CASE("error: to_string is always one line", "[base][error]") {
  CHECK(Error(ErrorCode::Runtime, "a\nb\r\nc", "hint").to_string() == "a b  c");
}
