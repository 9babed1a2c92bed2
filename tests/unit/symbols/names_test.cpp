// Names of functions as people know them, and which of them are not the program's own.
#include "symbols/names.h"

#include <catch2/catch.hpp>

using namespace tailwhy;

TEST_CASE("names: demangled, without parameters", "[symbols]") {
  CHECK(readable_name("_ZN4shop10take_orderEi") == "shop::take_order");
  CHECK(readable_name("main") == "main");
  CHECK(readable_name("_ZN12_GLOBAL__N_15helloEv") == "(anonymous namespace)::hello");
  CHECK(readable_name("_ZNK4shop4CartclEi") == "shop::Cart::operator()");
  CHECK(readable_name("_ZN4shop3mapISt6vectorIiSaIiEEEEvT_") ==
        "void shop::map<std::vector<int, std::allocator<int> > >");
  CHECK(readable_name("_ZN4shop4take17h0123456789abcdefE") == "shop::take");  // Rust
  CHECK(readable_name("_Znonsense") == "_Znonsense");
  CHECK(readable_name("").empty());
  CHECK(readable_name(std::string(5000, 'x')).size() == 512);
}

TEST_CASE("names: scripts say their file and line", "[symbols]") {
  const ScriptName name = parse_script_name("JS:*takeOrder /srv/my shop.js:12:9");
  CHECK(name.function == "takeOrder");
  CHECK(name.file == "/srv/my shop.js");
  CHECK(name.line == 12);
  CHECK(parse_script_name("JS:~ /srv/shop.js:1:1").function == "(anonymous)");
  CHECK(parse_script_name("LazyCompile:handle").function == "handle");
  CHECK(parse_script_name("JS:").function == "(anonymous)");
  CHECK(parse_script_name("JS:f :").function == "f");
  CHECK(parse_script_name("JS:f ::").line == 0);
  CHECK(parse_script_name("py::handle:/srv/shop.py").function == "py::handle:/srv/shop.py");
  CHECK(parse_script_name("").function.empty());
}

TEST_CASE("names: libraries are not the program", "[symbols]") {
  CHECK(is_library("/usr/lib/x86_64-linux-gnu/libc.so.6", "", "read"));
  CHECK(is_library("/usr/lib/libstdc++.so.6", "", "x"));
  CHECK(is_library("[vdso]", "", ""));
  CHECK(is_library("/usr/bin/shop", "/usr/include/c++/12/bits/std_mutex.h", "std::mutex::lock"));
  CHECK(is_library("/usr/bin/shop", "", "runtime.futex"));
  CHECK(is_library("/usr/bin/shop", "/rustc/abc/library/std/src/sync/mutex.rs", "lock"));
  CHECK(is_library("", "", "Builtins_InterpreterEntryTrampoline"));
  CHECK_FALSE(is_library("/usr/bin/shop", "/src/shop.cpp", "shop::take_order"));
  CHECK_FALSE(is_library("/usr/lib/libshop.so", "", "take_order"));
  CHECK_FALSE(is_library("/opt/libcart.so", "", "add"));
}
