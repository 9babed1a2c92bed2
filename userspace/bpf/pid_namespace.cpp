#include "bpf/pid_namespace.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

namespace tailwhy {

Result<std::uint32_t> pid_namespaces_above() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (!line.starts_with("NSpid:")) continue;
    // one number for each namespace, from that of /proc down to ours
    return static_cast<std::uint32_t>(std::count(line.begin(), line.end(), '\t')) - 1;
  }
  return Error(ErrorCode::Unsupported, "read /proc/self/status: it has no NSpid line",
               "is /proc mounted?");
}

}  // namespace tailwhy
