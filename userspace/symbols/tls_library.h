// The functions of a TLS library in a file, and where probes on them cost least: the library itself
// or a program that it is linked into. Knows nothing of processes, nor of how probes are attached.
#pragma once

#include "base/clock.h"
#include "base/handle.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

class ElfFile;

/// A place of the file's code for a probe.
struct CodeProbe {
  std::uint64_t offset = 0;  ///< in the file
  std::uint64_t cookie = 0;  ///< abi/tls.h
  bool on_return = false;    ///< a return probe on the function that begins there
};

struct TlsLibrary {
  std::string path;       ///< as the process that has it names it
  std::string_view kind;  ///< "OpenSSL" (and what has its interface), "GnuTLS", "Go"
  UniqueFd file;
  std::vector<CodeProbe> entered;
  std::vector<CodeProbe> left;
  /// What a read or write of plaintext will cost the process about, by the places that were found.
  Ns expected_ns = 0;
  bool stepped = false;  ///< some probes are on instructions that the kernel single-steps
};

/// Nothing: the file has no function that reads and none that writes plaintext.
std::optional<TlsLibrary> find_tls_functions(const UniqueFd& file);

}  // namespace tailwhy
