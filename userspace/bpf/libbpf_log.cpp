#include "bpf/libbpf_log.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string_view>

namespace tailwhy {
namespace {

constexpr std::size_t kLinesMax = 400;
constexpr std::size_t kLastWords = 4;

// libbpf has one callback for the process and no context pointer.
thread_local LibbpfLog* current = nullptr;

int on_print(libbpf_print_level level, const char* format, va_list args) {
  if (current == nullptr || level == LIBBPF_DEBUG) return 0;
  std::string text(512, '\0');
  va_list again;
  va_copy(again, args);
  const int size = std::vsnprintf(text.data(), text.size(), format, args);
  if (size >= static_cast<int>(text.size())) {  // verifier logs come as one message
    text.resize(static_cast<std::size_t>(size) + 1);
    std::vsnprintf(text.data(), text.size(), format, again);
  }
  va_end(again);
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  current->take(text);
  return 0;
}

// Frame and statistics lines of the verifier's log, which say nothing about the cause.
bool is_noise(std::string_view line) {
  return line.empty() || line.starts_with("--") || line.starts_with("processed ") ||
         line.starts_with("libbpf: failed to load object") ||
         line.starts_with("libbpf: permission error while running as root") ||
         line.starts_with("libbpf: Error in bpf_object__probe_loading") ||
         line.starts_with("libbpf: failed to load BPF skeleton");
}

}  // namespace

LibbpfLog::LibbpfLog() : outer_(current) {
  libbpf_set_print(on_print);
  current = this;
}

LibbpfLog::~LibbpfLog() {
  current = outer_;
}

void LibbpfLog::take(const std::string& text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    if (end > begin) lines_.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (lines_.size() > kLinesMax) {
    lines_.erase(lines_.begin(), lines_.end() - static_cast<std::ptrdiff_t>(kLinesMax));
  }
}

std::string LibbpfLog::last_words() const {
  std::vector<std::string_view> words;
  for (auto line = lines_.rbegin(); line != lines_.rend() && words.size() < kLastWords; ++line) {
    if (!is_noise(*line)) words.push_back(*line);
  }
  std::string text;
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    if (!text.empty()) text += " | ";
    text += *word;
  }
  return text;
}

std::string LibbpfLog::program() const {
  constexpr std::string_view kMark = "prog '";
  for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) {
    const std::size_t begin = line->find(kMark);
    if (begin == std::string::npos) continue;
    const std::size_t name = begin + kMark.size();
    const std::size_t end = line->find('\'', name);
    if (end != std::string::npos) return line->substr(name, end - name);
  }
  return {};
}

}  // namespace tailwhy
