#include "symbols/names.h"

#include "base/text.h"

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>

namespace tailwhy {

namespace {

// Mangled names can stand for texts exponentially longer than themselves.
constexpr std::size_t kLongestMangled = 1024;
constexpr std::size_t kLongestName = 512;

std::string demangle(const std::string& symbol) {
  if (!symbol.starts_with("_Z") || symbol.size() > kLongestMangled) return symbol;
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text != nullptr ? std::string(text.get()) : symbol;
}

// "shop::take(int, char)" up to its parameters; not "(anonymous namespace)" nor "operator()".
std::size_t parameters_of(std::string_view name) {
  int angles = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '<') ++angles;
    if (c == '>' && (i == 0 || name[i - 1] != '-')) --angles;
    if (c != '(' || angles > 0) continue;
    if (name.substr(i).starts_with("(anonymous namespace)")) continue;
    if (name.substr(0, i).ends_with("operator")) continue;
    if (i > 0) return i;
  }
  return name.size();
}

// Rust's older names end in a hash: "shop::take::h0123456789abcdef".
std::string_view without_hash(std::string_view name) {
  constexpr std::size_t kHash = 19;
  if (name.size() <= kHash) return name;
  const std::string_view tail = name.substr(name.size() - kHash);
  const bool hash = tail.starts_with("::h") &&
                    tail.find_first_not_of("0123456789abcdef", 3) == std::string_view::npos;
  return hash ? name.substr(0, name.size() - kHash) : name;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [text](std::string_view prefix) { return text.starts_with(prefix); });
}

}  // namespace

std::string readable_name(const std::string& symbol) {
  const std::string whole = demangle(symbol);
  std::string_view name = whole;
  if (whole != symbol) name = without_hash(name.substr(0, parameters_of(name)));
  return std::string(name.substr(0, kLongestName));
}

ScriptName parse_script_name(std::string_view name) {
  for (const std::string_view prefix : {"JS:", "LazyCompile:", "Function:", "Script:"}) {
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    if (!name.empty() && std::string_view("*~^+").find(name.front()) != std::string_view::npos)
      name.remove_prefix(1);
    ScriptName script;
    const auto [function, where] = split_first(name, ' ');
    script.function = function.empty() ? "(anonymous)" : function;
    const std::size_t column = where.rfind(':');
    const std::size_t line = column == 0 || column == std::string_view::npos
                                 ? std::string_view::npos
                                 : where.rfind(':', column - 1);
    if (line == std::string_view::npos) return script;
    script.file = where.substr(0, line);
    script.line = parse_number<unsigned>(where.substr(line + 1, column - line - 1)).value_or(0);
    return script;
  }
  return {name, {}, 0};
}

bool is_library(std::string_view object, std::string_view file, std::string_view function) {
  const std::string_view name = object.substr(object.rfind('/') + 1);
  if (starts_with_any(name, {"libc.", "libc-", "libpthread", "ld-", "ld.", "libstdc++", "libc++",
                             "libgcc_s", "libm.", "libm-", "librt", "libdl", "libuv.", "libjvm.",
                             "libpython", "libruby", "[vdso]"})) {
    return true;
  }
  for (const std::string_view folder :
       {"/include/c++/", "/usr/lib/gcc", "/rustc/", "/rust/deps/", "/go/src/runtime/",
        "/go/src/sync/", "/go/src/internal/", "/go/src/syscall/", "/c++/v1/", "/gthr"}) {
    if (file.find(folder) != std::string_view::npos) return true;
  }
  return starts_with_any(function, {"std::", "__gnu_cxx::", "__gthread", "core::", "alloc::",
                                    "runtime.", "sync.", "syscall.", "internal/", "Builtins_"});
}

}  // namespace tailwhy
