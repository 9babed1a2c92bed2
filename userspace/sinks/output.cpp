// See the header.
#include "sinks/output.h"

#include "base/handle.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <stdlib.h>  // mkostemp is not in <cstdlib>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

Result<> write_all(int fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno("write " + name, errno, ErrorCode::Io);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// Devices, pipes and links must not be replaced by a file: what they lead to is what is meant.
bool is_special_file(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

Result<> write_in_place(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY));
  if (!fd) return Error::from_errno("open " + path, errno);
  return write_all(fd.get(), text, path);
}

Result<> write_beside_and_move(const std::string& path, std::string_view text) {
  std::string beside = path + ".XXXXXX";
  UniqueFd fd(::mkostemp(beside.data(), O_CLOEXEC));
  if (!fd) return Error::from_errno("create a file beside " + path, errno);
  Result<> done = write_all(fd.get(), text, path);
  if (done && ::fchmod(fd.get(), 0640) != 0)
    done = Error::from_errno("set the mode of " + path, errno);
  if (done && ::close(fd.release()) != 0)
    done = Error::from_errno("close " + path, errno, ErrorCode::Io);
  if (done && ::rename(beside.c_str(), path.c_str()) != 0) {
    done = Error::from_errno("move the finished file to " + path, errno);
  }
  if (!done) ::unlink(beside.c_str());
  return done;
}

}  // namespace

Result<> write_output(const std::string& path, std::string_view text) {
  if (path == "-") return write_all(STDOUT_FILENO, text, "standard output");
  if (path == kStandardError) return write_all(STDERR_FILENO, text, "standard error");
  return is_special_file(path) ? write_in_place(path, text) : write_beside_and_move(path, text);
}

bool is_closed_pipe(const std::optional<Error>& error) {
  return error && error->message().find("EPIPE") != std::string::npos;
}

Result<> check_output(const std::string& path) {
  if (path == "-" || path == kStandardError) return {};
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::access(folder.c_str(), W_OK) == 0) return {};
  if (::access(path.c_str(), W_OK) == 0 && is_special_file(path)) return {};
  const int err = errno;
  Error error = Error::from_errno("write " + path, err, ErrorCode::Io);
  if (err == ENOENT) return std::move(error).with_hint("make the directory first");
  return error;
}

Result<AsyncWriter> open_output(const std::string& path, const AsyncWriterOptions& options) {
  if (path != "-") return AsyncWriter::open(path, options);
  UniqueFd fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!fd) return Error::from_errno("use standard output", errno);
  return AsyncWriter::adopt(std::move(fd), "standard output", options);
}

}  // namespace tailwhy
