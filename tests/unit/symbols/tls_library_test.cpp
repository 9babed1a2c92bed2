// TLS libraries of this machine, and processes that have them mapped.
#include "symbols/tls_library.h"

#include "tailwhy/abi/tls.h"

#include "symbols/elf_file.h"
#include "symbols/root_file.h"
#include "symbols/tls_libraries.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <dlfcn.h>
#include <link.h>
#include <string>
#include <unistd.h>

using namespace tailwhy;

namespace {

// Where the dynamic linker finds it; empty: it is not installed.
std::string installed(const char* name) {
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  link_map* map = nullptr;
  if (library == nullptr || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) return {};
  return map->l_name;
}

std::ptrdiff_t count(const std::vector<CodeProbe>& probes, unsigned op) {
  return std::count_if(probes.begin(), probes.end(),
                       [&](const CodeProbe& probe) { return TW_TLS_OP(probe.cookie) == op; });
}

// What may be under a probe: push, call, jmp, jcc, nop. Anything else costs as much as 30 of them.
void check_places(const std::string& path, const TlsLibrary& library) {
  const auto elf = ElfFile::open(open_regular(path));
  REQUIRE(elf != nullptr);
  for (const CodeProbe& probe : library.entered) {
    const auto bytes = elf->read(probe.offset, 2);
    REQUIRE(bytes.size() == 2);
    const auto first = std::to_integer<unsigned>(bytes[0]);
    const bool rex_push = first == 0x41 && (std::to_integer<unsigned>(bytes[1]) & 0xf8U) == 0x50;
    CHECK((rex_push || (first & 0xf0U) == 0x70 || (first & 0xf8U) == 0x50 || first == 0xe8 ||
           first == 0xe9 || first == 0xeb || first == 0x0f || first == 0x90));
  }
  for (const CodeProbe& probe : library.left)
    CHECK(probe.on_return);
}

}  // namespace

TEST_CASE("tls library: the functions of OpenSSL, none single-stepped", "[tls]") {
  const std::string path = installed("libssl.so.3");
  if (path.empty()) return;
  const auto library = find_tls_functions(open_regular(path));
  REQUIRE(library.has_value());
  CHECK(library->kind == "OpenSSL");
  CHECK(count(library->entered, TW_TLS_READ) >= 1);
  CHECK(count(library->entered, TW_TLS_WRITE) >= 1);
  CHECK(count(library->entered, TW_TLS_HANDSHAKE) == 1);
  CHECK(count(library->entered, TW_TLS_FREE) == 1);
  CHECK(count(library->left, TW_TLS_READ) == count(library->entered, TW_TLS_READ));
  CHECK(count(library->left, TW_TLS_FREE) == 0);
  CHECK_FALSE(library->stepped);
  CHECK(library->expected_ns > 0);
  check_places(path, *library);
}

TEST_CASE("tls library: the functions of GnuTLS", "[tls]") {
  const std::string path = installed("libgnutls.so.30");
  if (path.empty()) return;
  const auto library = find_tls_functions(open_regular(path));
  REQUIRE(library.has_value());
  CHECK(library->kind == "GnuTLS");
  CHECK(count(library->entered, TW_TLS_READ) == 1);
  CHECK(count(library->entered, TW_TLS_WRITE) == 2);
}

TEST_CASE("tls library: other files have none", "[tls]") {
  CHECK_FALSE(find_tls_functions(open_regular("/proc/self/exe")).has_value());
  CHECK_FALSE(find_tls_functions(open_regular("/etc/passwd")).has_value());
  CHECK_FALSE(find_tls_functions(UniqueFd()).has_value());
}

TEST_CASE("tls libraries: of a process, also one that is loaded later, each once", "[tls]") {
  const std::string path = installed("libssl.so.3");  // loads it into this process
  if (path.empty()) return;
  TlsLibraries libraries;
  const auto found = libraries.look(static_cast<std::uint32_t>(getpid()));
  const auto openssl = std::find_if(found.begin(), found.end(), [](const TlsLibrary& library) {
    return library.kind == "OpenSSL";
  });
  REQUIRE(openssl != found.end());
  CHECK(openssl->path.find("libssl") != std::string::npos);
  CHECK(libraries.look(static_cast<std::uint32_t>(getpid())).empty());
  CHECK(libraries.look_again().empty());
  CHECK(libraries.look(0).empty());  // no such process
  CHECK(libraries.skipped() == 0);
}
