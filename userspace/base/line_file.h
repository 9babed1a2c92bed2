// A descriptor that whole lines are appended to: never half a line followed by another one,
// whatever the disk, the pipe's reader or a log rotation does in between. Single-threaded; never
// blocks on a pipe or a terminal. Who retries and what is dropped is up to the caller
// (async_writer.h).
#pragma once

#include "base/handle.h"
#include "base/result.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tailwhy {

class LineFile {
 public:
  /// Opens for appending, creates if need be. Refuses a symbolic link as the last component (who
  /// may write to the directory could else make root write anywhere) and does not wait for the
  /// reader of a FIFO.
  static Result<LineFile> open(std::string path, mode_t mode);

  /// Takes an open descriptor (a pipe, a terminal); `name` is for messages. reopen() leaves it
  /// alone.
  static LineFile adopt(UniqueFd fd, std::string name);

  /// What a write did.
  struct Progress {
    std::size_t taken = 0;  ///< bytes of whole lines, from the start, that are in the file now
    int error = 0;          ///< errno that stopped it; EAGAIN: wait_writable() first; 0: all taken
  };

  /// Appends `lines`, of which each ends in '\n'. The caller's next write must start where `taken`
  /// ended: part of that line may be in the file already and is gone on with if the file still ends
  /// there, else the line is written anew from a line start.
  Progress write(std::string_view lines);

  /// Waits until a write is worth a try. Regular files always are.
  void wait_writable(int timeout_ms) const;

  /// Opens the path again (log rotation); the next write starts with a whole line. On failure the
  /// old file stays in use. Does nothing to an adopted descriptor.
  Result<> reopen();
  bool reopenable() const noexcept { return reopenable_; }

  /// Closes and says whether the file system kept everything.
  Result<> close();

  const std::string& name() const noexcept { return name_; }

  /// Half lines that had to be left behind: cut off, or in a file that was rotated away.
  std::uint64_t torn_lines() const noexcept { return torn_lines_; }

 private:
  LineFile(UniqueFd fd, std::string name, mode_t mode, bool reopenable);

  void take(UniqueFd fd);
  bool still_ends_in_our_line() const;
  void abandon_line();
  int write_some(std::string_view bytes, std::size_t& written) const;

  UniqueFd fd_;
  std::string name_;
  mode_t mode_;
  bool reopenable_;
  bool regular_ = false;
  bool newline_due_ = false;   // the file ends in half a line that is not gone on with
  std::size_t partial_ = 0;    // bytes of the next line that are in the file already
  off_t size_at_partial_ = 0;  // and the size of the file just after them
  std::uint64_t torn_lines_ = 0;
};

}  // namespace tailwhy
