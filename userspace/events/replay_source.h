// Gives what a recording holds as if it happened now: the same events in the same order, ticks at
// the same places, side records between them. No clock, no kernel.
#pragma once

#include "base/result.h"
#include "events/capture_reader.h"
#include "events/event_source.h"

#include <string>

namespace tailwhy {

struct ReplayOptions {
  /// 0: ticks where the recorder had them. Otherwise, or when the recording has none, ticks are
  /// made from the stamps of the events, this far apart (one second).
  Ns tick_interval_ns = 0;
  /// Made ticks are whole intervals after this; 0: after the first event.
  Ns begin_ns = 0;
};

class ReplaySource final : public EventSource {
 public:
  /// Opens the recording and reads its headers: a file that is none fails here.
  static Result<ReplaySource> open(const std::string& path, const ReplayOptions& options = {});
  /// Replays what `reader` has yet to give.
  ReplaySource(CaptureReader reader, const ReplayOptions& options);

  /// Corrupt when the file is damaged or cut short: everything before that place was given.
  Result<> run(EventHandler& handler, const StopToken& stop) override;
  [[nodiscard]] SourceStats stats() const override;

  /// The recording's own description, and how much of it was read.
  [[nodiscard]] const CaptureReader& reader() const noexcept { return reader_; }

 private:
  void replay_events(const CaptureBlock& block, EventHandler& handler, const StopToken& stop);
  void replay_side(const CaptureBlock& block, EventHandler& handler);
  void make_ticks(Ns event_ns, EventHandler& handler, const StopToken& stop);

  CaptureReader reader_;
  bool make_ticks_;
  Ns interval_ns_;
  Ns next_tick_ns_;
  // Empty intervals are given as long as there are not too many in all (a million seconds are
  // eleven days): a damaged stamp must not keep us busy for years.
  Ns empty_ticks_left_ = 1'000'000;
  SourceStats stats_;
};

}  // namespace tailwhy
