// How names of functions are shown: demangled, without parameters; and which of them are not the
// program's own. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tailwhy {

/// "_ZN4shop10take_orderEi" as "shop::take_order"; what is no mangled name stays as it is.
std::string readable_name(const std::string& symbol);

/// A JavaScript engine's "JS:*take_order /srv/shop.js:12:9" taken apart.
struct ScriptName {
  std::string_view function;
  std::string_view file;
  unsigned line = 0;
};
ScriptName parse_script_name(std::string_view name);

/// Whether code is the C library, a language's runtime or its standard library, by the file it was
/// compiled from (may be empty), the function, and the object it lies in.
bool is_library(std::string_view object, std::string_view file, std::string_view function);

}  // namespace tailwhy
