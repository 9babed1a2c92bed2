// Can tailwhy work here, and how well? Examines the kernel, our privileges, every variant of every
// hook and, if asked, a target. Gives rows; how they are shown is not decided here.
#pragma once

#include "base/result.h"
#include "bpf/features.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tailwhy {

enum class Verdict : std::uint8_t {
  Ok,
  Degraded,  ///< tailwhy works, but something is missing or comes at a cost
  Fail,      ///< tailwhy cannot work
};

std::string_view to_string(Verdict verdict) noexcept;

struct DoctorRow {
  std::string section;  ///< "kernel", "privileges", "hooks", "target"
  std::string check;
  std::string need;   ///< what is asked for
  std::string found;  ///< what is there
  Verdict verdict = Verdict::Ok;
  std::string fix;  ///< what the user can do; empty: nothing to do, or nothing can be done
};

struct DoctorOptions {
  std::optional<std::uint32_t> pid;
  std::uint32_t ring_size_bytes = 8U << 20;
};

/// Takes some seconds: each hook variant is really loaded and attached, one at a time. `features`
/// are the kernel's, with what the user disabled.
std::vector<DoctorRow> examine(const KernelFeatures& features, const DoctorOptions& options);

/// The worst of all rows.
Verdict worst(const std::vector<DoctorRow>& rows) noexcept;

}  // namespace tailwhy
