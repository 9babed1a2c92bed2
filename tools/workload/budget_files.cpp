// Files that take time. See the header.
#include "budget_files.h"

#include "socket.h"

#include <sys/mman.h>

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

namespace workload {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kPiece = 1 << 20;

int nameless_file(const std::string& folder) {
  std::string name = folder + "/budget-XXXXXX";
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) die(name);
  unlink(name.c_str());
  return fd;
}

// Clean pages only: what was written must be synced before.
void forget(int fd) {
  if (const int error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); error != 0) {
    errno = error;
    die("fadvise");
  }
}

}  // namespace

struct Files::File {
  int fd;
  std::string bytes;
  explicit File(int file) : fd(file) {}
  ~File() { close(fd); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
};

Files::Files(std::string folder, std::uint64_t cold_bytes)
    : folder_(std::move(folder)),
      cold_bytes_(std::max(cold_bytes / kPiece, std::uint64_t{1}) * kPiece),
      cold_(nameless_file(folder_)),
      written_([this] { return std::make_unique<File>(nameless_file(folder_)); }) {
  const std::string piece(kPiece, 'c');
  for (std::uint64_t at = 0; at < cold_bytes_; at += kPiece)
    if (write(cold_, piece.data(), piece.size()) != static_cast<ssize_t>(piece.size()))
      die("write " + folder_);
  if (fsync(cold_) != 0) die("fsync " + folder_);
  // No readahead: what one request reads must not warm what the next will read.
  posix_fadvise(cold_, 0, 0, POSIX_FADV_RANDOM);
  forget(cold_);
}

Files::~Files() {
  close(cold_);
}

Files::Synced Files::write_and_sync(std::uint64_t size) {
  auto file = written_.take();
  file->bytes.resize(size, 'w');
  const Watch write_watch;
  if (pwrite(file->fd, file->bytes.data(), size, 0) != static_cast<ssize_t>(size)) die("pwrite");
  const Took write = write_watch.stop();
  const Watch sync_watch;
  if (fsync(file->fd) != 0) die("fsync");
  const Took sync = sync_watch.stop();
  written_.give_back(std::move(file));
  return {.write = write, .sync = sync};
}

// Each region is used once; when all have been, all are forgotten at once.
std::uint64_t Files::next_cold(std::uint64_t size) {
  const std::uint64_t whole = (size + kPage - 1) / kPage * kPage;
  std::uint64_t at = cold_next_.fetch_add(whole);
  while (at + whole > cold_bytes_) {
    forget(cold_);
    cold_next_ = 0;
    at = cold_next_.fetch_add(whole);
  }
  return at;
}

Took Files::read_cold(std::uint64_t size) {
  size = std::min(size, cold_bytes_);
  thread_local std::vector<char> bytes;
  bytes.resize(std::max(bytes.size(), size));
  const auto at = static_cast<off_t>(next_cold(size));
  const Watch watch;
  if (pread(cold_, bytes.data(), size, at) != static_cast<ssize_t>(size)) die("pread");
  return watch.stop();
}

Took Files::fault_cold(std::uint64_t size) {
  size = std::min(size, cold_bytes_);
  const auto at = static_cast<off_t>(next_cold(size));
  void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED, cold_, at);
  if (map == MAP_FAILED) die("mmap");
  madvise(map, size, MADV_RANDOM);  // one fault a page
  const auto* bytes = static_cast<const volatile char*>(map);
  const Watch watch;
  for (std::uint64_t i = 0; i < size; i += kPage)
    (void)bytes[i];
  const Took took = watch.stop();
  munmap(map, size);
  return took;
}

}  // namespace workload
