#include "symbols/debug_info.h"

#include <algorithm>
#include <cstdlib>
#include <dwarf.h>
#include <utility>

namespace tailwhy {

namespace {

constexpr std::size_t kMostRanges = 1'000'000;
constexpr int kDeepest = 64;  // functions inlined into each other

struct Scopes {
  Dwarf_Die* dies = nullptr;
  int count = 0;
  Scopes() = default;
  Scopes(const Scopes&) = delete;
  Scopes& operator=(const Scopes&) = delete;
  ~Scopes() { std::free(dies); }
};

std::string text_of(const char* text) {
  return text != nullptr ? std::string(text) : std::string();
}

std::string symbol_of(Dwarf_Die* die) {
  Dwarf_Attribute memory{};
  for (const unsigned name : {static_cast<unsigned>(DW_AT_linkage_name),
                              static_cast<unsigned>(DW_AT_MIPS_linkage_name)}) {
    Dwarf_Attribute* attribute = dwarf_attr_integrate(die, name, &memory);
    const char* text = attribute != nullptr ? dwarf_formstring(attribute) : nullptr;
    if (text != nullptr) return text;
  }
  return text_of(dwarf_diename(die));
}

std::uint64_t number_of(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute memory{};
  Dwarf_Word value = 0;
  Dwarf_Attribute* attribute = dwarf_attr(die, name, &memory);
  return attribute != nullptr && dwarf_formudata(attribute, &value) == 0 ? value : 0;
}

// Where the inlined function is called from.
void call_site(Dwarf_Die* unit, Dwarf_Die* inlined, SourceFrame& caller) {
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  const std::uint64_t file = number_of(inlined, DW_AT_call_file);
  if (dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count) {
    caller.file = text_of(dwarf_filesrc(files, file, nullptr, nullptr));
  }
  caller.line = static_cast<std::uint32_t>(number_of(inlined, DW_AT_call_line));
}

}  // namespace

DebugInfo::~DebugInfo() {
  dwarf_.reset();  // before what it needs
}

std::unique_ptr<DebugInfo> DebugInfo::open(std::unique_ptr<ElfFile> file,
                                           std::unique_ptr<ElfFile> alternate) {
  // What it names by itself would be opened by that name, wherever that leads.
  if (file == nullptr || (!file->alternate().empty() && alternate == nullptr)) return nullptr;
  std::unique_ptr<DebugInfo> info(new DebugInfo);
  info->dwarf_.reset(dwarf_begin_elf(file->elf(), DWARF_C_READ, nullptr));
  if (!info->dwarf_) return nullptr;
  if (alternate != nullptr) {
    info->alternate_.reset(dwarf_begin_elf(alternate->elf(), DWARF_C_READ, nullptr));
    if (!info->alternate_) return nullptr;
    dwarf_setalt(info->dwarf_.get(), info->alternate_.get());
  }
  info->file_ = std::move(file);
  info->alternate_file_ = std::move(alternate);
  info->index_units();
  return info;
}

// By the units themselves: not every compiler writes .debug_aranges.
void DebugInfo::index_units() {
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die{};
  while (dwarf_get_units(dwarf_.get(), unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
    Dwarf_Addr base = 0;
    Dwarf_Addr begin = 0;
    Dwarf_Addr end = 0;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &begin, &end)) > 0;) {
      if (begin < end && units_.size() < kMostRanges) units_.push_back({begin, end, die});
    }
  }
  std::sort(units_.begin(), units_.end(),
            [](const UnitRange& a, const UnitRange& b) { return a.begin < b.begin; });
}

Dwarf_Die* DebugInfo::unit_at(std::uint64_t address) {
  auto after =
      std::upper_bound(units_.begin(), units_.end(), address,
                       [](std::uint64_t value, const UnitRange& r) { return value < r.begin; });
  if (after == units_.begin()) return nullptr;
  --after;
  return address < after->end ? &after->unit : nullptr;
}

std::vector<SourceFrame> DebugInfo::frames_at(std::uint64_t address) {
  std::vector<SourceFrame> frames;
  Dwarf_Die* unit = unit_at(address);
  if (unit == nullptr) return frames;
  SourceFrame here;
  if (Dwarf_Line* line = dwarf_getsrc_die(unit, address)) {
    int number = 0;
    here.file = text_of(dwarf_linesrc(line, nullptr, nullptr));
    if (dwarf_lineno(line, &number) == 0 && number > 0)
      here.line = static_cast<std::uint32_t>(number);
  }
  Scopes innermost;
  innermost.count = dwarf_getscopes(unit, address, &innermost.dies);
  if (innermost.count <= 0) return frames;
  // Those tell where functions were declared; what encloses the innermost one is where they are.
  Scopes scopes;
  scopes.count = dwarf_getscopes_die(&innermost.dies[0], &scopes.dies);
  for (int i = 0; i < scopes.count && i < kDeepest; ++i) {
    Dwarf_Die* die = &scopes.dies[i];
    const int tag = dwarf_tag(die);
    if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine) continue;
    here.symbol = symbol_of(die);
    frames.push_back(std::exchange(here, {}));
    if (tag == DW_TAG_subprogram) break;
    call_site(unit, die, here);
  }
  return frames;
}

}  // namespace tailwhy
