// Lines to a file, written by a thread of its own: a producer never waits for a disk or a pipe.
// Memory is bounded; what does not fit is dropped and counted. Knows nothing of what a line means.
#pragma once

#include "base/handle.h"
#include "base/line_file.h"
#include "base/result.h"

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tailwhy {

struct AsyncWriterOptions {
  std::size_t capacity_bytes = 4 << 20;  ///< of both buffers together; a line may take half
  mode_t mode = 0640;
  std::chrono::milliseconds linger{20};  ///< how long a line may wait for others to go with it
  std::chrono::milliseconds retry{250};  ///< pause after a write that failed
};

struct AsyncWriterStats {
  std::uint64_t lines_written = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t lines_dropped = 0;  ///< for whatever reason: full, broken, closed, not in time
  std::uint64_t bytes_dropped = 0;
  std::uint64_t write_errors = 0;  ///< failed tries; a full pipe is none
  std::uint64_t reopens = 0;
  std::uint64_t torn_lines =
      0;  ///< half lines left in a file; each was written again in whole or dropped
};

class AsyncWriter {
 public:
  /// Opens the path as LineFile does and starts the thread.
  static Result<AsyncWriter> open(std::string path, const AsyncWriterOptions& options = {});

  /// The same on an open descriptor (dup stdout for it); `name` is for messages.
  static Result<AsyncWriter> adopt(UniqueFd fd,
                                   std::string name,
                                   const AsyncWriterOptions& options = {});

  AsyncWriter(AsyncWriter&&) noexcept;
  AsyncWriter& operator=(AsyncWriter&&) noexcept;
  AsyncWriter(const AsyncWriter&) = delete;
  AsyncWriter& operator=(const AsyncWriter&) = delete;
  /// Closes as flush_and_close() does, within a second, and drops its result.
  ~AsyncWriter();

  /// Hands over one or more whole lines, each ending in '\n'; they stay together. False: dropped
  /// and counted. Never waits; any thread may call it.
  bool append(std::string_view lines);

  /// Has the thread open the path again, for log rotation. Lines accepted before may land in either
  /// file. `first_lines` go in front of all others in the new one. If that fails the old file goes
  /// on being used and last_error() says why. An adopted descriptor is left alone.
  void reopen(std::string first_lines = {});

  /// Writes what is left, closes, ends the thread. An error if lines were lost to a failing write
  /// or to the timeout. A write that hangs in the kernel is left behind with its thread, so no
  /// other thread may be using the writer any more. Later calls give the same result.
  Result<> flush_and_close(std::chrono::milliseconds timeout);

  /// The latest failure, also after recovery; stats().write_errors says how often.
  std::optional<Error> last_error() const;

  AsyncWriterStats stats() const;

 private:
  class Worker;
  struct Closed;

  explicit AsyncWriter(std::unique_ptr<Worker> worker) noexcept;
  static Result<AsyncWriter> start(LineFile file, const AsyncWriterOptions& options);

  std::unique_ptr<Worker> worker_;  // null if moved from, or left to its hanging thread
  std::unique_ptr<Closed> closed_;  // what is left to say after the end
};

}  // namespace tailwhy
