#include "symbols/symbolizer.h"

#include "symbols/names.h"

#include <sys/stat.h>

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace tailwhy {

namespace {

std::string read_all(const UniqueFd& fd, std::size_t most) {
  std::string text;
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  while (text.size() < most) {
    const std::size_t size = text.size();
    text.resize(size + kChunk);
    const ssize_t got = ::read(fd.get(), text.data() + size, kChunk);
    text.resize(size + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got <= 0) break;
  }
  return text;
}

CodeFrame unknown(const Mapping* mapping, std::uint64_t address) {
  CodeFrame frame;
  frame.function = "[unknown]";
  if (mapping == nullptr) return frame;
  const std::string_view path = mapping->path;
  if (mapping->is_file()) {
    frame.function = fmt::format("[{}+{:#x}]", path.substr(path.rfind('/') + 1),
                                 address - mapping->begin + mapping->offset);
  } else if (!path.empty()) {
    frame.function = path;
  }
  frame.library = is_library(path, {}, {});
  return frame;
}

}  // namespace

// It may lie in a folder that everybody can write to: only what the process wrote itself counts.
const PerfMap& Symbolizer::perf_map(const ProcessImage& image) {
  const auto found = perf_maps_.find(image.pid);
  if (found != perf_maps_.end()) return found->second;
  PerfMap map;
  const UniqueFd fd = images_.open_file(image, fmt::format("/tmp/perf-{}.map", image.own_pid), 0);
  struct stat info {};
  if (fd && ::fstat(fd.get(), &info) == 0 && (info.st_uid == image.uid || info.st_uid == 0)) {
    map = PerfMap::parse(read_all(fd, PerfMap::kMostBytes));
  }
  return perf_maps_.emplace(image.pid, std::move(map)).first->second;
}

Symbolizer::Named Symbolizer::look_up_file(const ProcessImage& image,
                                           const Mapping& mapping,
                                           std::uint64_t address) {
  const bool lines = !over_();
  CodeFile* file = lines ? files_.find_with_debug(image, mapping) : files_.find(image, mapping);
  Named named;
  if (file == nullptr) return named;
  const auto place = file->elf->address_of(address - mapping.begin + mapping.offset);
  if (!place) return named;
  if (lines && file->debug != nullptr) {
    for (SourceFrame& source : file->debug->frames_at(*place)) {
      if (source.symbol.empty()) continue;
      CodeFrame frame;
      frame.function = readable_name(source.symbol);
      frame.file = std::move(source.file);
      frame.line = source.line;
      frame.library = is_library(mapping.path, frame.file, frame.function);
      named.frames.push_back(std::move(frame));
    }
  }
  if (!named.frames.empty()) return named;
  std::string_view symbol =
      (file->symbols != nullptr ? *file->symbols : *file->elf).function_at(*place);
  if (symbol.empty()) return named;
  CodeFrame frame;
  frame.function = readable_name(std::string(symbol.substr(0, symbol.find('@'))));
  frame.library = is_library(mapping.path, {}, frame.function);
  named.frames.push_back(std::move(frame));
  return named;
}

Symbolizer::Named Symbolizer::look_up(const ProcessImage& image, std::uint64_t address) {
  const Mapping* mapping = find_mapping(image.mappings, address);
  Named named;
  if (mapping != nullptr && mapping->has_symbols()) named = look_up_file(image, *mapping, address);
  if (named.frames.empty()) {
    // Engines reserve memory for code first and map it later: it need not be in the maps.
    if (const std::string_view script = perf_map(image).find(address); !script.empty()) {
      const ScriptName parts = parse_script_name(script);
      CodeFrame frame;
      frame.function = parts.function;
      frame.file = parts.file;
      frame.line = parts.line;
      frame.library = is_library({}, parts.file, parts.function);
      named.script = !frame.library;
      named.frames.push_back(std::move(frame));
    }
  }
  if (named.frames.empty()) named.frames.push_back(unknown(mapping, address));
  return named;
}

const Symbolizer::Named& Symbolizer::name(const ProcessImage& image, std::uint64_t address) {
  auto& known = named_[image.pid];
  const auto found = known.find(address);
  if (found != known.end()) return found->second;
  return known.emplace(address, look_up(image, address)).first->second;
}

std::vector<CodeFrame> Symbolizer::user_frames(std::uint32_t pid,
                                               std::span<const std::uint64_t> addresses) {
  std::vector<CodeFrame> frames;
  const ProcessImage* image = images_.find(pid);
  bool script = false;
  std::vector<bool> is_script;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (image == nullptr) {
      frames.push_back(unknown(nullptr, addresses[i]));
      continue;
    }
    // The call before a return address is what the caller is at.
    const Named& named = name(*image, i == 0 ? addresses[i] : addresses[i] - 1);
    script |= named.script;
    frames.insert(frames.end(), named.frames.begin(), named.frames.end());
    is_script.resize(frames.size(), named.script);
  }
  if (!script) return frames;
  // In a program that runs scripts, the scripts are the program and the rest is their runtime.
  for (std::size_t i = 0; i < is_script.size(); ++i) {
    if (!is_script[i]) frames[i].library = true;
  }
  return frames;
}

std::vector<CodeFrame> Symbolizer::kernel_frames(std::span<const std::uint64_t> addresses) {
  std::vector<CodeFrame> frames;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::string_view name = kernel_.find(i == 0 ? addresses[i] : addresses[i] - 1);
    CodeFrame frame;
    frame.function = name.empty() ? std::string_view("[kernel]") : name;
    frame.kernel = true;
    frames.push_back(std::move(frame));
  }
  const auto last = std::find_if(frames.rbegin(), frames.rend(), [](const CodeFrame& frame) {
    return is_scheduling(frame.function);
  });
  frames.erase(frames.begin(), last.base());
  return frames;
}

}  // namespace tailwhy
