// Whose file a recording may become, and what it looks like to others.
#include "events/capture_output.h"

#include "capture_support.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <unistd.h>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;

namespace {

Result<CaptureOutput> open_output(const std::string& path, std::optional<FileOwner> owner = {}) {
  return CaptureOutput::open(path, owner, 0, 1);
}

std::string refusal(const std::string& path, std::optional<FileOwner> owner = {}) {
  const auto output = open_output(path, owner);
  return output ? "" : output.error().to_string();
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

}  // namespace

TEST_CASE("capture output: nobody else can read a recording", "[events][capture]") {
  const TempDir dir;
  const mode_t before = ::umask(0);
  CHECK(open_output(dir.file("new.twcap")));
  write_file(dir.file("old.twcap"), std::string(1000, 'p'));  // longer than what follows
  REQUIRE(::chmod(dir.file("old.twcap").c_str(), 0666) == 0);
  CHECK(open_output(dir.file("old.twcap")));
  ::umask(before);
  CHECK(mode_of(dir.file("new.twcap")) == 0600);
  CHECK(mode_of(dir.file("old.twcap")) == 0600);
  CHECK(std::filesystem::file_size(dir.file("old.twcap")) == sizeof(CaptureFileHeader));
}

TEST_CASE("capture output: links to other files are not followed", "[events][capture]") {
  const TempDir dir;
  write_file(dir.file("precious"), "precious");
  std::filesystem::create_symlink(dir.file("precious"), dir.file("soft.twcap"));
  std::filesystem::create_hard_link(dir.file("precious"), dir.file("hard.twcap"));
  CHECK_THAT(refusal(dir.file("soft.twcap")), Contains("ELOOP"));
  CHECK_THAT(refusal(dir.file("hard.twcap")), Contains("second name"));
  CHECK(read_file(dir.file("precious")) == "precious");
}

TEST_CASE("capture output: a FIFO or a directory is refused without waiting", "[events][capture]") {
  const TempDir dir;
  REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);
  CHECK_FALSE(refusal(dir.file("fifo")).empty());
  const UniqueFd reader(::open(dir.file("fifo").c_str(), O_RDONLY | O_NONBLOCK));
  CHECK_THAT(refusal(dir.file("fifo")), Contains("not a regular file"));
  CHECK_THAT(refusal(dir.file("")), Contains("EISDIR"));
  CHECK_THAT(refusal(dir.file("no/such/dir.twcap")), Contains("ENOENT"));
}

TEST_CASE("capture output: two recorders do not share a file", "[events][capture]") {
  const TempDir dir;
  const auto first = open_output(dir.file("a.twcap"));
  REQUIRE(first);
  CHECK_THAT(refusal(dir.file("a.twcap")), Contains("another process is recording"));
  CHECK(std::filesystem::file_size(dir.file("a.twcap")) == first->size());
}

TEST_CASE("capture output: files of other users are refused, owners are set", "[events][capture]") {
  if (::geteuid() != 0) {
    WARN("skipped: needs root to make files of other users");
    return;
  }
  const TempDir dir;
  write_file(dir.file("theirs.twcap"), "theirs");
  REQUIRE(::chown(dir.file("theirs.twcap").c_str(), 1234, 1234) == 0);
  CHECK_THAT(refusal(dir.file("theirs.twcap")), Contains("belongs to another user"));
  CHECK(read_file(dir.file("theirs.twcap")) == "theirs");

  const FileOwner owner{1234, 1234};
  CHECK(refusal(dir.file("theirs.twcap"), owner).empty());
  CHECK(refusal(dir.file("new.twcap"), owner).empty());
  struct stat info {};
  REQUIRE(::stat(dir.file("new.twcap").c_str(), &info) == 0);
  CHECK(info.st_uid == 1234);
  CHECK(info.st_gid == 1234);
  CHECK(mode_of(dir.file("new.twcap")) == 0600);
}
