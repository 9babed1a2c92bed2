// The files that code was mapped from, each opened once, with their debug information: their own,
// or that of a separate file with the same build id, looked for where debuggers look, below the
// root of the process.
#pragma once

#include "symbols/debug_info.h"
#include "symbols/elf_file.h"
#include "symbols/process_images.h"

#include <cstdint>
#include <elfutils/libdw.h>
#include <map>
#include <memory>
#include <string>
#include <tuple>

namespace tailwhy {

struct CfiTraits {
  static Dwarf_CFI* invalid() noexcept { return nullptr; }
  static void close(Dwarf_CFI* cfi) noexcept { dwarf_cfi_end(cfi); }
};

struct CodeFile {
  std::unique_ptr<ElfFile> elf;       ///< null: it cannot be read
  Handle<Dwarf_CFI*, CfiTraits> cfi;  ///< how to unwind its functions; needs `elf`
  bool debug_looked_for = false;
  std::unique_ptr<DebugInfo> debug;
  std::unique_ptr<ElfFile> symbols;  ///< with more symbols than `elf`; null: that has them

  CodeFile() = default;
  CodeFile(CodeFile&&) = delete;
  ~CodeFile() { cfi.reset(); }
};

class CodeFiles {
 public:
  explicit CodeFiles(const ProcessImages& images) : images_(images) {}

  /// The file of a mapping; null: it has none that can be read.
  CodeFile* find(const ProcessImage& image, const Mapping& mapping);
  /// The same with its debug information, if it has any.
  CodeFile* find_with_debug(const ProcessImage& image, const Mapping& mapping);

 private:
  std::unique_ptr<ElfFile> open_debug(const ProcessImage& image,
                                      const std::string& path,
                                      const ElfFile& elf,
                                      std::string& found);
  std::unique_ptr<ElfFile> open_alternate(const ProcessImage& image,
                                          const std::string& path,
                                          const ElfFile& debug);
  std::unique_ptr<ElfFile> open_at(const ProcessImage& image,
                                   const std::string& path,
                                   const std::string& build_id);

  using Key = std::tuple<std::string, std::string, std::uint64_t>;
  const ProcessImages& images_;
  std::map<Key, std::unique_ptr<CodeFile>> files_;
};

}  // namespace tailwhy
