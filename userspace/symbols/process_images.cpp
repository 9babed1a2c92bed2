#include "symbols/process_images.h"

#include "base/text.h"
#include "symbols/root_file.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {

namespace {

constexpr std::size_t kMostProcesses = 4096;
constexpr std::size_t kMostBytes = std::size_t{16} << 20;

std::string read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd) return text;
  constexpr std::size_t kChunk = std::size_t{64} << 10;
  while (text.size() < kMostBytes) {
    const std::size_t size = text.size();
    text.resize(size + kChunk);
    const ssize_t got = ::read(fd.get(), text.data() + size, kChunk);
    text.resize(size + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  return text;
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

// "NSpid:\t4711\t1": the last one is its own.
std::uint32_t own_pid_of(std::string_view status, std::uint32_t pid) {
  const std::size_t at = status.find("\nNSpid:");
  if (at == std::string_view::npos) return pid;
  const auto words = split_words(split_first(status.substr(at + 7), '\n').first);
  return words.empty() ? pid : parse_number<std::uint32_t>(words.back()).value_or(pid);
}

}  // namespace

void ProcessImages::look(std::uint32_t pid) {
  const std::string folder = fmt::format("{}/{}", proc_, pid);
  std::vector<Mapping> mappings = parse_maps(read_file(folder + "/maps"));
  if (mappings.empty()) return;  // gone, or going
  if (images_.size() >= kMostProcesses && !images_.contains(pid)) return;
  ProcessImage& image = images_[pid];
  if (image.own_pid != 0 && image.mappings == mappings) return;
  image.pid = pid;
  image.mappings = std::move(mappings);
  image.comm = trim(read_file(folder + "/comm"));
  image.own_pid = own_pid_of(read_file(folder + "/status"), pid);
  image.mount_namespace = read_link(folder + "/ns/mnt");
  struct stat info {};
  if (::stat(folder.c_str(), &info) == 0) image.uid = info.st_uid;
}

void ProcessImages::inherit(std::uint32_t parent, std::uint32_t child) {
  const auto found = images_.find(parent);
  if (found == images_.end() || images_.size() >= kMostProcesses) return;
  ProcessImage image = found->second;
  image.pid = child;
  image.own_pid = 0;  // not known yet
  images_.insert_or_assign(child, std::move(image));
}

void ProcessImages::look_again() {
  std::vector<std::uint32_t> pids;
  for (const auto& [pid, image] : images_)
    pids.push_back(pid);
  for (const std::uint32_t pid : pids)
    look(pid);
}

const ProcessImage* ProcessImages::find(std::uint32_t pid) const {
  const auto found = images_.find(pid);
  return found == images_.end() ? nullptr : &found->second;
}

UniqueFd ProcessImages::root_of(const ProcessImage& image) const {
  const auto root = [&](const std::string& folder) {
    const bool same = read_link(folder + "/ns/mnt") == image.mount_namespace;
    return same ? open_root(folder + "/root") : UniqueFd();
  };
  if (UniqueFd own = root(fmt::format("{}/{}", proc_, image.pid))) return own;
  for (const auto& [pid, other] : images_) {
    if (other.mount_namespace != image.mount_namespace) continue;
    if (UniqueFd theirs = root(fmt::format("{}/{}", proc_, pid))) return theirs;
  }
  return root(proc_ + "/self");
}

UniqueFd ProcessImages::open_file(const ProcessImage& image,
                                  const std::string& path,
                                  std::uint64_t inode) const {
  const UniqueFd root = root_of(image);
  if (!root) return {};
  UniqueFd fd = open_below(root.get(), path);
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return {};
  if (inode != 0 && info.st_ino != inode) return {};
  return fd;
}

UniqueFd ProcessImages::open_mapping(const ProcessImage& image, const Mapping& mapping) const {
  if (!mapping.is_file()) return {};
  if (UniqueFd fd = open_file(image, mapping.path, mapping.inode)) return fd;
  // deleted, or replaced by a newer one: the mapping itself still leads to it
  UniqueFd fd = open_regular(
      fmt::format("{}/{}/map_files/{:x}-{:x}", proc_, image.pid, mapping.begin, mapping.end));
  struct stat info {};
  const bool same = fd && ::fstat(fd.get(), &info) == 0 && info.st_ino == mapping.inode;
  return same ? std::move(fd) : UniqueFd();
}

}  // namespace tailwhy
