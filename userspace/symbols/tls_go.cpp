#include "symbols/tls_go.h"

#include "tailwhy/abi/tls.h"

#include "symbols/elf_file.h"
#include "symbols/go_code.h"

#include <algorithm>
#include <string_view>

namespace tailwhy {
namespace {

constexpr std::string_view kRead = "crypto/tls.(*Conn).Read";
constexpr std::string_view kWrite = "crypto/tls.(*Conn).Write";
constexpr std::string_view kServer = "crypto/tls.(*Conn).serverHandshake";
constexpr std::string_view kClient = "crypto/tls.(*Conn).clientHandshake";
constexpr std::string_view kCopy = "runtime.memmove";

constexpr std::size_t kMostCode = 16384;
constexpr Ns kProbeNs = 1700;  // one, emulated, and what it tells; measured with net/http

bool is_wanted(std::string_view name) {
  return name == kRead || name == kWrite || name == kServer || name == kClient || name == kCopy;
}

// As the linker calls it until Go 1.19, and since.
bool is_tcp_itab(std::string_view name) {
  return name == "go.itab.*net.TCPConn,net.Conn" || name == "go:itab.*net.TCPConn,net.Conn";
}

class Finder {
 public:
  explicit Finder(const ElfFile& elf) : elf_(elf), functions_(elf.functions(is_wanted)) {}

  std::optional<TlsLibrary> find() {
    const ElfFunction* read = function(kRead);
    const ElfFunction* write = function(kWrite);
    const ElfFunction* copy = function(kCopy);
    if (read == nullptr || write == nullptr || copy == nullptr) return {};
    const auto itab = elf_.object(is_tcp_itab);
    if (!itab) return {};
    itab_ = *itab;
    const std::vector<std::byte> code = code_of(*read);
    const auto call = find_only_call(code, static_cast<std::int64_t>(copy->begin - read->begin));
    if (!call || !add(read->begin + call->offset, TW_TLS_GO_READ, call->slot)) return {};
    if (!add_entry(*write, TW_TLS_GO_WRITE)) return {};
    // An object may have the address of an earlier one: its handshake must be seen to say so. A
    // program that only asks, or is only asked, has one of the two.
    bool shakes = false;
    for (const std::string_view name : {kServer, kClient}) {
      const ElfFunction* handshake = function(name);
      if (handshake == nullptr) continue;
      if (!add_entry(*handshake, TW_TLS_GO_HANDSHAKE)) return {};
      shakes = true;
    }
    if (!shakes) return {};
    library_.kind = "Go";
    library_.expected_ns = kProbeNs;
    return std::move(library_);
  }

 private:
  const ElfFunction* function(std::string_view name) const {
    const auto at = std::find_if(functions_.begin(), functions_.end(),
                                 [&](const ElfFunction& found) { return found.name == name; });
    return at == functions_.end() ? nullptr : &*at;
  }

  std::vector<std::byte> code_of(const ElfFunction& found) const {
    const auto offset = elf_.offset_of(found.begin);
    if (!offset) return {};
    return elf_.read(*offset, std::min<std::uint64_t>(found.end - found.begin, kMostCode));
  }

  bool add(std::uint64_t address, tw_tls_op op, std::uint16_t slot) {
    const auto offset = elf_.offset_of(address);
    const std::uint64_t itab = itab_ - address;
    const auto signed_itab = static_cast<std::int64_t>(itab);
    if (!offset || signed_itab != static_cast<std::int32_t>(signed_itab)) return false;
    library_.entered.push_back({*offset, TW_TLS_GO_COOKIE(op, slot, itab), false});
    return true;
  }

  bool add_entry(const ElfFunction& found, tw_tls_op op) {
    const auto check = find_stack_check(code_of(found));
    return check && add(found.begin + *check, op, 0);
  }

  const ElfFile& elf_;
  std::vector<ElfFunction> functions_;
  std::uint64_t itab_ = 0;
  TlsLibrary library_;
};

}  // namespace

std::optional<TlsLibrary> find_go_tls(const ElfFile& elf) {
  return Finder(elf).find();
}

}  // namespace tailwhy
