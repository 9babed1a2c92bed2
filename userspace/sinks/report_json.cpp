// See the header.
#include "sinks/report_json.h"

#include "sinks/records.h"

#include <nlohmann/json.hpp>

#include <limits>
#include <utility>

namespace tailwhy {

std::string format_report_json(const Report& total, const RunInfo& run, const TailSpec& slow) {
  Json document = summary_record(total, std::numeric_limits<std::size_t>::max(), slow);
  document["run"] = header_record(run);
  return document.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace tailwhy
