#include "symbols/code_files.h"

#include "symbols/root_file.h"

#include <fmt/format.h>
#include <utility>
#include <vector>

namespace tailwhy {

namespace {

constexpr std::size_t kMostFiles = 512;
// What is read of a file stays in memory until the end.
constexpr std::uint64_t kLargestDebugBytes = std::uint64_t{1} << 30;

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1);
}

std::string by_build_id(const std::string& id) {
  return fmt::format("/usr/lib/debug/.build-id/{}/{}.debug", id.substr(0, 2), id.substr(2));
}

}  // namespace

CodeFile* CodeFiles::find(const ProcessImage& image, const Mapping& mapping) {
  if (!mapping.has_symbols()) return nullptr;
  const Key key{image.mount_namespace, mapping.path, mapping.inode};
  const auto found = files_.find(key);
  if (found != files_.end()) return found->second->elf != nullptr ? found->second.get() : nullptr;
  if (files_.size() >= kMostFiles) return nullptr;
  auto file = std::make_unique<CodeFile>();
  file->elf = mapping.is_vdso() ? ElfFile::open_vdso()
                                : ElfFile::open(images_.open_mapping(image, mapping));
  if (file->elf != nullptr) file->cfi.reset(dwarf_getcfi_elf(file->elf->elf()));
  CodeFile* made = files_.emplace(key, std::move(file)).first->second.get();
  return made->elf != nullptr ? made : nullptr;
}

// Below the root of the process, and then below ours: whoever traces may have installed it there.
std::unique_ptr<ElfFile> CodeFiles::open_at(const ProcessImage& image,
                                            const std::string& path,
                                            const std::string& build_id) {
  if (build_id.size() < 4) return nullptr;
  for (const bool ours : {false, true}) {
    auto elf = ElfFile::open(ours ? open_regular(path) : images_.open_file(image, path, 0));
    if (elf != nullptr && elf->build_id() == build_id) return elf;
  }
  return nullptr;
}

std::unique_ptr<ElfFile> CodeFiles::open_debug(const ProcessImage& image,
                                               const std::string& path,
                                               const ElfFile& elf,
                                               std::string& found) {
  const std::string& id = elf.build_id();
  if (id.size() < 4) return nullptr;
  std::vector<std::string> places = {by_build_id(id)};
  if (!elf.debug_link().empty()) {
    const std::string folder = folder_of(path);
    places.push_back(folder + elf.debug_link());
    places.push_back(folder + ".debug/" + elf.debug_link());
    places.push_back("/usr/lib/debug" + folder + elf.debug_link());
  }
  for (const std::string& place : places) {
    auto debug = open_at(image, place, id);
    if (debug == nullptr) continue;
    found = place;
    return debug;
  }
  return nullptr;
}

std::unique_ptr<ElfFile> CodeFiles::open_alternate(const ProcessImage& image,
                                                   const std::string& path,
                                                   const ElfFile& debug) {
  if (debug.alternate().empty()) return nullptr;
  const std::string& id = debug.alternate_id();
  const bool absolute = debug.alternate().starts_with('/');
  const std::string named = (absolute ? "" : folder_of(path)) + debug.alternate();
  if (auto elf = open_at(image, named, id)) return elf;
  return id.size() < 4 ? nullptr : open_at(image, by_build_id(id), id);
}

CodeFile* CodeFiles::find_with_debug(const ProcessImage& image, const Mapping& mapping) {
  CodeFile* file = find(image, mapping);
  if (file == nullptr || std::exchange(file->debug_looked_for, true)) return file;
  if (!mapping.is_file()) return file;
  std::string path = mapping.path;
  std::unique_ptr<ElfFile> debug;
  if (file->elf->has_debug_info()) {
    debug = file->elf->again();
  } else {
    debug = open_debug(image, mapping.path, *file->elf, path);
    if (debug != nullptr && !file->elf->has_all_symbols()) {
      file->symbols = open_at(image, path, file->elf->build_id());
    }
  }
  if (debug == nullptr || !debug->has_debug_info() || debug->size_bytes() > kLargestDebugBytes) {
    return file;
  }
  auto alternate = open_alternate(image, path, *debug);
  file->debug = DebugInfo::open(std::move(debug), std::move(alternate));
  return file;
}

}  // namespace tailwhy
