// Raw access to a /proc tree. Must not know what the files mean.
#include "targets/proc_fs.h"

#include "base/handle.h"
#include "base/text.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

// A read from /proc gives at most a page or so per call for most files; more does not help.
constexpr std::size_t kChunkBytes = 16384;

struct DirClose {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};
using Directory = std::unique_ptr<DIR, DirClose>;

Result<UniqueFd> open_file(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) return Error::from_errno("open " + path, errno);
  return fd;
}

// 0 at the end of the file. A process that dies between open and read gives ESRCH here.
Result<std::size_t> read_some(int fd, char* into, std::size_t room, const std::string& path) {
  while (true) {
    const ssize_t got = ::read(fd, into, room);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return Error::from_errno("read " + path, errno);
  }
}

Result<std::vector<PidEntry>> list_numbers(const std::string& path) {
  const Directory dir(::opendir(path.c_str()));
  if (!dir) return Error::from_errno("list " + path, errno);
  std::vector<PidEntry> entries;
  errno = 0;
  // readdir() is only unsafe for two threads that share one DIR.
  while (const dirent* entry = ::readdir(dir.get())) {  // NOLINT(concurrency-mt-unsafe)
    const auto number = parse_number<pid_t>(entry->d_name);
    if (number && *number >= 0) {
      entries.push_back({.pid = *number, .inode = entry->d_ino});
    }
    errno = 0;
  }
  if (errno != 0) return Error::from_errno("list " + path, errno);
  std::sort(entries.begin(), entries.end(),
            [](const PidEntry& a, const PidEntry& b) { return a.pid < b.pid; });
  return entries;
}

}  // namespace

ProcFs::ProcFs(std::string root) : root_(std::move(root)) {
  struct statfs fs {};
  procfs_ = ::statfs(root_.c_str(), &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
  live_ = procfs_ && root_ == "/proc";
}

std::string ProcFs::path(pid_t pid, std::string_view name) const {
  std::string path = root_ + '/' + std::to_string(pid);
  if (!name.empty()) path.append(1, '/').append(name);
  return path;
}

Result<std::string> ProcFs::read(pid_t pid, std::string_view name, std::size_t max_bytes) const {
  const std::string file = path(pid, name);
  const auto fd = open_file(file, O_RDONLY);
  if (!fd) return fd.error();
  std::string text;
  while (text.size() < max_bytes) {
    const std::size_t before = text.size();
    text.resize(std::min(max_bytes, before + kChunkBytes));
    const auto got = read_some(fd->get(), text.data() + before, text.size() - before, file);
    text.resize(before + (got ? *got : 0));
    if (!got) return got.error();
    if (*got == 0) break;
  }
  return text;
}

Result<> ProcFs::for_each_line(pid_t pid,
                               std::string_view name,
                               const std::function<bool(std::string_view)>& line) const {
  const std::string file = path(pid, name);
  const auto fd = open_file(file, O_RDONLY);
  if (!fd) return fd.error();
  std::array<char, kChunkBytes> chunk{};
  std::string rest;  // the begin of a line whose end has not been read yet
  while (true) {
    const auto got = read_some(fd->get(), chunk.data(), chunk.size(), file);
    if (!got) return got.error();
    if (*got == 0) break;
    rest.append(chunk.data(), *got);
    std::string_view left(rest);
    for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
      if (!line(left.substr(0, end))) return {};
      left.remove_prefix(end + 1);
    }
    rest.erase(0, rest.size() - left.size());
    if (rest.size() > kMaxFileBytes) return Error(ErrorCode::Corrupt, file + ": a line has no end");
  }
  if (!rest.empty()) line(rest);
  return {};
}

Result<std::string> ProcFs::read_link(pid_t pid, std::string_view name) const {
  const std::string link = path(pid, name);
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  if (size < 0) return Error::from_errno("read the link " + link, errno);
  return std::string(target.data(), static_cast<std::size_t>(size));
}

Result<std::vector<PidEntry>> ProcFs::processes() const {
  return list_numbers(root_);
}

Result<std::vector<pid_t>> ProcFs::numbers(pid_t pid, std::string_view name) const {
  const auto entries = list_numbers(path(pid, name));
  if (!entries) return entries.error();
  std::vector<pid_t> numbers;
  numbers.reserve(entries->size());
  for (const PidEntry& entry : *entries) {
    numbers.push_back(entry.pid);
  }
  return numbers;
}

Result<std::uint64_t> ProcFs::count_descriptors(pid_t pid) const {
  const std::string dir = path(pid, "fd");
  // Since f1f1f2569901 ("proc: report open files as size in stat() for /proc/pid/fd", 6.2) the size
  // is the count. Before it is 0, and elsewhere than on procfs it means something else.
  struct stat info {};
  if (procfs_ && ::stat(dir.c_str(), &info) == 0 && info.st_size > 0) {
    return static_cast<std::uint64_t>(info.st_size);
  }
  const auto entries = list_numbers(dir);
  if (!entries) return entries.error();
  return entries->size();
}

}  // namespace tailwhy
