#include "symbols/root_file.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <unistd.h>

namespace tailwhy {

namespace {

// Opening a pipe waits, and opening a device does things: first look, then open.
UniqueFd read_regular(const UniqueFd& place) {
  struct stat info {};
  if (!place || ::fstat(place.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  const std::string again = "/proc/self/fd/" + std::to_string(place.get());
  return UniqueFd(::open(again.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
}

}  // namespace

UniqueFd open_root(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

UniqueFd open_below(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return read_regular(
      UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how)))));
}

UniqueFd open_regular(const std::string& path) {
  return read_regular(UniqueFd(::open(path.c_str(), O_PATH | O_CLOEXEC)));
}

}  // namespace tailwhy
