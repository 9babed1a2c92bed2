#include "targets/own_usage.h"

#include <catch2/catch.hpp>

#include <sys/mman.h>

using namespace tailwhy;

namespace {

constexpr std::size_t kBytes = std::size_t{64} << 20;

}  // namespace

TEST_CASE("own usage: CPU time grows by what we burn", "[targets][own]") {
  const auto before = read_own_usage();
  REQUIRE(before);
  CHECK(before->rss_bytes > 0);
  CHECK(before->peak_rss_bytes >= before->rss_bytes);
  volatile std::uint64_t work = 0;
  const Ns begin = mono_now();
  while (mono_now() - begin < 50'000'000) {
    work = work + 1;
  }
  const Ns elapsed = mono_now() - begin;
  const auto after = read_own_usage();
  REQUIRE(after);
  const Ns used = after->cpu_ns() - before->cpu_ns();
  CHECK(used > 1'000'000);  // on a busy machine we get only a part of the time
  CHECK(used < elapsed + 20'000'000);
}

TEST_CASE("own usage: memory that we touch shows, and stays in the peak", "[targets][own]") {
  const auto before = read_own_usage();
  auto* memory = static_cast<char*>(
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  for (std::size_t at = 0; at < kBytes; at += 4096) {
    memory[at] = 1;
  }
  const auto during = read_own_usage();
  ::munmap(memory, kBytes);
  const auto after = read_own_usage();
  REQUIRE(before);
  REQUIRE(during);
  REQUIRE(after);
  CHECK(during->rss_bytes >= before->rss_bytes + kBytes * 9 / 10);
  CHECK(after->rss_bytes < during->rss_bytes);
  CHECK(after->peak_rss_bytes >= before->rss_bytes + kBytes * 9 / 10);
}
