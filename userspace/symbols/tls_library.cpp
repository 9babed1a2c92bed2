#include "symbols/tls_library.h"

#include "tailwhy/abi/tls.h"

#include "symbols/elf_file.h"
#include "symbols/probe_points.h"
#include "symbols/tls_go.h"

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
  bool has_inner = false;  // it does its work by calling ssl_read_internal or ssl_write_internal
};

struct TlsInterface {
  std::string_view kind;
  std::span<const TlsFunction> functions;
};

constexpr TlsFunction kOpenSsl[] = {
    {"SSL_read", TW_TLS_READ, TW_TLS_INT, true},
    {"SSL_read_ex", TW_TLS_READ, TW_TLS_STORED, true},
    {"SSL_write", TW_TLS_WRITE, TW_TLS_INT, true},
    {"SSL_write_ex", TW_TLS_WRITE, TW_TLS_STORED, true},
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

// Of a call's two probes, with what they tell: nginx's three calls took 5.6 us (tests/bench). Where
// the kernel single-steps, some hypervisors make that 20 us and more.
constexpr Ns kEmulatedNs = 700;
constexpr Ns kReturnProbeNs = 1400;
constexpr Ns kSteppedNs = 1700;

constexpr std::size_t kMostCode = 512;
constexpr std::size_t kInnerCode = 16;

bool is_wanted(std::string_view name) {
  return std::any_of(std::begin(kInterfaces), std::end(kInterfaces), [&](const auto& interface) {
    return std::any_of(interface.functions.begin(), interface.functions.end(),
                       [&](const TlsFunction& function) { return function.name == name; });
  });
}

// Adds the probes of a function that begins at `begin`; gives what its two probes cost.
Ns add_probes(std::uint64_t begin,
              const ProbePoints& points,
              tw_tls_op op,
              tw_tls_result result,
              TlsLibrary& library) {
  const auto cookie = static_cast<std::uint64_t>(TW_TLS_COOKIE(op, result));
  library.entered.push_back({begin + points.entry, cookie, false});
  const Ns entry_ns = points.entry_emulated ? kEmulatedNs : kSteppedNs;
  if (op == TW_TLS_FREE) return entry_ns;
  library.left.push_back({begin, cookie, true});
  const bool often = op != TW_TLS_HANDSHAKE;
  library.stepped = library.stepped || (often && !points.return_emulated);
  return entry_ns + (points.return_emulated ? kReturnProbeNs : kReturnProbeNs + kSteppedNs);
}

// Where the function itself is dear, what it calls may be cheap: OpenSSL's functions hand what they
// were given to one that says by its fourth argument how many bytes it moved.
Ns add_function(const ElfFile& elf,
                const ElfFunction& found,
                const TlsFunction& function,
                TlsLibrary& library) {
  const auto begin = elf.offset_of(found.begin);
  if (!begin) return 0;
  const auto code = elf.read(*begin, std::min<std::uint64_t>(found.end - found.begin, kMostCode));
  if (code.empty()) return 0;
  const ProbePoints points = find_probe_points(code);
  const bool moves = function.op == TW_TLS_READ || function.op == TW_TLS_WRITE;
  if (moves && function.has_inner && !points.return_emulated && points.inner) {
    const auto inner = elf.offset_of(found.begin + static_cast<std::uint64_t>(*points.inner));
    const auto inner_code = inner ? elf.read(*inner, kInnerCode) : std::vector<std::byte>();
    const ProbePoints there = find_probe_points(inner_code);
    if (there.return_emulated) {
      const bool known =
          std::any_of(library.left.begin(), library.left.end(),
                      [&](const CodeProbe& probe) { return probe.offset == *inner; });
      if (known) return kEmulatedNs + kReturnProbeNs;  // SSL_read and SSL_read_ex call the same
      return add_probes(*inner, there, function.op, TW_TLS_STORED, library);
    }
  }
  return add_probes(*begin, points, function.op, function.result, library);
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
      const Ns cost = add_function(*elf, *at, function, library);
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
  std::optional<TlsLibrary> go = find_go_tls(*elf);
  if (go) go->file.reset(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  return go;
}

}  // namespace tailwhy
