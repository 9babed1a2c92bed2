// Plaintext of encrypted connections, when the user asked for it: finds the TLS libraries of the
// traced processes, says what probing them will cost, and attaches. Later libraries too: of
// processes that are born or execute something else, and of any that load one.
#pragma once

#include "bpf/doctor.h"
#include "bpf/tracer.h"
#include "symbols/tls_libraries.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tailwhy {

class TlsProbes {
 public:
  explicit TlsProbes(Tracer& tracer) : tracer_(tracer) {}

  /// The process is new, or may execute something else now.
  void on_process(std::uint32_t pid) { attach(libraries_.look(pid)); }
  void on_exit(std::uint32_t pid) { libraries_.forget(pid); }
  /// Once an interval: some of the processes may have loaded a library.
  void on_tick() { attach(libraries_.look_again()); }

  /// What is attached, a phrase for each file.
  [[nodiscard]] const std::vector<std::string>& attached() const { return attached_; }

 private:
  void attach(std::vector<TlsLibrary> libraries);

  Tracer& tracer_;
  TlsLibraries libraries_;
  std::vector<std::string> attached_;
};

/// For the doctor: the libraries that --tls would probe in this process, how, and at which cost.
std::vector<DoctorRow> examine_tls(std::uint32_t pid, const KernelFeatures& features);

/// What it is, and what a read or write of plaintext will cost about: "/lib/libssl.so.3 (OpenSSL):
/// about 2 us a call".
std::string describe(const TlsLibrary& library);

}  // namespace tailwhy
