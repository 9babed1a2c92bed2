// What code the traced processes have mapped: looked at while they live, so that what they did can
// be named when they have ended. Opens their files; knows nothing of what is in them.
#pragma once

#include "base/handle.h"
#include "symbols/process_maps.h"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tailwhy {

struct ProcessImage {
  std::uint32_t pid = 0;
  std::uint32_t own_pid = 0;  ///< as the process itself knows it
  uid_t uid = 0;
  std::string comm;
  std::string mount_namespace;  ///< "mnt:[4026531841]"
  std::vector<Mapping> mappings;
};

class ProcessImages {
 public:
  explicit ProcessImages(std::string proc = "/proc") : proc_(std::move(proc)) {}

  /// Looks at the process; one that is gone stays as it was seen last.
  void look(std::uint32_t pid);
  /// A child has what its parent had, until it is looked at.
  void inherit(std::uint32_t parent, std::uint32_t child);
  void forget(std::uint32_t pid) { images_.erase(pid); }
  /// At all that are known.
  void look_again();
  /// Null: never seen. `look` at it first if it may be new.
  [[nodiscard]] const ProcessImage* find(std::uint32_t pid) const;

  /// The file as the process sees it, or saw it: by another process in the same mount namespace if
  /// it has ended. Invalid: not there any more, or (unless `inode` is 0) another file now.
  [[nodiscard]] UniqueFd open_file(const ProcessImage& image,
                                   const std::string& path,
                                   std::uint64_t inode) const;
  /// The file of a mapping.
  [[nodiscard]] UniqueFd open_mapping(const ProcessImage& image, const Mapping& mapping) const;

 private:
  [[nodiscard]] UniqueFd root_of(const ProcessImage& image) const;

  std::string proc_;
  std::map<std::uint32_t, ProcessImage> images_;
};

}  // namespace tailwhy
