// What the tests of recordings share: a directory that goes away, whole files as strings,
// recordings in memory, and a handler that writes down what it is given. Knows nothing of single
// tests.
#pragma once

#include "events/capture_reader.h"
#include "events/capture_writer.h"
#include "events/replay_source.h"
#include "support/event_builder.h"

#include <sys/mman.h>

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace tailwhy::test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "tw-capture-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline UniqueFd memory_file(std::string_view bytes) {
  UniqueFd fd(::memfd_create("capture", MFD_CLOEXEC));
  if (!fd || ::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      ::lseek(fd.get(), 0, SEEK_SET) != 0) {
    std::abort();
  }
  return fd;
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// Everything a source gave, in order: "event <bytes>", "tick 5", "side 5 name payload".
struct Diary : EventHandler {
  std::vector<std::string> lines;
  void on_event(const EventView& event) override {
    const auto bytes = bytes_of(event);
    lines.push_back("event " +
                    std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  void on_tick(Ns now_ns) override { lines.push_back("tick " + std::to_string(now_ns)); }
  void on_side(const SideRecord& record) override {
    lines.push_back("side " + std::to_string(record.at_ns) + " " + std::string(record.name) + " " +
                    std::string(record.payload));
  }
  /// Only the lines that are not events.
  std::vector<std::string> marks() const {
    std::vector<std::string> found;
    for (const std::string& line : lines) {
      if (!line.starts_with("event ")) found.push_back(line);
    }
    return found;
  }
};

struct Replay {
  Diary diary;
  SourceStats stats;
  CaptureProgress progress;
  std::string header_json;
  std::string error;  // empty: none
  std::optional<ErrorCode> code;
};

inline Replay replay(Result<CaptureReader> reader, const ReplayOptions& options = {}) {
  Replay result;
  if (!reader) {
    result.error = reader.error().to_string();
    result.code = reader.error().code();
    return result;
  }
  result.header_json = reader->header_json();
  ReplaySource source(std::move(*reader), options);
  const auto done = source.run(result.diary, {});
  result.stats = source.stats();
  result.progress = source.reader().progress();
  if (!done) {
    result.error = done.error().to_string();
    result.code = done.error().code();
  }
  return result;
}

inline Replay replay_file(const std::string& path, const ReplayOptions& options = {}) {
  return replay(CaptureReader::open(path), options);
}

inline Replay replay_bytes(std::string_view bytes, const ReplayOptions& options = {}) {
  return replay(CaptureReader::from_fd(memory_file(bytes), "test.twcap"), options);
}

/// A connection with two requests, ticks and side records, in four blocks of records.
inline void write_sample(CaptureWriter& writer) {
  EventBuilder b;
  b.open(7, TW_ROLE_SERVER, {.at_ns = 1'000})
      .in(7, 2'000, "GET / HTTP/1.1\r\n\r\n", {.arrived_ns = 1'500})
      .out(7, 3'000, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  for (const auto record : b.records())
    writer.add(record);
  writer.add_side({5'000, "losses", R"({"ring_full":0})"});
  writer.add_tick(5'000);
  EventBuilder c;
  c.in(7, 6'000, "x").close(7, 7'000);
  for (const auto record : c.records())
    writer.add(record);
  writer.add_tick(10'000);
}

inline std::string sample_recording(const CaptureOptions& options) {
  const TempDir dir;
  auto writer = CaptureWriter::create(dir.file("s.twcap"), options).value();
  write_sample(*writer);
  writer->finish().value();
  return read_file(dir.file("s.twcap"));
}

inline std::string sample_recording() {
  return sample_recording({.header_json = R"({"target":"test"})", .tick_interval_ns = 5'000});
}

}  // namespace tailwhy::test
