// Handle: closed exactly once, by whoever holds it last.
#include "base/handle.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <utility>
#include <vector>

using namespace tailwhy;

namespace {

std::vector<int> closed;

struct RecordingTraits {
  static int invalid() noexcept { return 0; }
  static void close(int raw) noexcept { closed.push_back(raw); }
};
using Recorded = Handle<int, RecordingTraits>;

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

}  // namespace

TEST_CASE("handle: closes once, at the end of its life", "[base][handle]") {
  closed.clear();
  {
    Recorded empty;
    CHECK_FALSE(empty);
    const Recorded held(4);
    CHECK(held);
    CHECK(held.get() == 4);
    CHECK(closed.empty());
  }
  CHECK(closed == std::vector<int>{4});
}

TEST_CASE("handle: moving passes the duty to close on", "[base][handle]") {
  closed.clear();
  {
    Recorded a(1);
    Recorded b(std::move(a));
    Recorded c(2);
    c = std::move(b);
    CHECK(closed == std::vector<int>{2});
    CHECK(c.get() == 1);
  }
  CHECK(closed == std::vector<int>{2, 1});
}

TEST_CASE("handle: release gives the duty away, reset takes the next", "[base][handle]") {
  closed.clear();
  {
    Recorded a(5);
    CHECK(a.release() == 5);
    CHECK_FALSE(a);
    a.reset(6);
    a.reset(6);  // the same raw handle is not closed under its owner
    a.reset(7);
    CHECK(closed == std::vector<int>{6});
  }
  CHECK(closed == std::vector<int>{6, 7});
}

TEST_CASE("handle: self-move keeps the handle", "[base][handle]") {
  closed.clear();
  Recorded a(8);
  Recorded& alias = a;
  a = std::move(alias);
  CHECK(a.get() == 8);
  CHECK(closed.empty());
  (void)a.release();
}

TEST_CASE("handle: a descriptor is closed for the kernel too", "[base][handle]") {
  int raw = -1;
  {
    const UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(fd);
    raw = fd.get();
    CHECK(is_open(raw));
  }
  CHECK_FALSE(is_open(raw));
}
