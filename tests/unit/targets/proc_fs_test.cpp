#include "targets/proc_fs.h"

#include "base/handle.h"
#include "unit/targets/fake_proc.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using tailwhy::test::FakeProc;

namespace {

std::vector<std::string> lines_of(const ProcFs& proc, std::string_view name, std::size_t at_most) {
  std::vector<std::string> lines;
  const auto read = proc.for_each_line(1, name, [&](std::string_view line) {
    lines.emplace_back(line);
    return lines.size() < at_most;
  });
  CHECK(read);
  return lines;
}

}  // namespace

TEST_CASE("proc: a file is read whole, or cut at the bound", "[targets][proc_fs]") {
  FakeProc fake;
  const std::string text(100'000, 'x');
  fake.write(1, "big", text);
  CHECK(*fake.fs().read(1, "big") == text);
  CHECK(fake.fs().read(1, "big", 70'000)->size() == 70'000);
  CHECK(fake.fs().read(1, "big", 10)->size() == 10);
  fake.write(1, "empty", "");
  CHECK(fake.fs().read(1, "empty")->empty());
}

TEST_CASE("proc: what is not there is NotFound", "[targets][proc_fs]") {
  FakeProc fake;
  CHECK(fake.fs().read(1, "stat").error().code() == ErrorCode::NotFound);
  CHECK(fake.fs().read_link(1, "exe").error().code() == ErrorCode::NotFound);
  CHECK(fake.fs().numbers(1, "task").error().code() == ErrorCode::NotFound);
  CHECK(ProcFs("/nonexistent").processes().error().code() == ErrorCode::NotFound);
}

TEST_CASE("proc: lines are whole across read boundaries", "[targets][proc_fs]") {
  FakeProc fake;
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i % 37), 'y'));
    text += expected.back() + '\n';
  }
  expected.emplace_back("last line without an end");
  text += expected.back();
  fake.write(1, "table", text);
  CHECK(lines_of(fake.fs(), "table", 1'000'000) == expected);
  CHECK(lines_of(fake.fs(), "table", 3) == std::vector<std::string>{"0", "1y", "2yy"});
}

TEST_CASE("proc: a line without end is refused, not read into memory for ever",
          "[targets][proc_fs]") {
  FakeProc fake;
  fake.write(1, "huge", std::string(3 * ProcFs::kMaxFileBytes, 'z'));
  const auto read = fake.fs().for_each_line(1, "huge", [](std::string_view) { return true; });
  REQUIRE_FALSE(read);
  CHECK(read.error().code() == ErrorCode::Corrupt);
}

TEST_CASE("proc: processes are the numeric entries, by number", "[targets][proc_fs]") {
  FakeProc fake;
  fake.put({.pid = 100});
  fake.put({.pid = 20});
  fake.put({.pid = 3});
  fake.write(3, "../self", "");
  fake.write(3, "../12x", "");
  const auto entries = fake.fs().processes();
  REQUIRE(entries);
  REQUIRE(entries->size() == 3);
  CHECK((*entries)[0].pid == 3);
  CHECK((*entries)[1].pid == 20);
  CHECK((*entries)[2].pid == 100);
}

TEST_CASE("proc: descriptors are counted, by listing or by size", "[targets][proc_fs]") {
  FakeProc fake;
  fake.put({.pid = 5, .descriptors = {"socket:[1]", "/dev/null", "pipe:[3]"}});
  CHECK(*fake.fs().count_descriptors(5) == 3);

  const ProcFs proc;
  const auto before = proc.count_descriptors(::getpid());
  REQUIRE(before);
  const UniqueFd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd two(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(*proc.count_descriptors(::getpid()) == *before + 2);
}

TEST_CASE("proc: only our own /proc is live", "[targets][proc_fs]") {
  FakeProc fake;
  CHECK(ProcFs().is_live());
  CHECK_FALSE(fake.fs().is_live());
}
