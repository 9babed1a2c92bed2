// The loop over a recording's blocks, and ticks for recordings or intervals that have none.
#include "events/replay_source.h"

#include "events/decode.h"

#include <limits>
#include <utility>

namespace tailwhy {
namespace {

Ns saturating_add(Ns a, Ns b) {
  return a > std::numeric_limits<Ns>::max() - b ? std::numeric_limits<Ns>::max() : a + b;
}

}  // namespace

Result<ReplaySource> ReplaySource::open(const std::string& path, const ReplayOptions& options) {
  auto reader = CaptureReader::open(path);
  if (!reader) return reader.error();
  return ReplaySource(std::move(*reader), options);
}

ReplaySource::ReplaySource(CaptureReader reader, const ReplayOptions& options)
    : reader_(std::move(reader)) {
  const Ns recorded = reader_.tick_interval_ns();
  make_ticks_ =
      options.tick_interval_ns != 0 ? options.tick_interval_ns != recorded : recorded == 0;
  interval_ns_ = options.tick_interval_ns != 0 ? options.tick_interval_ns : kNsPerSec;
  next_tick_ns_ = options.begin_ns == 0 ? 0 : saturating_add(options.begin_ns, interval_ns_);
}

Result<> ReplaySource::run(EventHandler& handler, const StopToken& stop) {
  while (!stop.stop_requested()) {
    const auto block = reader_.next();
    if (!block) return block.error();
    if (!block->has_value()) return {};
    if ((*block)->type == BlockType::Events) {
      replay_events(**block, handler, stop);
    } else {
      replay_side(**block, handler);
    }
  }
  return {};
}

void ReplaySource::replay_events(const CaptureBlock& block,
                                 EventHandler& handler,
                                 const StopToken& stop) {
  auto rest = block.bytes;
  while (const auto record = take_record(rest)) {
    const Decoded event = decode(*record);
    if (!event) {
      ++(event.status() == DecodeStatus::Unknown ? stats_.unknown : stats_.malformed);
      continue;
    }
    if (make_ticks_) make_ticks(header_of(*event).ts_ns, handler, stop);
    ++stats_.events;
    stats_.event_bytes += record->size();
    handler.on_event(*event);
  }
}

void ReplaySource::replay_side(const CaptureBlock& block, EventHandler& handler) {
  auto rest = block.bytes;
  while (const auto record = take_side(rest)) {
    if (record->name != kTickName) {
      handler.on_side(*record);
    } else if (!make_ticks_) {
      handler.on_tick(record->at_ns);
    }
  }
}

// All interval ends up to the stamp of the event that comes next.
void ReplaySource::make_ticks(Ns event_ns, EventHandler& handler, const StopToken& stop) {
  if (next_tick_ns_ == 0) next_tick_ns_ = saturating_add(event_ns, interval_ns_);
  if (event_ns < next_tick_ns_) return;
  const Ns late = event_ns - next_tick_ns_;
  const Ns empty_intervals = late / interval_ns_;
  if (empty_intervals > empty_ticks_left_) {
    next_tick_ns_ = event_ns - late % interval_ns_;
  } else {
    empty_ticks_left_ -= empty_intervals;
  }
  while (event_ns >= next_tick_ns_ && !stop.stop_requested()) {
    handler.on_tick(next_tick_ns_);
    if (next_tick_ns_ == std::numeric_limits<Ns>::max()) break;
    next_tick_ns_ = saturating_add(next_tick_ns_, interval_ns_);
  }
}

SourceStats ReplaySource::stats() const {
  SourceStats stats = stats_;
  stats.not_recorded = reader_.progress().dropped_events;
  return stats;
}

}  // namespace tailwhy
