// Where the time of one request went: parts that add up to its duration, in integer nanoseconds.
// Plain values that flow/ fills and stats/ and sinks/ read.
#pragma once

#include "base/clock.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy {

/// The parts of a request's duration, in display order.
enum class Part : std::uint8_t {
  Queue,          ///< its first byte was readable, and nobody read it
  OnCpu,          ///< a thread ran for it
  RunQueue,       ///< a thread that served it could have run and waited for a CPU
  Lock,           ///< asleep on a futex or file lock
  Disk,           ///< asleep until a file or disk had done its work
  Downstream,     ///< waited for somebody whom the process itself called
  Client,         ///< waited for its own client to send or to take
  Sleep,          ///< asleep because the program wanted to
  Poll,           ///< the event loop was idle while the request waited for something else
  PageFault,      ///< asleep until a page of memory was there
  Other,          ///< asleep in another system call
  OtherRequests,  ///< the thread was busy, but with other requests
  Unattributed,   ///< not known; see Gap
};
inline constexpr std::size_t kParts = 13;

struct PartSpec {
  Part part;
  std::string_view name;     ///< in outputs: "on_cpu"
  std::string_view waiting;  ///< what the request did, for a sentence: "running on a CPU"
};
inline constexpr std::array<PartSpec, kParts> kPartSpecs{{
    {Part::Queue, "queue", "in the socket queue, unread"},
    {Part::OnCpu, "on_cpu", "running on a CPU"},
    {Part::RunQueue, "run_queue", "waiting for a CPU"},
    {Part::Lock, "lock", "waiting for a lock"},
    {Part::Disk, "disk", "waiting for a disk"},
    {Part::Downstream, "downstream", "waiting for a server that it calls"},
    {Part::Client, "client", "waiting for its client"},
    {Part::Sleep, "sleep", "sleeping on purpose"},
    {Part::Poll, "poll", "waiting in the event loop"},
    {Part::PageFault, "page_fault", "waiting for memory (page faults)"},
    {Part::Other, "other", "asleep in another system call"},
    {Part::OtherRequests, "other_requests", "behind other requests"},
    {Part::Unattributed, "unattributed", "not known where"},
}};

/// Why part of the time is unattributed.
enum class Gap : std::uint8_t {
  None,
  Attach,   ///< what the thread did was not seen yet
  HandOff,  ///< it went on in another thread, and what made it go on was not seen
  Lost,     ///< records were lost
};

/// What the thread that read a request did while the request waited to be read.
enum class QueuedWhile : std::uint8_t {
  WaitedForCpu,  ///< it could have run and got no CPU
  Busy,          ///< it ran, or slept for another request
  Asleep,        ///< it slept until somebody or something woke it to read
  Unknown,
};
inline constexpr std::size_t kQueuedWhile = 4;

struct Budget {
  bool known = false;  ///< false: all zero. Only exchanges that the target serves have one.
  Gap gap = Gap::None;
  std::array<Ns, kParts> ns{};
  std::array<Ns, kQueuedWhile> queued_ns{};  ///< add up to the part Queue

  bool operator==(const Budget&) const = default;
  [[nodiscard]] Ns of(Part part) const { return ns[static_cast<std::size_t>(part)]; }
  Ns& of(Part part) { return ns[static_cast<std::size_t>(part)]; }
  [[nodiscard]] Ns sum() const {
    Ns all = 0;
    for (const Ns part : ns)
      all += part;
    return all;
  }
};

/// "attach", "hand_off", "lost"; empty for None.
std::string_view to_string(Gap gap);
/// "waited_for_cpu", "busy", "asleep", "unknown".
std::string_view to_string(QueuedWhile what);

}  // namespace tailwhy
