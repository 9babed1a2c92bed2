#include "symbols/process_maps.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tailwhy {

namespace {

constexpr std::size_t kMostMappings = 65536;

std::optional<std::uint64_t> hex(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view next_word(std::string_view& rest) {
  const std::size_t begin = std::min(rest.find_first_not_of(' '), rest.size());
  rest.remove_prefix(begin);
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

// "55d0c0400000-55d0c0500000 r-xp 00002000 fe:01 1234      /usr/bin/x y (deleted)"
std::optional<Mapping> parse_line(std::string_view line) {
  const auto [first, last] = split_first(next_word(line), '-');
  const auto begin = hex(first);
  const auto end = hex(last);
  const std::string_view rights = next_word(line);
  const auto offset = hex(next_word(line));
  next_word(line);  // the device: not that of stat() on file systems that have many
  const auto inode = parse_number<std::uint64_t>(next_word(line));
  if (!begin || !end || *begin >= *end || !offset || !inode) return std::nullopt;
  if (rights.size() < 3 || rights[2] != 'x') return std::nullopt;
  const std::size_t path = std::min(line.find_first_not_of(' '), line.size());
  return Mapping{*begin, *end, *offset, *inode, std::string(line.substr(path))};
}

}  // namespace

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty() && mappings.size() < kMostMappings) {
    const auto [line, rest] = split_first(text, '\n');
    text = rest;
    if (auto mapping = parse_line(line)) mappings.push_back(*std::move(mapping));
  }
  std::sort(mappings.begin(), mappings.end(),
            [](const Mapping& a, const Mapping& b) { return a.begin < b.begin; });
  return mappings;
}

const Mapping* find_mapping(std::span<const Mapping> mappings, std::uint64_t address) {
  const auto after =
      std::upper_bound(mappings.begin(), mappings.end(), address,
                       [](std::uint64_t value, const Mapping& m) { return value < m.begin; });
  if (after == mappings.begin()) return nullptr;
  const Mapping& mapping = *(after - 1);
  return address < mapping.end ? &mapping : nullptr;
}

}  // namespace tailwhy
