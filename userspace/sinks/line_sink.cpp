// See the header.
#include "sinks/line_sink.h"

#include "sinks/numbers.h"
#include "sinks/output.h"

#include <chrono>
#include <fmt/format.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::string_view kColumns =
    "{:<8}  {:>8}  {:>8}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>6}  {:>6}\n";

// As many digits as a rate deserves.
std::string rate(double per_second) {
  return fmt::format("{:.{}f}", per_second, per_second < 10 ? 2 : 0);
}

std::string milliseconds(const Histogram& histogram, Ns ns) {
  return histogram.empty() ? "-" : fmt::format("{:.3f}", static_cast<double>(ns) / 1e6);
}

}  // namespace

std::string interval_heading() {
  return fmt::format(kColumns, "time", "req/s", "err/s", "p50_ms", "p90_ms", "p99_ms", "p99.9_ms",
                     "max_ms", "in_flight", "cpu_%", "lost");
}

std::string format_interval_line(const Report& interval) {
  const double seconds = interval.seconds();
  const Histogram& duration = interval.latency.duration;
  const ResourceUse& use = interval.resources;
  const auto percentile = [&](double percent) {
    return milliseconds(duration, duration.percentile(percent));
  };
  const double cpu = per_second(use.cpu_user_ns + use.cpu_system_ns, seconds) / 1e7;
  return fmt::format(
      kColumns, format_clock(interval.end_wall_ns), rate(throughput(interval.server, seconds)),
      rate(per_second(errors_of(interval.server), seconds)), percentile(50), percentile(90),
      percentile(99), percentile(99.9), milliseconds(duration, duration.max_ns()),
      interval.server.in_flight, use.known ? fmt::format("{:.1f}", cpu) : "-", interval.lost());
}

Result<std::unique_ptr<LineSink>> LineSink::create(const std::string& path) {
  auto writer = open_output(path);
  if (!writer) return std::move(writer).error();
  return std::unique_ptr<LineSink>(new LineSink(*std::move(writer), path == "-"));
}

void LineSink::on_start(const RunInfo&) {
  writer_.append(interval_heading());
}

void LineSink::on_interval(const Report& interval, const Report&) {
  writer_.append(format_interval_line(interval));
}

Result<> LineSink::on_end(const Report&) {
  auto closed = writer_.flush_and_close(std::chrono::seconds(2));
  if (!closed) return closed.error().wrap("write the intervals");
  return {};
}

}  // namespace tailwhy
