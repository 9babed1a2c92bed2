// Matching of process names. regcomp() and not std::regex: no exceptions, and no recursion that a
// pattern from a configuration file could drive into the end of the stack.
#include "targets/name_pattern.h"

#include <array>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kCommBytes = 15;  // TASK_COMM_LEN without its NUL

}  // namespace

void NamePattern::RegexFree::operator()(regex_t* regex) const noexcept {
  ::regfree(regex);
  delete regex;
}

NamePattern::NamePattern(std::string exact, Regex regex)
    : exact_(std::move(exact)), regex_(std::move(regex)) {}

Result<NamePattern> NamePattern::parse(std::string_view text) {
  const bool is_regex = text.size() >= 2 && text.front() == '/' && text.back() == '/';
  const std::string body(is_regex ? text.substr(1, text.size() - 2) : text);
  if (body.empty()) return Error(ErrorCode::Usage, "a process name to look for is empty");
  if (body.find('\0') != std::string_view::npos) {
    return Error(ErrorCode::Usage, "a process name to look for holds a NUL byte");
  }
  if (!is_regex) return NamePattern(body.substr(0, kCommBytes), nullptr);

  auto compiled = std::make_unique<regex_t>();
  if (const int err = ::regcomp(compiled.get(), body.c_str(), REG_EXTENDED | REG_NOSUB); err != 0) {
    std::array<char, 128> reason{};
    ::regerror(err, compiled.get(), reason.data(), reason.size());
    return Error(
        ErrorCode::Usage, "the expression " + std::string(text) + " is not valid: " + reason.data(),
        "between the slashes stands a POSIX extended regular expression, as pgrep takes it");
  }
  return NamePattern({}, Regex(compiled.release()));
}

bool NamePattern::matches(std::string_view comm) const {
  if (!regex_) return comm == exact_;
  return ::regexec(regex_.get(), std::string(comm).c_str(), 0, nullptr, 0) == 0;
}

}  // namespace tailwhy
