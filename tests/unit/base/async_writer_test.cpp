// AsyncWriter: order, bounds, rotation, and every way in which a file or a pipe can fail.
#include "base/async_writer.h"

#include "unit/base/file_size_limit.h"
#include "unit/base/temp_dir.h"

#include <catch2/catch.hpp>

#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe(int flags = 0) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC | flags) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string line(int number) {
  return "this is line number " + std::to_string(number) + "\n";
}

std::string lines(int first, int end) {
  std::string text;
  for (int i = first; i < end; ++i) {
    text += line(i);
  }
  return text;
}

std::string line_of_size(std::size_t size) {
  std::string text(size, 'x');
  text.back() = '\n';
  return text;
}

bool soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

std::string read_to_end(int fd) {
  std::string text;
  char buffer[8192];
  for (ssize_t n = 1; n > 0;) {
    n = ::read(fd, buffer, sizeof(buffer));
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

AsyncWriterOptions quick() {
  AsyncWriterOptions options;
  options.linger = milliseconds(1);
  options.retry = milliseconds(10);
  return options;
}

}  // namespace

TEST_CASE("async writer: everything accepted is in the file, in order", "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), quick()).value();
  for (int i = 0; i < 20000; ++i) {
    REQUIRE(writer.append(line(i)));
    if (i % 5000 == 0) std::this_thread::sleep_for(milliseconds(3));
  }
  CHECK(writer.flush_and_close(seconds(10)));
  CHECK(read_file(dir.path("log")) == lines(0, 20000));
  CHECK(writer.stats().lines_written == 20000);
  CHECK(writer.stats().bytes_written == lines(0, 20000).size());
  CHECK(writer.stats().lines_dropped == 0);
  CHECK_FALSE(writer.last_error());
}

TEST_CASE("async writer: lines get to the file without closing", "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), quick()).value();
  REQUIRE(writer.append("a\n"));
  CHECK(soon([&] { return read_file(dir.path("log")) == "a\n"; }));
  REQUIRE(writer.append("b\nc\n"));
  CHECK(soon([&] { return read_file(dir.path("log")) == "a\nb\nc\n"; }));
  CHECK(soon([&] { return writer.stats().lines_written == 3; }));
}

TEST_CASE("async writer: the destructor writes what is left", "[base][async_writer]") {
  const TempDir dir;
  {
    AsyncWriter writer = AsyncWriter::open(dir.path("log")).value();
    REQUIRE(writer.append("a\n"));
  }
  CHECK(read_file(dir.path("log")) == "a\n");
}

TEST_CASE("async writer: can be moved and assigned", "[base][async_writer]") {
  const TempDir dir;
  {
    AsyncWriter a = AsyncWriter::open(dir.path("a")).value();
    AsyncWriter b = AsyncWriter::open(dir.path("b")).value();
    REQUIRE(a.append("to a\n"));
    REQUIRE(b.append("to b\n"));
    AsyncWriter c = std::move(a);
    REQUIRE(c.append("to a\n"));
    c = std::move(b);
    REQUIRE(c.append("to b\n"));
  }
  CHECK(read_file(dir.path("a")) == "to a\nto a\n");
  CHECK(read_file(dir.path("b")) == "to b\nto b\n");
}

TEST_CASE("async writer: a path that cannot be opened is an error at once",
          "[base][async_writer]") {
  const TempDir dir;
  const auto writer = AsyncWriter::open(dir.path("no/such/log"));
  REQUIRE_FALSE(writer);
  CHECK(writer.error().message().find("No such file") != std::string::npos);
}

TEST_CASE("async writer: after closing nothing is accepted and the result stays",
          "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log")).value();
  CHECK(writer.flush_and_close(seconds(1)));
  CHECK_FALSE(writer.append("late\n"));
  CHECK(writer.stats().lines_dropped == 1);
  writer.reopen();
  CHECK(writer.flush_and_close(seconds(1)));
  CHECK(read_file(dir.path("log")).empty());
}

TEST_CASE("async writer: a rotated file is left, the new one starts with its first lines",
          "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), quick()).value();
  REQUIRE(writer.append(lines(0, 100)));
  REQUIRE(soon([&] { return writer.stats().lines_written == 100; }));
  std::filesystem::rename(dir.path("log"), dir.path("log.1"));
  writer.reopen("header\n");
  REQUIRE(writer.append(lines(100, 200)));
  CHECK(writer.flush_and_close(seconds(10)));
  CHECK(read_file(dir.path("log.1")) == lines(0, 100));
  CHECK(read_file(dir.path("log")) == "header\n" + lines(100, 200));
  CHECK(writer.stats().reopens == 1);
}

TEST_CASE("async writer: no line is lost or doubled by rotations under load",
          "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), quick()).value();
  std::string all;
  int rotations = 0;
  for (int i = 0; i < 30000; ++i) {
    REQUIRE(writer.append(line(i)));
    if (i % 3000 == 2999) {
      std::filesystem::rename(dir.path("log"), dir.path("log." + std::to_string(rotations++)));
      writer.reopen();
      REQUIRE(soon([&] { return writer.stats().reopens == static_cast<unsigned>(rotations); }));
    }
  }
  CHECK(writer.flush_and_close(seconds(10)));
  for (int i = 0; i < rotations; ++i) {
    all += read_file(dir.path("log." + std::to_string(i)));
  }
  CHECK(all + read_file(dir.path("log")) == lines(0, 30000));
}

TEST_CASE("async writer: a removed file comes back at the next reopen", "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), quick()).value();
  std::filesystem::remove(dir.path("log"));
  REQUIRE(writer.append("into the void\n"));
  REQUIRE(soon([&] { return writer.stats().lines_written == 1; }));
  CHECK_FALSE(std::filesystem::exists(dir.path("log")));
  writer.reopen();
  REQUIRE(writer.append("back\n"));
  CHECK(writer.flush_and_close(seconds(10)));
  CHECK(read_file(dir.path("log")) == "back\n");
}

TEST_CASE("async writer: a failed reopen keeps the old file and is reported",
          "[base][async_writer]") {
  const TempDir dir;
  std::filesystem::create_directory(dir.path("sub"));
  AsyncWriter writer = AsyncWriter::open(dir.path("sub/log"), quick()).value();
  std::filesystem::rename(dir.path("sub"), dir.path("moved"));
  writer.reopen("header\n");
  REQUIRE(soon([&] { return writer.last_error().has_value(); }));
  REQUIRE(writer.append("still here\n"));
  CHECK(writer.flush_and_close(seconds(10)));  // nothing was lost
  CHECK(read_file(dir.path("moved/log")) == "still here\n");
  CHECK(writer.stats().reopens == 0);
}

TEST_CASE("async writer: a full disk does not stop the producer and is an error at the end",
          "[base][async_writer]") {
  AsyncWriterOptions options = quick();
  options.capacity_bytes = 4096;
  AsyncWriter writer = AsyncWriter::open("/dev/full", options).value();
  int accepted = 0;
  for (int i = 0; i < 1000; ++i) {
    accepted += writer.append(line(i)) ? 1 : 0;
  }
  CHECK(accepted > 0);
  CHECK(accepted < 1000);
  CHECK(soon([&] { return writer.stats().write_errors >= 3; }));  // it goes on trying
  const Result<> closed = writer.flush_and_close(seconds(10));
  REQUIRE_FALSE(closed);
  CHECK(closed.error().code() == ErrorCode::Io);
  CHECK(closed.error().message() ==
        "1000 lines lost: write /dev/full: No space left on device (ENOSPC)");
  CHECK(writer.stats().lines_written == 0);
  CHECK(writer.stats().lines_dropped == 1000);
  CHECK_FALSE(writer.flush_and_close(seconds(10)));
}

TEST_CASE("async writer: lines kept through a failure are written when it ends",
          "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), quick()).value();
  {
    const FileSizeLimit full(100);
    REQUIRE(writer.append(lines(0, 100)));
    REQUIRE(soon([&] { return writer.stats().write_errors >= 2; }));
    CHECK(writer.stats().lines_written == 4);
    CHECK(writer.last_error()->message() ==
          "write " + dir.path("log") + ": File too large (EFBIG)");
  }
  CHECK(soon([&] { return writer.stats().lines_written == 100; }));
  REQUIRE(writer.append(line(100)));
  CHECK(writer.flush_and_close(seconds(10)));
  CHECK(read_file(dir.path("log")) == lines(0, 101));
  CHECK(writer.stats().lines_dropped == 0);
  CHECK(writer.stats().torn_lines == 0);
}

TEST_CASE("async writer: rotating away from a full disk loses no line", "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), quick()).value();
  {
    const FileSizeLimit full(100);
    REQUIRE(writer.append(lines(0, 5)));
    REQUIRE(soon([&] { return writer.stats().write_errors > 0; }));
    std::filesystem::rename(dir.path("log"), dir.path("log.1"));
    writer.reopen("header\n");
    REQUIRE(soon([&] { return writer.stats().lines_written == 6; }));
  }
  CHECK(writer.flush_and_close(seconds(10)));
  CHECK(read_file(dir.path("log.1")) == lines(0, 5).substr(0, 100));
  CHECK(read_file(dir.path("log")) == "header\n" + line(4));
  CHECK(writer.stats().torn_lines == 1);
}

TEST_CASE("async writer: a stalled reader costs lines, never the producer's time",
          "[base][async_writer]") {
  for (const int flags : {0, O_NONBLOCK}) {
    Pipe pipe = make_pipe();
    REQUIRE(::fcntl(pipe.write_end.get(), F_SETFL, flags) == 0);
    AsyncWriterOptions options = quick();
    options.capacity_bytes = 64 << 10;
    AsyncWriter writer = AsyncWriter::adopt(std::move(pipe.write_end), "pipe", options).value();
    std::string accepted;
    std::uint64_t refused = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 20000; ++i) {
      if (writer.append(line(i))) {
        accepted += line(i);
      } else {
        ++refused;
      }
    }
    CHECK(std::chrono::steady_clock::now() - start < seconds(5));
    CHECK(refused > 0);
    std::string received;
    std::thread reader([&] { received = read_to_end(pipe.read_end.get()); });
    const Result<> closed = writer.flush_and_close(seconds(20));
    reader.join();
    CHECK(closed);  // dropped for want of room, but no write failed
    CHECK(received == accepted);
    CHECK(writer.stats().lines_dropped == refused);
    CHECK(writer.stats().lines_written + refused == 20000);
  }
}

TEST_CASE("async writer: a reader that leaves is noticed and the process lives",
          "[base][async_writer]") {
  Pipe pipe = make_pipe();
  AsyncWriter writer = AsyncWriter::adopt(std::move(pipe.write_end), "pipe", quick()).value();
  REQUIRE(writer.append("read\n"));
  char buffer[16];
  CHECK(::read(pipe.read_end.get(), buffer, sizeof(buffer)) == 5);
  pipe.read_end.reset();
  CHECK(writer.append("lost\n"));
  REQUIRE(soon([&] { return writer.last_error().has_value(); }));
  CHECK(writer.last_error()->message() == "write pipe: Broken pipe (EPIPE)");
  CHECK_FALSE(writer.append("refused\n"));
  const Result<> closed = writer.flush_and_close(seconds(10));
  REQUIRE_FALSE(closed);
  CHECK(closed.error().message() == "2 lines lost: write pipe: Broken pipe (EPIPE)");
  CHECK(writer.stats().write_errors == 1);
  CHECK(writer.stats().lines_written == 1);
}

TEST_CASE("async writer: closing a stuck pipe ends in time and says so", "[base][async_writer]") {
  Pipe pipe = make_pipe();
  AsyncWriter writer = AsyncWriter::adopt(std::move(pipe.write_end), "pipe", quick()).value();
  std::uint64_t count = 0;
  while (writer.append(line(7))) {
    ++count;
  }
  const auto start = std::chrono::steady_clock::now();
  const Result<> closed = writer.flush_and_close(milliseconds(100));
  CHECK(std::chrono::steady_clock::now() - start < seconds(5));
  REQUIRE_FALSE(closed);
  CHECK(closed.error().message().find("too slow") != std::string::npos);
  CHECK(writer.stats().lines_written + writer.stats().lines_dropped == count + 1);
}

TEST_CASE("async writer: a write that hangs in the kernel is left behind", "[base][async_writer]") {
  // An eventfd near its maximum: poll() calls it writable, but adding eight bytes of text blocks.
  UniqueFd hanging(::eventfd(0, EFD_CLOEXEC));
  const std::uint64_t nearly_full = UINT64_MAX - 100;
  REQUIRE(::write(hanging.get(), &nearly_full, 8) == 8);
  const UniqueFd key(::fcntl(hanging.get(), F_DUPFD_CLOEXEC, 3));
  const int of_writer = hanging.get();
  AsyncWriter writer = AsyncWriter::adopt(std::move(hanging), "hanging", quick()).value();
  REQUIRE(writer.append("1234567\n"));
  const Result<> closed = writer.flush_and_close(milliseconds(50));
  REQUIRE_FALSE(closed);
  CHECK(closed.error().message() == "1 lines lost: write hanging: hangs in the kernel");
  CHECK(writer.stats().lines_dropped == 1);
  CHECK(writer.last_error().has_value());
  CHECK_FALSE(writer.append("late\n"));
  writer.reopen();
  std::uint64_t value = 0;
  REQUIRE(::read(key.get(), &value, 8) == 8);  // lets the thread go on, clean up and end
  CHECK(soon([&] { return ::fcntl(of_writer, F_GETFD) == -1; }));
}

TEST_CASE("async writer: a line larger than a buffer is dropped, the next one is not",
          "[base][async_writer]") {
  const TempDir dir;
  AsyncWriterOptions options = quick();
  options.capacity_bytes = 1024;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), options).value();
  const std::string fits = line_of_size(512);
  CHECK_FALSE(writer.append(line_of_size(513)));
  CHECK(writer.append(fits));
  CHECK(writer.flush_and_close(seconds(10)));
  CHECK(read_file(dir.path("log")) == fits);
  CHECK(writer.stats().bytes_dropped == 513);
}

TEST_CASE("async writer: producers in several threads do not mix their lines",
          "[base][async_writer]") {
  const TempDir dir;
  AsyncWriter writer = AsyncWriter::open(dir.path("log"), quick()).value();
  std::vector<std::thread> producers;
  for (int p = 0; p < 3; ++p) {
    producers.emplace_back([&writer, p] {
      for (int i = 0; i < 5000; ++i) {
        writer.append(line(p * 5000 + i));
      }
    });
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  CHECK(writer.flush_and_close(seconds(10)));
  const std::string text = read_file(dir.path("log"));
  std::vector<int> next = {0, 5000, 10000};
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    const int number = std::stoi(text.substr(at + 20, end - at - 20));
    CHECK(number == next.at(static_cast<std::size_t>(number / 5000))++);
    at = end + 1;
  }
  CHECK(next == std::vector<int>{5000, 10000, 15000});
}
