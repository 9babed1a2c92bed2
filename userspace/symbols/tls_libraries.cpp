#include "symbols/tls_libraries.h"

#include <sys/stat.h>

#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kMostFiles = 16384;
constexpr std::size_t kMostPids = 4096;
constexpr int kLooksAgain = 16;

}  // namespace

void TlsLibraries::look_into(const ProcessImage& image, std::vector<TlsLibrary>& found) {
  for (const Mapping& mapping : image.mappings) {
    if (!mapping.is_file()) continue;
    Name name(image.mount_namespace, mapping.path, mapping.inode);
    if (names_.contains(name)) continue;
    if (names_.size() >= kMostFiles) {
      ++skipped_;
      continue;
    }
    names_.insert(std::move(name));
    const UniqueFd file = images_.open_mapping(image, mapping);
    struct stat info {};
    if (!file || ::fstat(file.get(), &info) != 0) continue;
    if (!files_.emplace(info.st_dev, info.st_ino).second) continue;
    auto library = find_tls_functions(file);
    if (!library) continue;
    library->path = mapping.path;
    found.push_back(*std::move(library));
  }
}

std::vector<TlsLibrary> TlsLibraries::look(std::uint32_t pid) {
  std::vector<TlsLibrary> found;
  if (pids_.size() < kMostPids) pids_.insert(pid);
  images_.look(pid);
  if (const ProcessImage* image = images_.find(pid)) look_into(*image, found);
  return found;
}

std::vector<TlsLibrary> TlsLibraries::look_again() {
  std::vector<TlsLibrary> found;
  for (int i = 0; i < kLooksAgain && !pids_.empty(); ++i) {
    auto at = pids_.lower_bound(next_);
    if (at == pids_.end()) at = pids_.begin();
    const std::uint32_t pid = *at;
    next_ = pid + 1;
    images_.look(pid);
    if (const ProcessImage* image = images_.find(pid)) look_into(*image, found);
    if (static_cast<std::size_t>(i) + 1 >= pids_.size()) break;
  }
  return found;
}

void TlsLibraries::forget(std::uint32_t pid) {
  pids_.erase(pid);
  images_.forget(pid);
}

}  // namespace tailwhy
