// The parts that the report and the live view are made of, each from a Report to lines of text.
// Pure: no clock, no terminal. Text off the wire is escaped here, at the edge.
#pragma once

#include "model/report.h"
#include "model/run_info.h"
#include "model/why_slow.h"
#include "sinks/style.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tailwhy {

/// What the sections may use.
struct Page {
  Style style;
  std::size_t width = 100;
};

/// "1.23k/s · 12345 answered · 0.0250 % errors · in 4.01 MiB/s · out 31.0 MiB/s"; of an interval
/// what is in flight instead of what was answered.
Lines requests_section(const Report& report, const Page& page);

/// Failures by kind and statuses above 399; "none" when there are none.
Lines errors_section(const Report& report, const Page& page);

/// Percentiles of the duration and its parts, and of outgoing calls if there are any.
enum class LatencyRows : std::uint8_t { All, DurationOnly };
Lines latency_section(const Report& report, LatencyRows rows, const Page& page);

/// The distribution of a histogram in at most `max_rows` rows of doubling (or wider) buckets, as
/// bcc draws it. Empty if there would be less than two rows.
Lines distribution_section(const Histogram& histogram,
                           std::string_view title,
                           std::size_t max_rows,
                           const Page& page);

/// Why slow requests are slow, in a sentence. Nothing if no budget is known.
Lines why_section(const WhySlow& why, const Report& report, const Page& page);

/// What slow requests spend on each part against typical ones, largest extra first, at most
/// `max_rows` of which the last is what could not be attributed; their sum when it is all of them.
/// Nothing if there is nothing slow.
Lines causes_section(const WhySlow& why, std::size_t max_rows, const Page& page);

/// The routes with most requests, at most `max_rows`, and a line for the rest.
Lines routes_section(const Report& report, std::size_t max_rows, const Page& page);

/// Failing system calls, unexpected ones first, at most `max_rows`. Nothing if they are not traced.
Lines syscalls_section(const Report& report, std::size_t max_rows, const Page& page);

Lines connections_section(const Report& report, const Page& page);
Lines resources_section(const Report& report, const Page& page);

/// What was lost, and the identity of the counts.
Lines honesty_section(const Report& report, const Page& page);

/// What tailwhy itself used.
Lines own_cost_section(const Report& report, const Page& page);

/// Method and route of a row, escaped; says when either is unknown.
std::string route_label(const RouteStats& row, const Style& style);

}  // namespace tailwhy
