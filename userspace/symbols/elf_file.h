// One ELF file: where its bytes are loaded, its function symbols, and what names its debug
// information. The file is the target's: nothing in it is believed. It is read, never mapped, so
// that one which shrinks meanwhile cannot kill us.
#pragma once

#include "base/handle.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <libelf.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

struct ElfTraits {
  static Elf* invalid() noexcept { return nullptr; }
  static void close(Elf* elf) noexcept { elf_end(elf); }
};
using ElfHandle = Handle<Elf*, ElfTraits>;

/// A function of a file.
struct ElfFunction {
  std::string name;
  std::uint64_t begin = 0;  ///< addresses, as the file wants to be loaded
  std::uint64_t end = 0;
};

class ElfFile {
 public:
  /// Null: it is none, or none of 64 bits.
  static std::unique_ptr<ElfFile> open(UniqueFd fd);
  /// The code that the kernel gives to every process of 64 bits.
  static std::unique_ptr<ElfFile> open_vdso();

  /// The same file for somebody else, whatever has become of its name.
  [[nodiscard]] std::unique_ptr<ElfFile> again() const;

  [[nodiscard]] Elf* elf() const { return elf_.get(); }
  /// The address at which the file wants the byte at `offset` to lie; nothing: it is not loaded.
  [[nodiscard]] std::optional<std::uint64_t> address_of(std::uint64_t offset) const;
  /// The other way round.
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::uint64_t address) const;
  [[nodiscard]] bool is_x86_64() const;
  /// Its functions of these names: those that it offers to others, or if there is none of them,
  /// those that only its symbol table has.
  [[nodiscard]] std::vector<ElfFunction> functions(
      const std::function<bool(std::string_view)>& wanted) const;
  /// The address of a variable or constant that its symbol table has.
  [[nodiscard]] std::optional<std::uint64_t> object(
      const std::function<bool(std::string_view)>& wanted) const;
  /// Bytes of the file; empty: it has not so many there.
  [[nodiscard]] std::vector<std::byte> read(std::uint64_t offset, std::size_t size) const;
  /// The symbol, as it is written, of the function at that address; empty: none.
  [[nodiscard]] std::string_view function_at(std::uint64_t address);
  /// It has the symbols that `strip` takes away.
  [[nodiscard]] bool has_all_symbols() const { return symbols_section_; }
  [[nodiscard]] bool has_debug_info() const { return debug_info_; }
  /// The file that its debug information needs to be whole (dwz): its name, and what build id it
  /// must have. Empty: it needs none.
  [[nodiscard]] const std::string& alternate() const { return alternate_; }
  [[nodiscard]] const std::string& alternate_id() const { return alternate_id_; }
  /// Lower-case hexadecimal; empty: none.
  [[nodiscard]] const std::string& build_id() const { return build_id_; }
  /// Name of the file with its debug information, without folder; empty: none.
  [[nodiscard]] const std::string& debug_link() const { return debug_link_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  struct Function {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    const char* name = nullptr;  // in the file's string table
  };
  struct Segment {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint64_t address = 0;
  };
  ElfFile(UniqueFd fd, ElfHandle elf) : fd_(std::move(fd)), elf_(std::move(elf)) {}
  void read_segments();
  void read_sections();
  void read_symbols(std::uint32_t type);

  UniqueFd fd_;
  ElfHandle elf_;
  std::vector<Segment> segments_;
  bool symbols_read_ = false;
  std::vector<Function> functions_;
  bool symbols_section_ = false;
  bool debug_info_ = false;
  std::string alternate_;
  std::string alternate_id_;
  std::string build_id_;
  std::string debug_link_;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace tailwhy
