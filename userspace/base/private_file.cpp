#include "base/private_file.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

// What stands under the name already must be ours alone.
Result<> check_file(const std::string& what,
                    const struct stat& info,
                    const std::optional<FileOwner>& owner) {
  if (S_ISCHR(info.st_mode)) return {};  // /dev/null
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorCode::Usage, what + ": not a regular file", "name a new file");
  }
  const bool ours = info.st_uid == ::geteuid() || (owner && info.st_uid == owner->uid);
  if (!ours) {
    return Error(ErrorCode::Permission, what + ": the file belongs to another user",
                 "remove it, or name a new file");
  }
  if (info.st_nlink != 1) {
    return Error(ErrorCode::Usage, what + ": the file has a second name (hard link)",
                 "remove it, or name a new file");
  }
  return {};
}

Result<> claim(int fd, const std::string& what, const std::optional<FileOwner>& owner) {
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error::from_errno(what, errno);
    return Error(ErrorCode::Usage, what + ": another process is recording to this file",
                 "name another file, or wait until it is done");
  }
  if (::ftruncate(fd, 0) != 0) return Error::from_errno(what, errno);
  if (owner && ::fchown(fd, owner->uid, owner->gid) != 0) return Error::from_errno(what, errno);
  if (::fchmod(fd, S_IRUSR | S_IWUSR) != 0) return Error::from_errno(what, errno);
  return {};
}

}  // namespace

Result<UniqueFd> open_private(const std::string& path,
                              const std::string& what,
                              std::optional<FileOwner> owner) {
  // Not O_TRUNC: nothing is lost before we know whose file it is. O_NONBLOCK: a FIFO without a
  // reader must not hang us.
  UniqueFd fd(::open(path.c_str(),
                     O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                     S_IRUSR | S_IWUSR));
  if (!fd) {
    const int err = errno;
    auto error = Error::from_errno(what, err);
    if (err == ELOOP) {
      return std::move(error)
          .with_code(ErrorCode::Usage)
          .with_hint("the name is a symbolic link; name the file itself");
    }
    return error;
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(what, errno);
  if (auto fine = check_file(what, info, owner); !fine) return fine.error();
  if (S_ISREG(info.st_mode)) {
    if (auto ours = claim(fd.get(), what, owner); !ours) return ours.error();
  }
  if (::fcntl(fd.get(), F_SETFL, 0) != 0) return Error::from_errno(what, errno);
  return fd;
}

}  // namespace tailwhy
