// RunInfo to and from JSON, for recordings, and the part of it that the host itself tells.
#pragma once

#include "base/result.h"
#include "model/run_info.h"

#include <string>
#include <string_view>

namespace tailwhy {

std::string to_json(const RunInfo& info);
/// Corrupt when it is not what to_json() writes.
Result<RunInfo> run_info_from_json(std::string_view json);

/// Version, host, kernel, CPUs.
void fill_host(RunInfo& info);

}  // namespace tailwhy
