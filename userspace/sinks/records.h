// The JSON records of a log but for `request` (request_line.h): which fields they have and how they
// are spelled. sinks/schema.cpp says the same to readers; tests hold the two against each other.
#pragma once

#include "model/report.h"
#include "model/run_info.h"
#include "model/tail_analysis.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tailwhy {

using Json = nlohmann::ordered_json;

/// Every record is one of these, and so is every format of a file of them.
inline constexpr std::string_view kLogSchema = "tailwhy/1.0";

/// What the run is: the first record.
Json header_record(const RunInfo& run);

/// One interval. `slow` says which requests are held against typical ones, here and below.
Json interval_record(const Report& interval, const TailSpec& slow = {});

/// The whole run, with its routes: the last record. Of more than `max_routes` routes those with
/// the fewest requests are summed up under "routes_omitted".
Json summary_record(const Report& total, std::size_t max_routes, const TailSpec& slow = {});

/// What was lost in an interval; nothing if nothing was.
std::optional<Json> loss_record(const Report& interval);

/// Connections that ended badly, one record per kind that occurred in an interval, with its count.
std::vector<Json> error_records(const Report& interval);

Json lifecycle_record(const LifecycleEvent& event, const ClockOffset& clock);

/// Count, sum, percentiles and buckets.
Json histogram_json(const Histogram& histogram);

/// RFC 3339 with nine digits, UTC.
std::string rfc3339(std::uint64_t wall_ns);

/// One line with its line break; ASCII only, valid whatever bytes the strings hold.
std::string to_line(const Json& record);

}  // namespace tailwhy
