#include "symbols/elf_file.h"

#include <sys/auxv.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {

namespace {

constexpr std::size_t kMostFunctions = 4'000'000;
constexpr std::size_t kLongestBuildId = 64;

// A string of a section, if it ends within it.
const char* string_in(const Elf_Data* data, std::uint64_t offset) {
  if (data == nullptr || data->d_buf == nullptr || offset >= data->d_size) return nullptr;
  const char* text = static_cast<const char*>(data->d_buf) + offset;
  return std::memchr(text, '\0', data->d_size - offset) != nullptr ? text : nullptr;
}

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i)
    text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string build_id_in(Elf_Data* data) {
  GElf_Nhdr note{};
  std::size_t name = 0;
  std::size_t content = 0;
  for (std::size_t at = 0; (at = gelf_getnote(data, at, &note, &name, &content)) > 0;) {
    if (note.n_type != NT_GNU_BUILD_ID || note.n_descsz > kLongestBuildId) continue;
    return hex(static_cast<const std::uint8_t*>(data->d_buf) + content, note.n_descsz);
  }
  return {};
}

// Calls `tell` with each named thing that the symbol tables of that type place in the file.
template <class Tell>
void for_each_symbol(Elf* elf, std::uint32_t type, Tell&& tell) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header{};
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != type) continue;
    if (header.sh_entsize != sizeof(Elf64_Sym)) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    Elf_Scn* names = elf_getscn(elf, header.sh_link);
    const Elf_Data* strings = names != nullptr ? elf_getdata(names, nullptr) : nullptr;
    if (data == nullptr || strings == nullptr) continue;
    const std::size_t count = std::min(data->d_size / sizeof(Elf64_Sym), kMostFunctions);
    for (std::size_t i = 0; i < count; ++i) {
      GElf_Sym symbol{};
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
      if (symbol.st_shndx == SHN_UNDEF) continue;
      const char* name = string_in(strings, symbol.st_name);
      if (name != nullptr && *name != '\0') tell(symbol, name);
    }
  }
}

template <class Tell>
void for_each_function(Elf* elf, std::uint32_t type, Tell&& tell) {
  for_each_symbol(elf, type, [&](const GElf_Sym& symbol, const char* name) {
    const auto kind = GELF_ST_TYPE(symbol.st_info);
    if (kind == STT_FUNC || kind == STT_GNU_IFUNC) tell(symbol, name);
  });
}

}  // namespace

// Ours is that of the others. Its section headers are at its end, and the kernel maps whole pages.
std::unique_ptr<ElfFile> ElfFile::open_vdso() {
  elf_version(EV_CURRENT);
  const auto begin = getauxval(AT_SYSINFO_EHDR);
  if (begin == 0) return nullptr;
  auto* bytes = reinterpret_cast<char*>(begin);  // NOLINT(performance-no-int-to-ptr)
  Elf64_Ehdr header{};
  std::memcpy(&header, bytes, sizeof(header));
  const std::size_t size =
      header.e_shoff + static_cast<std::size_t>(header.e_shnum) * header.e_shentsize;
  ElfHandle elf(elf_memory(bytes, size));
  if (!elf) return nullptr;
  std::unique_ptr<ElfFile> file(new ElfFile(UniqueFd(), std::move(elf)));
  file->read_segments();
  file->read_sections();
  return file;
}

std::unique_ptr<ElfFile> ElfFile::open(UniqueFd fd) {
  elf_version(EV_CURRENT);
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return nullptr;
  ElfHandle elf(elf_begin(fd.get(), ELF_C_READ, nullptr));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF || gelf_getclass(elf.get()) != ELFCLASS64) {
    return nullptr;
  }
  std::unique_ptr<ElfFile> file(new ElfFile(std::move(fd), std::move(elf)));
  file->size_bytes_ = static_cast<std::uint64_t>(info.st_size);
  file->read_segments();
  file->read_sections();
  return file;
}

std::unique_ptr<ElfFile> ElfFile::again() const {
  return open(UniqueFd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0)));
}

void ElfFile::read_segments() {
  std::size_t count = 0;
  if (elf_getphdrnum(elf_.get(), &count) != 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr header{};
    if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr) return;
    if (header.p_type != PT_LOAD) continue;
    segments_.push_back({header.p_offset, header.p_filesz, header.p_vaddr});
  }
}

void ElfFile::read_sections() {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf_.get(), &names) != 0) return;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_.get(), section)) != nullptr;) {
    GElf_Shdr header{};
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* text = elf_strptr(elf_.get(), names, header.sh_name);
    const std::string_view name = text != nullptr ? text : "";
    if (header.sh_type == SHT_SYMTAB) symbols_section_ = true;
    if (name == ".debug_info" || name == ".zdebug_info") debug_info_ = header.sh_type != SHT_NOBITS;
    if (name == ".gnu_debugaltlink") {
      const Elf_Data* data = elf_getdata(section, nullptr);
      const char* link = string_in(data, 0);
      alternate_ = link != nullptr && *link != '\0' ? link : "?";
      const std::size_t id = alternate_.size() + 1;
      if (link != nullptr && id < data->d_size && data->d_size - id <= kLongestBuildId) {
        alternate_id_ = hex(static_cast<const std::uint8_t*>(data->d_buf) + id, data->d_size - id);
      }
    }
    if (header.sh_type == SHT_NOTE && build_id_.empty()) {
      if (Elf_Data* data = elf_getdata(section, nullptr)) build_id_ = build_id_in(data);
    }
    if (name == ".gnu_debuglink") {
      const char* link = string_in(elf_getdata(section, nullptr), 0);
      if (link != nullptr && std::strchr(link, '/') == nullptr) debug_link_ = link;
    }
  }
}

std::optional<std::uint64_t> ElfFile::address_of(std::uint64_t offset) const {
  for (const Segment& segment : segments_) {
    if (offset < segment.offset || offset - segment.offset >= segment.size) continue;
    return segment.address + (offset - segment.offset);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ElfFile::offset_of(std::uint64_t address) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address >= segment.size) continue;
    return segment.offset + (address - segment.address);
  }
  return std::nullopt;
}

bool ElfFile::is_x86_64() const {
  GElf_Ehdr header{};
  return gelf_getehdr(elf_.get(), &header) != nullptr && header.e_machine == EM_X86_64;
}

std::vector<std::byte> ElfFile::read(std::uint64_t offset, std::size_t size) const {
  std::vector<std::byte> bytes(size);
  const ssize_t got = ::pread(fd_.get(), bytes.data(), size, static_cast<off_t>(offset));
  if (got < 0 || static_cast<std::size_t>(got) != size) bytes.clear();
  return bytes;
}

std::vector<ElfFunction> ElfFile::functions(
    const std::function<bool(std::string_view)>& wanted) const {
  std::vector<ElfFunction> found;
  for (const std::uint32_t type : {SHT_DYNSYM, SHT_SYMTAB}) {
    for_each_function(elf_.get(), type, [&](const GElf_Sym& symbol, const char* name) {
      if (symbol.st_size != 0 && wanted(name))
        found.push_back({name, symbol.st_value, symbol.st_value + symbol.st_size});
    });
    if (!found.empty()) break;
  }
  return found;
}

std::optional<std::uint64_t> ElfFile::object(
    const std::function<bool(std::string_view)>& wanted) const {
  std::optional<std::uint64_t> found;
  for_each_symbol(elf_.get(), SHT_SYMTAB, [&](const GElf_Sym& symbol, const char* name) {
    if (!found && GELF_ST_TYPE(symbol.st_info) == STT_OBJECT && wanted(name))
      found = symbol.st_value;
  });
  return found;
}

void ElfFile::read_symbols(std::uint32_t type) {
  for_each_function(elf_.get(), type, [&](const GElf_Sym& symbol, const char* name) {
    functions_.push_back({symbol.st_value, symbol.st_value + symbol.st_size, name});
  });
}

std::string_view ElfFile::function_at(std::uint64_t address) {
  if (!std::exchange(symbols_read_, true)) {
    read_symbols(SHT_SYMTAB);
    if (functions_.empty()) read_symbols(SHT_DYNSYM);
    std::stable_sort(functions_.begin(), functions_.end(),
                     [](const Function& a, const Function& b) { return a.begin < b.begin; });
  }
  auto at =
      std::upper_bound(functions_.begin(), functions_.end(), address,
                       [](std::uint64_t value, const Function& f) { return value < f.begin; });
  // Several symbols may begin at one place, and some have no size.
  for (int steps = 0; at != functions_.begin() && steps < 8; ++steps) {
    --at;
    if (address < at->end || at->begin == at->end) return at->name;
  }
  return {};
}

}  // namespace tailwhy
