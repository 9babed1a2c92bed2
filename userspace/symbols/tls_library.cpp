#include "symbols/tls_library.h"

#include "tailwhy/abi/tls.h"

#include "symbols/elf_file.h"
#include "symbols/probe_points.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <span>

namespace tailwhy {
namespace {

struct TlsFunction {
  std::string_view name;
  tw_tls_op op;
  tw_tls_result result = TW_TLS_INT;
};

struct TlsInterface {
  std::string_view kind;
  std::span<const TlsFunction> functions;
};

constexpr TlsFunction kOpenSsl[] = {
    {"SSL_read", TW_TLS_READ},
    {"SSL_read_ex", TW_TLS_READ, TW_TLS_STORED},
    {"SSL_write", TW_TLS_WRITE},
    {"SSL_write_ex", TW_TLS_WRITE, TW_TLS_STORED},
    {"SSL_do_handshake", TW_TLS_HANDSHAKE},
    {"SSL_free", TW_TLS_FREE},
};
constexpr TlsFunction kGnuTls[] = {
    {"gnutls_record_recv", TW_TLS_READ, TW_TLS_LONG},
    {"gnutls_record_send", TW_TLS_WRITE, TW_TLS_LONG},
    {"gnutls_record_send2", TW_TLS_WRITE, TW_TLS_LONG},
    {"gnutls_handshake", TW_TLS_HANDSHAKE},
    {"gnutls_deinit", TW_TLS_FREE},
};
constexpr TlsInterface kInterfaces[] = {{"OpenSSL", kOpenSsl}, {"GnuTLS", kGnuTls}};

// Of a call's two probes, measured on bare metal and virtual machines
//.
constexpr Ns kEmulatedNs = 700;
constexpr Ns kReturnProbeNs = 1400;
constexpr Ns kSteppedNs = 1700;

constexpr std::size_t kMostCode = std::size_t{64} << 10;

bool is_wanted(std::string_view name) {
  return std::any_of(std::begin(kInterfaces), std::end(kInterfaces), [&](const auto& interface) {
    return std::any_of(interface.functions.begin(), interface.functions.end(),
                       [&](const TlsFunction& function) { return function.name == name; });
  });
}

// Adds the probes of a function; gives what its two probes cost.
Ns add_probes(ElfFile& elf,
              const ElfFunction& found,
              const TlsFunction& function,
              TlsLibrary& library) {
  const auto begin = elf.offset_of(found.begin);
  if (!begin) return 0;
  const std::uint64_t size = std::min<std::uint64_t>(found.end - found.begin, kMostCode);
  const std::vector<std::byte> code = elf.read(*begin, size);
  if (code.empty()) return 0;
  const ProbePoints points = find_probe_points(code);
  const auto cookie = static_cast<std::uint32_t>(TW_TLS_COOKIE(function.op, function.result));
  library.entered.push_back({*begin + points.entry, cookie, false});
  library.stepped = library.stepped || !points.entry_emulated;
  const Ns entry_ns = points.entry_emulated ? kEmulatedNs : kSteppedNs;
  if (function.op == TW_TLS_FREE) return entry_ns;
  for (const std::size_t offset : points.returns)
    library.left.push_back({*begin + offset, cookie, false});
  if (!points.returns.empty() && size == found.end - found.begin) return entry_ns + kEmulatedNs;
  library.left.push_back({*begin, cookie, true});
  library.return_probes = true;
  return entry_ns + kReturnProbeNs;
}

}  // namespace

std::optional<TlsLibrary> find_tls_functions(const UniqueFd& file) {
  const std::unique_ptr<ElfFile> elf =
      ElfFile::open(UniqueFd(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0)));
  if (elf == nullptr || !elf->is_x86_64()) return std::nullopt;
  const std::vector<ElfFunction> found = elf->functions(is_wanted);
  for (const TlsInterface& interface : kInterfaces) {
    TlsLibrary library;
    bool reads = false;
    bool writes = false;
    for (const TlsFunction& function : interface.functions) {
      const auto at = std::find_if(found.begin(), found.end(), [&](const ElfFunction& symbol) {
        return symbol.name == function.name;
      });
      if (at == found.end()) continue;
      const Ns cost = add_probes(*elf, *at, function, library);
      if (cost == 0) continue;
      reads = reads || function.op == TW_TLS_READ;
      writes = writes || function.op == TW_TLS_WRITE;
      if (function.op == TW_TLS_READ || function.op == TW_TLS_WRITE)
        library.expected_ns = std::max(library.expected_ns, cost);
    }
    if (!reads || !writes) continue;
    library.kind = interface.kind;
    library.file.reset(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
    return library;
  }
  return std::nullopt;
}

}  // namespace tailwhy
