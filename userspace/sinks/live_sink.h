// The live view at a terminal: redraws in place each interval, and gives the screen back whatever
// happens. A terminal that does not take output (Ctrl-S, a slow line) costs frames, never time.
#pragma once

#include "base/async_writer.h"
#include "sinks/live_view.h"
#include "sinks/sink.h"

#include <cstdint>
#include <memory>

namespace tailwhy {

struct LiveSinkOptions {
  int fd = 1;  ///< a terminal; stays the caller's
  Style style;
  Ns slow_ns = 0;  ///< requests are slow from here on; 0: the slowest 1 %
};

class LiveSink final : public Sink {
 public:
  static Result<std::unique_ptr<LiveSink>> create(const LiveSinkOptions& options);
  ~LiveSink() override;  ///< gives the screen back if on_end() has not
  LiveSink(const LiveSink&) = delete;
  LiveSink& operator=(const LiveSink&) = delete;

  void on_start(const RunInfo& run) override;
  void on_interval(const Report& interval, const Report& total) override;
  Result<> on_end(const Report& total) override;
  std::uint64_t dropped() const override { return skipped_frames_; }

  /// Draws what is known again: after SIGWINCH, or after SIGCONT.
  void redraw();

 private:
  LiveSink(const LiveSinkOptions& options, AsyncWriter writer);
  void leave();

  LiveSinkOptions options_;
  AsyncWriter writer_;
  LiveState state_;
  bool on_screen_ = false;
  std::uint64_t handed_over_bytes_ = 0;
  std::uint64_t skipped_frames_ = 0;
};

/// One frame: from the top left corner over what was there, line by line, so nothing flickers.
std::string frame_of(const Lines& lines, const Style& style, TerminalSize size);

}  // namespace tailwhy
