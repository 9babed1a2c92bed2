// See the header.
#include "sinks/live_sink.h"

#include "base/handle.h"
#include "sinks/numbers.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::chrono::milliseconds kPatience{500};

}  // namespace

LiveSink::LiveSink(const LiveSinkOptions& options, AsyncWriter writer)
    : options_(options), writer_(std::move(writer)) {
  state_.slow_ns = options_.slow_ns;
}

LiveSink::~LiveSink() {
  leave();
}

Result<std::unique_ptr<LiveSink>> LiveSink::create(const LiveSinkOptions& options) {
  UniqueFd fd(::fcntl(options.fd, F_DUPFD_CLOEXEC, 3));
  if (!fd) return Error::from_errno("use the terminal", errno);
  auto writer =
      AsyncWriter::adopt(std::move(fd), "the terminal",
                         {.capacity_bytes = kBufferBytes, .linger = std::chrono::milliseconds(0)});
  if (!writer) return std::move(writer).error();
  return std::unique_ptr<LiveSink>(new LiveSink(options, *std::move(writer)));
}

void LiveSink::on_start(const RunInfo& run) {
  state_.run = run;
  on_screen_ = true;
  redraw();
}

void LiveSink::on_interval(const Report& interval, const Report& total) {
  const bool server = total.server.seen > 0 || total.client.seen == 0;
  const LatencyParts& latency = server ? interval.latency : interval.client_latency;
  const ExchangeCounts& counts = server ? interval.server : interval.client;
  state_.points.push_back(
      {per_second(counts.matched, interval.seconds()), latency.duration.percentile(99)});
  if (state_.points.size() > kMostLivePoints) state_.points.pop_front();
  state_.interval = interval;
  state_.total = total;
  redraw();
}

void LiveSink::redraw() {
  if (!on_screen_) return;
  const AsyncWriterStats stats = writer_.stats();
  const bool behind = stats.bytes_written + stats.bytes_dropped < handed_over_bytes_;
  if (behind) {  // the terminal has not taken the last frame yet: no queue of old ones behind it
    ++skipped_frames_;
    return;
  }
  const TerminalSize size = terminal_size(options_.fd);
  std::string frame = handed_over_bytes_ == 0 ? std::string(kEnterScreen) : std::string();
  frame += frame_of(live_view(state_, options_.style, {size.columns, size.rows - 1}),
                    options_.style, size);
  writer_.append(frame);
  handed_over_bytes_ += frame.size();
}

void LiveSink::leave() {
  if (!std::exchange(on_screen_, false)) return;
  resume_output(options_.fd);
  // The writer's frame must be out of the way, or dropped, before the screen changes.
  (void)writer_.flush_and_close(kPatience);
  restore_terminal(options_.fd);
}

Result<> LiveSink::on_end(const Report&) {
  leave();
  return {};
}

std::string frame_of(const Lines& lines, const Style& style, TerminalSize size) {
  std::string frame = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    lines[i].render(frame, style, size.columns);
    // After a character in the last column the cursor is still on it: it would be erased.
    if (lines[i].width() < size.columns) frame += "\x1b[K";
    frame += "\r\n";
  }
  // The writer wants a line break at the end: one at the top left corner scrolls nothing.
  return frame + "\x1b[J\x1b[H\n";
}

}  // namespace tailwhy
