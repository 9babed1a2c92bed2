// Lines and inlined functions, from the DWARF of one file. Knows nothing of where files are.
#pragma once

#include "base/handle.h"
#include "symbols/elf_file.h"

#include <cstdint>
#include <elfutils/libdw.h>
#include <memory>
#include <string>
#include <vector>

namespace tailwhy {

struct DwarfTraits {
  static Dwarf* invalid() noexcept { return nullptr; }
  static void close(Dwarf* dwarf) noexcept { dwarf_end(dwarf); }
};

/// A function that an address is in, with the line that it is at there.
struct SourceFrame {
  std::string symbol;  ///< its name for the linker if it has one, or else that of the source
  std::string file;
  std::uint32_t line = 0;
};

class DebugInfo {
 public:
  /// Of a file that has some. `alternate`: the one that it needs to be whole, if so; kept.
  static std::unique_ptr<DebugInfo> open(std::unique_ptr<ElfFile> file,
                                         std::unique_ptr<ElfFile> alternate);
  ~DebugInfo();
  DebugInfo(const DebugInfo&) = delete;
  DebugInfo& operator=(const DebugInfo&) = delete;

  /// The function at the address and those that it is inlined into, innermost first.
  std::vector<SourceFrame> frames_at(std::uint64_t address);

 private:
  struct UnitRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    Dwarf_Die unit;
  };
  DebugInfo() = default;
  void index_units();
  Dwarf_Die* unit_at(std::uint64_t address);

  std::unique_ptr<ElfFile> file_;
  std::unique_ptr<ElfFile> alternate_file_;
  Handle<Dwarf*, DwarfTraits> alternate_;
  Handle<Dwarf*, DwarfTraits> dwarf_;
  std::vector<UnitRange> units_;
};

}  // namespace tailwhy
