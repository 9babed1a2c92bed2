// See the header.
#include "sinks/json_log_sink.h"

#include "sinks/output.h"
#include "sinks/records.h"
#include "sinks/request_line.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace tailwhy {
namespace {

constexpr std::size_t kBufferBytes = 8 << 20;
constexpr std::size_t kLongestSummary = 2 << 20;  // the writer takes half of its buffer at once
constexpr std::chrono::seconds kPatience{5};
constexpr std::string_view kReasonWords[] = {"failed", "slow", "sampled"};

std::string_view view(const fmt::memory_buffer& buffer) {
  return {buffer.data(), buffer.size()};
}

}  // namespace

JsonLogSink::JsonLogSink(JsonLogOptions options, AsyncWriter writer)
    : options_(std::move(options)),
      writer_(std::move(writer)),
      kept_{Reservoir(options_.most_per_second, options_.seed),
            Reservoir(options_.most_per_second, options_.seed + 1),
            Reservoir(options_.sampled_per_second, options_.seed + 2)} {}

Result<std::unique_ptr<JsonLogSink>> JsonLogSink::create(JsonLogOptions options) {
  auto writer = open_output(options.path, {.capacity_bytes = kBufferBytes});
  if (!writer) return std::move(writer).error();
  return std::unique_ptr<JsonLogSink>(new JsonLogSink(std::move(options), *std::move(writer)));
}

void JsonLogSink::on_start(const RunInfo& run) {
  clock_ = run.clock;
  header_ = to_line(header_record(run));
  writer_.append(header_);
}

JsonLogSink::Reason JsonLogSink::reason_for(const Request& request) const {
  if (options_.failed && request.failed()) return Failed;
  const bool answered = request.at.write_last != 0 && request.start() != 0;
  if (options_.slow_ns != 0 && answered && request.duration() >= options_.slow_ns) return Slow;
  return Sampled;
}

void JsonLogSink::on_request(const Request& request) {
  if (options_.all) {
    line_.clear();
    begin_request_line(line_, request, "all", clock_, options_.client_address);
    end_request_line(line_, 1);
    writer_.append(view(line_));
    return;
  }
  // What was in flight at the attach is not measured, so it is no part of any sample.
  if (request.outcome != Outcome::InFlightAtAttach) keep(request);
}

void JsonLogSink::keep(const Request& request) {
  const Ns at = ended_ns(request);
  if (at / kNsPerSec > second_) {  // by the requests' own time: a replay gives the same log
    write_second();
    second_ = at / kNsPerSec;
  }
  const Reason reason = reason_for(request);
  Reservoir::Item* item = kept_[reason].offer();
  if (item == nullptr) return;
  line_.clear();
  begin_request_line(line_, request, kReasonWords[reason], clock_, options_.client_address);
  item->at_ns = at;
  item->text.assign(line_.data(), line_.size());
}

void JsonLogSink::write_second() {
  struct Kept {
    const Reservoir::Item* item;
    double weight;
  };
  std::vector<Kept> all;
  for (const Reservoir& reservoir : kept_) {
    for (const Reservoir::Item& item : reservoir.items())
      all.push_back({&item, reservoir.weight()});
  }
  std::sort(all.begin(), all.end(),
            [](const Kept& a, const Kept& b) { return a.item->at_ns < b.item->at_ns; });
  for (const Kept& kept : all) {
    line_.clear();
    line_.append(kept.item->text);
    end_request_line(line_, kept.weight);
    writer_.append(view(line_));
  }
  for (Reservoir& reservoir : kept_)
    reservoir.clear();
}

void JsonLogSink::on_lifecycle(const LifecycleEvent& event) {
  writer_.append(to_line(lifecycle_record(event, clock_)));
}

void JsonLogSink::on_interval(const Report& interval, const Report&) {
  // Clocks drift: what follows is dated by the latest pair of stamps.
  clock_.realtime_minus_mono_ns = static_cast<std::int64_t>(interval.end_wall_ns - interval.end_ns);
  if (interval.end_ns / kNsPerSec > second_) write_second();  // else a quiet server's wait for long
  for (const Json& record : error_records(interval))
    writer_.append(to_line(record));
  if (const auto loss = loss_record(interval)) writer_.append(to_line(*loss));
  writer_.append(to_line(interval_record(interval, options_.tail)));
}

Result<> JsonLogSink::on_end(const Report& total) {
  write_second();
  std::size_t routes = options_.summary_routes;
  std::string line = to_line(summary_record(total, routes, options_.tail));
  while (line.size() > kLongestSummary && routes > 0) {
    routes /= 2;
    line = to_line(summary_record(total, routes, options_.tail));
  }
  writer_.append(line);
  auto closed = writer_.flush_and_close(kPatience);
  if (!closed) return closed.error().wrap("write the log");
  return {};
}

void JsonLogSink::reopen() {
  writer_.reopen(header_);
}

}  // namespace tailwhy
