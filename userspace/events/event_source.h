// Where events come from: a live kernel or a recording. Whoever analyses them is an EventHandler
// and cannot tell the difference.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "events/event_view.h"

#include <cstdint>
#include <stop_token>
#include <string_view>

namespace tailwhy {

using StopToken = std::stop_token;

/// Something that is not an event but belongs to the analysis (kernel loss counters, system-call
/// errors, resource use of an interval): the application writes it into a recording and gets it
/// back at the same place in the order of events. Both texts are opaque here and live as long as
/// the call.
struct SideRecord {
  Ns at_ns = 0;
  std::string_view name;
  std::string_view payload;
};

/// Takes what a source gives, on the thread that runs the source, in order.
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  /// The view and its bytes live as long as the call.
  virtual void on_event(const EventView& event) = 0;
  /// An interval is over. A live source calls this by the clock, a replay where the recording says.
  virtual void on_tick(Ns now_ns) = 0;
  /// Replays only.
  virtual void on_side(const SideRecord& /*record*/) {}
};

/// What a source has given so far, and what it could not give.
struct SourceStats {
  std::uint64_t events = 0;        ///< given to the handler
  std::uint64_t event_bytes = 0;   ///< of these, payload included
  std::uint64_t malformed = 0;     ///< records that contradict themselves: skipped
  std::uint64_t unknown = 0;       ///< records of kinds that this build does not know: skipped
  std::uint64_t not_recorded = 0;  ///< replays only: events that the recorder had to drop
};

class EventSource {
 public:
  virtual ~EventSource() = default;
  /// Gives everything to `handler` until the source ends (a recording) or `stop` is requested,
  /// which is not an error. Call it once.
  virtual Result<> run(EventHandler& handler, const StopToken& stop) = 0;
  /// May be asked from within the handler's calls.
  [[nodiscard]] virtual SourceStats stats() const = 0;
};

}  // namespace tailwhy
