// The BPF programs in the kernel: loads and attaches what the plan chose, tells them whom to
// follow, reads their maps, takes them out again. Knows nothing of the events they send: those are
// the ring reader's.
#pragma once

#include "tailwhy/abi/counters.h"
#include "tailwhy/abi/events.h"

#include "base/result.h"
#include "bpf/attach_plan.h"
#include "bpf/uprobe_link.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

struct TracerConfig {
  std::vector<std::uint32_t> pids;  ///< may be empty: targets can be added later
  std::uint32_t ring_size_bytes = 8U << 20;
  std::uint32_t ring_wake_bytes = 512U << 10;
  std::uint32_t request_capture_bytes = 8192;
  std::uint32_t response_capture_bytes = 1024;
  /// First bytes of connections whose calls hold frames of many exchanges: of these, more is kept.
  std::vector<std::string_view> framed_signatures;
  /// Of the first eight bytes of datagrams that are told, these bits have this value; 0: none are.
  std::uint64_t datagram_mask = 0;
  std::uint64_t datagram_value = 0;
  bool want_payload = true;
  bool want_stacks = false;  ///< also of what runs, if the plan has the hook for that
};

/// Failing system calls of one thread, by call and errno, since the attach.
struct SyscallErrorRow {
  tw_syscall_key key;
  std::uint64_t count = 0;
};

struct LoadedProgram {
  std::string_view name;
  int fd = -1;
};

struct ThreadId {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  bool operator==(const ThreadId&) const = default;
};

/// Every way of losing something, summed over CPUs; index: enum tw_counter.
using LossCounters = std::array<std::uint64_t, TW_CNT_MAX>;

class Tracer {
 public:
  /// Loads, attaches, and finds the threads and connections that the targets have. When one program
  /// is at fault for a failure its name is written to `refused`: a plan without it may work.
  static Result<Tracer> create(const TracerConfig& config,
                               const AttachPlan& plan,
                               std::string* refused = nullptr);

  Tracer(Tracer&&) noexcept;
  Tracer& operator=(Tracer&&) noexcept;
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer();

  /// Follows these processes too, with the threads and connections that they have.
  Result<> add_targets(std::span<const std::uint32_t> pids);

  /// Runs the programs of the plan's "tls" where the functions of a TLS library are entered and
  /// left, in all processes that have the file mapped; those of other processes find out that
  /// nobody asked for them. The cookies are those of abi/tls.h.
  Result<> attach_tls(int file,
                      std::span<const UprobePoint> entered,
                      std::span<const UprobePoint> left);

  /// TW_CNT_PROGRAM_MISSED is asked of the kernel, the others are our programs' own.
  [[nodiscard]] Result<LossCounters> read_counters() const;

  /// Counts never go down, but rows of threads that were forgotten are gone.
  [[nodiscard]] Result<std::vector<SyscallErrorRow>> read_syscall_errors() const;
  /// Deletes the rows of threads that have ended, after they were read for the last time. One pass
  /// over the map however many threads are given.
  Result<> forget_threads(std::span<const ThreadId> threads);

  /// The threads that are followed, with their accounts up to now.
  [[nodiscard]] Result<std::vector<tw_thread_info>> list_threads() const;

  /// The return addresses of a stack that an event names, innermost first; empty: it is not kept.
  [[nodiscard]] std::vector<std::uint64_t> read_stack(std::int32_t id) const;

  /// The ids of followed Unix connections that are open now; nothing: this kernel cannot say.
  [[nodiscard]] Result<std::optional<std::vector<std::uint64_t>>> list_unix() const;

  /// Takes the hooks out: no event comes after this. The maps stay readable.
  void detach();

  [[nodiscard]] const AttachPlan& plan() const noexcept;
  /// The ring buffer map.
  [[nodiscard]] int ring_fd() const noexcept;
  [[nodiscard]] std::uint32_t ring_size_bytes() const noexcept;
  /// The loaded programs, for statistics.
  [[nodiscard]] std::vector<LoadedProgram> programs() const;

 private:
  struct Impl;
  explicit Tracer(std::unique_ptr<Impl> impl) noexcept;

  std::unique_ptr<Impl> impl_;
};

}  // namespace tailwhy
