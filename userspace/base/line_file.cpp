// The write(2)s behind LineFile and the bookkeeping of half-written lines.
#include "base/line_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

Error open_error(const std::string& path, int err) {
  Error error = Error::from_errno("open " + path, err);
  if (error.code() != ErrorCode::Permission) error = std::move(error).with_code(ErrorCode::Io);
  if (err == ELOOP) return std::move(error).with_hint("it is a symbolic link: name its target");
  if (err == ENXIO) return std::move(error).with_hint("start the reader of the FIFO first");
  if (err == ENOENT) return std::move(error).with_hint("make the directory first");
  return error;
}

Result<UniqueFd> open_for_append(const std::string& path, mode_t mode) {
  constexpr int kFlags =
      O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  UniqueFd fd(::open(path.c_str(), kFlags, mode));
  if (!fd) return open_error(path, errno);
  return fd;
}

// True if something that is no line break is the last byte. What cannot be read counts as whole.
bool ends_in_half_a_line(int fd, off_t size) {
  if (size == 0) return false;
  const std::string self = "/proc/self/fd/" + std::to_string(fd);  // ours is write-only
  const UniqueFd readable(::open(self.c_str(), O_RDONLY | O_CLOEXEC));
  char last = '\n';
  return readable && ::pread(readable.get(), &last, 1, size - 1) == 1 && last != '\n';
}

}  // namespace

LineFile::LineFile(UniqueFd fd, std::string name, mode_t mode, bool reopenable)
    : name_(std::move(name)), mode_(mode), reopenable_(reopenable) {
  take(std::move(fd));
}

Result<LineFile> LineFile::open(std::string path, mode_t mode) {
  auto fd = open_for_append(path, mode);
  if (!fd) return std::move(fd).error();
  return LineFile(*std::move(fd), std::move(path), mode, true);
}

LineFile LineFile::adopt(UniqueFd fd, std::string name) {
  return {std::move(fd), std::move(name), 0, false};
}

void LineFile::take(UniqueFd fd) {
  fd_ = std::move(fd);
  struct stat info {};
  regular_ = ::fstat(fd_.get(), &info) == 0 && S_ISREG(info.st_mode);
  newline_due_ = regular_ && ends_in_half_a_line(fd_.get(), info.st_size);
  partial_ = 0;
}

LineFile::Progress LineFile::write(std::string_view lines) {
  assert(lines.empty() || lines.ends_with('\n'));
  if (partial_ > 0 && !still_ends_in_our_line()) abandon_line();
  int error = 0;
  if (newline_due_ && !lines.empty()) {
    std::size_t written = 0;
    error = write_some("\n", written);
    newline_due_ = error != 0;
  }
  std::size_t done = std::min(partial_, lines.size());
  while (error == 0 && done < lines.size()) {
    error = write_some(lines.substr(done), done);
  }
  if (error == 0) {
    partial_ = 0;
    return {done, 0};
  }
  const std::size_t line_break = lines.substr(0, done).rfind('\n');
  const std::size_t taken = line_break == std::string_view::npos ? 0 : line_break + 1;
  partial_ = done - taken;
  struct stat info {};
  size_at_partial_ = ::fstat(fd_.get(), &info) == 0 ? info.st_size : -1;
  return {taken, error};
}

// Adds to `written` what one write(2) took; gives its errno.
int LineFile::write_some(std::string_view bytes, std::size_t& written) const {
  if (!regular_) {
    // The descriptor may be shared (stdout) and blocking: then it must stay so, and only a write
    // of at most PIPE_BUF after POLLOUT is sure not to block.
    pollfd poll_fd{fd_.get(), POLLOUT, 0};
    if (::poll(&poll_fd, 1, 0) == 0) return EAGAIN;
    bytes = bytes.substr(0, PIPE_BUF);
  }
  while (true) {
    const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    written += static_cast<std::size_t>(n);
    return n == 0 ? EIO : 0;  // not even one byte and no reason: no endless loop about it
  }
}

// Somebody may have truncated the file to make room, or appended to it.
bool LineFile::still_ends_in_our_line() const {
  if (!regular_) return true;
  struct stat info {};
  return ::fstat(fd_.get(), &info) == 0 && info.st_size == size_at_partial_;
}

void LineFile::abandon_line() {
  ++torn_lines_;
  partial_ = 0;
  struct stat info {};
  newline_due_ = ::fstat(fd_.get(), &info) == 0 && ends_in_half_a_line(fd_.get(), info.st_size);
}

void LineFile::wait_writable(int timeout_ms) const {
  if (regular_) return;
  pollfd poll_fd{fd_.get(), POLLOUT, 0};
  (void)::poll(&poll_fd, 1, timeout_ms);
}

Result<> LineFile::reopen() {
  if (!reopenable_) return {};
  auto fd = open_for_append(name_, mode_);
  if (!fd) return std::move(fd).error();
  if (partial_ > 0) ++torn_lines_;
  take(*std::move(fd));
  return {};
}

Result<> LineFile::close() {
  if (partial_ > 0) ++torn_lines_;
  partial_ = 0;
  const int fd = fd_.release();
  if (fd >= 0 && ::close(fd) != 0) {
    return Error::from_errno("close " + name_, errno, ErrorCode::Io);
  }
  return {};
}

}  // namespace tailwhy
