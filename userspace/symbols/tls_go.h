// Go's crypto/tls in a program that has its symbols: where its plaintext can be seen.
#pragma once

#include "symbols/tls_library.h"

#include <optional>

namespace tailwhy {

class ElfFile;

/// Its probes, all of them on instructions that the kernel emulates; `file` and `path` are left to
/// the caller. Nothing: the program has no crypto/tls, or its code is not as it is known.
std::optional<TlsLibrary> find_go_tls(const ElfFile& elf);

}  // namespace tailwhy
