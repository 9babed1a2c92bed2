// LineFile: whole lines or nothing, through short writes, full files, truncation and rotation.
#include "base/line_file.h"

#include "unit/base/file_size_limit.h"
#include "unit/base/temp_dir.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

using namespace tailwhy;

namespace {

LineFile open_file(const std::string& path) {
  return LineFile::open(path, 0640).value();
}

const std::string kLines = "line one\nline two\nline three\n";  // breaks at 9, 18, 29

}  // namespace

TEST_CASE("line file: makes the file with the mode asked for and appends", "[base][line_file]") {
  const TempDir dir;
  const std::string path = dir.path("log");
  const mode_t before = ::umask(022);
  LineFile file = open_file(path);
  ::umask(before);
  const LineFile::Progress progress = file.write(kLines);
  CHECK(progress.error == 0);
  CHECK(progress.taken == kLines.size());
  CHECK(file.close());
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
  CHECK(open_file(path).write("four\n").error == 0);
  CHECK(read_file(path) == kLines + "four\n");
}

TEST_CASE("line file: refuses symbolic links, missing directories and directories",
          "[base][line_file]") {
  const TempDir dir;
  std::filesystem::create_symlink(dir.path("target"), dir.path("link"));
  const auto link = LineFile::open(dir.path("link"), 0640);
  REQUIRE_FALSE(link);
  CHECK(link.error().code() == ErrorCode::Io);
  CHECK(link.error().hint().find("symbolic link") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir.path("target")));
  const auto missing = LineFile::open(dir.path("no/such"), 0640);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == ErrorCode::Io);
  CHECK_FALSE(LineFile::open(dir.path(""), 0640));
}

TEST_CASE("line file: does not wait for the reader of a FIFO", "[base][line_file]") {
  const TempDir dir;
  REQUIRE(::mkfifo(dir.path("fifo").c_str(), 0600) == 0);
  const auto file = LineFile::open(dir.path("fifo"), 0640);
  REQUIRE_FALSE(file);
  CHECK(file.error().hint().find("reader") != std::string::npos);
}

TEST_CASE("line file: a file that a crash left in half a line gets a line break first",
          "[base][line_file]") {
  const TempDir dir;
  write_file(dir.path("torn"), "whole\nha");
  CHECK(open_file(dir.path("torn")).write("next\n").error == 0);
  CHECK(read_file(dir.path("torn")) == "whole\nha\nnext\n");
  write_file(dir.path("fine"), "whole\n");
  CHECK(open_file(dir.path("fine")).write("next\n").error == 0);
  CHECK(read_file(dir.path("fine")) == "whole\nnext\n");
}

TEST_CASE("line file: a line cut by a full file goes on where it stopped", "[base][line_file]") {
  const TempDir dir;
  LineFile file = open_file(dir.path("log"));
  std::size_t taken = 0;
  for (const rlim_t limit : {rlim_t{0}, rlim_t{4}, rlim_t{9}, rlim_t{13}, rlim_t{28}}) {
    const FileSizeLimit full(limit);
    const LineFile::Progress progress = file.write(std::string_view(kLines).substr(taken));
    CHECK(progress.error == EFBIG);
    taken += progress.taken;
    CHECK(taken == (limit < 9 ? 0 : limit < 18 ? 9 : 18));
  }
  CHECK(file.write(std::string_view(kLines).substr(taken)).error == 0);
  CHECK(read_file(dir.path("log")) == kLines);
  CHECK(file.torn_lines() == 0);
}

TEST_CASE("line file: after a truncation the cut line is written anew, from a line start",
          "[base][line_file]") {
  const TempDir dir;
  LineFile file = open_file(dir.path("log"));
  std::size_t taken = 0;
  {
    const FileSizeLimit full(13);
    taken = file.write(kLines).taken;
  }
  std::filesystem::resize_file(dir.path("log"), 0);  // somebody makes room
  CHECK(file.write(std::string_view(kLines).substr(taken)).error == 0);
  CHECK(read_file(dir.path("log")) == "line two\nline three\n");
  CHECK(file.torn_lines() == 1);
}

TEST_CASE("line file: a cut line with somebody else's bytes behind it is written anew",
          "[base][line_file]") {
  const TempDir dir;
  for (const std::string other : {"other\n", "half"}) {
    const std::string path = dir.path("log-" + other.substr(0, 4));
    LineFile file = open_file(path);
    std::size_t taken = 0;
    {
      const FileSizeLimit full(13);
      taken = file.write(kLines).taken;
    }
    std::ofstream(path, std::ios::app) << other;
    CHECK(file.write(std::string_view(kLines).substr(taken)).error == 0);
    const std::string line_break = other.back() == '\n' ? "" : "\n";
    CHECK(read_file(path) == "line one\nline" + other + line_break + "line two\nline three\n");
  }
}

TEST_CASE("line file: the line break itself may have to wait for room", "[base][line_file]") {
  const TempDir dir;
  write_file(dir.path("log"), "torn");
  LineFile file = open_file(dir.path("log"));
  {
    const FileSizeLimit full(4);
    const LineFile::Progress progress = file.write("next\n");
    CHECK(progress.error == EFBIG);
    CHECK(progress.taken == 0);
  }
  CHECK(file.write("next\n").error == 0);
  CHECK(read_file(dir.path("log")) == "torn\nnext\n");
}

TEST_CASE("line file: reopening starts the new file with a whole line", "[base][line_file]") {
  const TempDir dir;
  LineFile file = open_file(dir.path("log"));
  std::size_t taken = 0;
  {
    const FileSizeLimit full(13);
    taken = file.write(kLines).taken;
  }
  std::filesystem::rename(dir.path("log"), dir.path("log.1"));
  CHECK(file.reopen());
  CHECK(file.write(std::string_view(kLines).substr(taken)).error == 0);
  CHECK(read_file(dir.path("log.1")) == "line one\nline");
  CHECK(read_file(dir.path("log")) == "line two\nline three\n");
  CHECK(file.torn_lines() == 1);
}

TEST_CASE("line file: if it cannot be reopened the old file goes on being used",
          "[base][line_file]") {
  const TempDir dir;
  std::filesystem::create_directory(dir.path("sub"));
  LineFile file = open_file(dir.path("sub/log"));
  std::filesystem::rename(dir.path("sub"), dir.path("moved"));
  CHECK_FALSE(file.reopen());
  CHECK(file.write("still\n").error == 0);
  CHECK(read_file(dir.path("moved/log")) == "still\n");
}

TEST_CASE("line file: a full pipe says EAGAIN even on a blocking descriptor", "[base][line_file]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd read_end(ends[0]);
  LineFile file = LineFile::adopt(UniqueFd(ends[1]), "pipe");
  std::string sent;
  std::string pending;
  for (int i = 0; i < 30000; ++i) {
    pending += "line " + std::to_string(i) + "\n";
  }
  const std::string all = pending;
  LineFile::Progress progress = file.write(pending);
  CHECK(progress.error == EAGAIN);
  CHECK(progress.taken < all.size());
  std::string received;
  char buffer[5000];
  while (received.size() < all.size()) {
    pending.erase(0, progress.taken);
    const ssize_t n = ::read(read_end.get(), buffer, sizeof(buffer));
    REQUIRE(n > 0);
    received.append(buffer, static_cast<std::size_t>(n));
    progress = file.write(pending);
    if (progress.error == 0) pending.clear();
    if (progress.error == 0) progress.taken = 0;
  }
  CHECK(received == all);
}
