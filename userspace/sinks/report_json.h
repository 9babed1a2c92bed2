// The report as one JSON document, for programs: the summary record of the log and what was traced.
#pragma once

#include "model/report.h"
#include "model/run_info.h"
#include "model/tail_analysis.h"

#include <string>

namespace tailwhy {

/// Pretty-printed, with a line break at its end; on one line it is a valid record of the log.
std::string format_report_json(const Report& total, const RunInfo& run, const TailSpec& slow = {});

}  // namespace tailwhy
