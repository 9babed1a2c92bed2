// The few figures that every output derives from a Report, and how rates, shares and times of day
// are written for people. Counts and units are in base/text.h.
#pragma once

#include "model/report.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

/// Requests answered per second.
double throughput(const ExchangeCounts& counts, double seconds);

/// Server errors and failures among the exchanges that ended; 0 when none did.
double error_rate(const ExchangeCounts& counts);

inline std::uint64_t errors_of(const ExchangeCounts& counts) {
  return counts.server_errors + counts.failed;
}

/// `amount` per second; 0 when no time has passed.
double per_second(std::uint64_t amount, double seconds);

/// Three significant digits: "0/s", "0.250/s", "48.2/s", "48.2k/s".
std::string format_rate(double per_second);

/// Three significant digits: "0 %", "0.0250 %", "12.3 %", "231 %". What is not zero never shows as
/// zero ("<0.001 %").
std::string format_share(double share);

/// "64.0 MiB/s".
std::string format_bytes_rate(std::uint64_t bytes, double seconds);

/// "3 threads", "1 thread".
std::string counted(std::uint64_t count, std::string_view singular, std::string_view plural = {});

/// Time of day where we are: "12:34:56".
std::string format_clock(std::uint64_t wall_ns);
/// "2026-09-14 12:34:56 CEST".
std::string format_date(std::uint64_t wall_ns);

struct StatusCount {
  std::string status;  ///< from the wire: a number, or a word of [A-Za-z0-9_.-]
  std::uint64_t count = 0;
};
enum class WhoseError : std::uint8_t { Server, Client };
/// Statuses that the protocol calls errors of the server or of the client, of exchanges with this
/// role, most first.
std::vector<StatusCount> count_statuses(const Report& report, Role role, WhoseError whose);

/// The status of a row; empty: there is none.
std::string status_text(const RouteStats& row);

}  // namespace tailwhy
