// The code that a process has mapped, from the text of /proc/PID/maps. Pure: the text is the
// target's, so nothing in it is believed to be well-formed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

/// One executable mapping.
struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  ///< of `begin` in the file
  std::uint64_t inode = 0;   ///< 0: no file
  std::string path;          ///< as the process names it; "[vdso]", empty: no file

  [[nodiscard]] bool is_file() const { return inode != 0 && path.starts_with('/'); }
  [[nodiscard]] bool is_vdso() const { return path == "[vdso]"; }
  /// What is in it is known by a file, or might be.
  [[nodiscard]] bool has_symbols() const { return is_file() || is_vdso(); }
  bool operator==(const Mapping&) const = default;
};

/// The executable mappings, by address; lines that are none are left out, and what is beyond 65536.
std::vector<Mapping> parse_maps(std::string_view text);

/// The one that has the address; null: none.
const Mapping* find_mapping(std::span<const Mapping> mappings, std::uint64_t address);

}  // namespace tailwhy
