// Scripts of what threads do, for tests of budgets: keeps when each thread got its CPU, as the
// kernel side does, so that a thread's records leave no holes unless a test wants one.
#pragma once

#include "flow_fixture.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tailwhy::test {

/// What a thread sleeps in.
struct Sleep {
  std::uint16_t nr = TW_NO_CALL;
  std::uint8_t flags = 0;
  std::uint8_t file = TW_FILE_NONE;
  std::uint64_t object = 0;
};
inline constexpr Sleep kCond{.nr = 202};  // futex: a condition variable
inline constexpr Sleep kMutex{.nr = 202, .flags = TW_OFF_CONTENDED};
inline constexpr Sleep kEpoll{.nr = 232};
inline constexpr Sleep kNanosleep{.nr = 35};
inline constexpr Sleep kFsync{.nr = 74};
inline Sleep recv_from(std::uint64_t conn) {
  return {.nr = 45, .file = TW_FILE_SOCKET, .object = conn};
}

class Script : public EventBuilder {
 public:
  /// Thread `tid` has been on a CPU since `at`, which its next record says.
  Script& on(std::uint32_t tid, Ns at) {
    on_[tid] = at;
    return *this;
  }
  /// Off the CPU at `off`, woken, and on a CPU again.
  Script& sleep(
      std::uint32_t tid, const Sleep& in, Ns off, Ns woken, Ns again, std::uint32_t waker = 0) {
    off_cpu(tid, again,
            {.on_ns = on_[tid],
             .off_ns = off,
             .woken_ns = woken,
             .nr = in.nr,
             .flags = in.flags,
             .file = in.file,
             .object = in.object,
             .waker_tid = waker});
    on_[tid] = again;
    return *this;
  }
  Script& preempt(std::uint32_t tid, Ns off, Ns again) {
    return sleep(tid, {.flags = TW_OFF_PREEMPTED}, off, off, again);
  }
  /// A request of `conn` that was readable at `arrived`.
  Script& ask(std::uint64_t conn, std::uint32_t tid, Ns arrived, Ns at) {
    in(conn, at, kGet, {.arrived_ns = arrived, .tid = tid});
    return *this;
  }
  Script& answer(std::uint64_t conn, std::uint32_t tid, Ns at) {
    out(conn, at, kOk, {.tid = tid});
    return *this;
  }
  /// The same on a connection that the target made.
  Script& call(std::uint64_t conn, std::uint32_t tid, Ns at) {
    out(conn, at, kGet, {.tid = tid});
    return *this;
  }
  Script& reply(std::uint64_t conn, std::uint32_t tid, Ns at) {
    in(conn, at, kOk, {.tid = tid});
    return *this;
  }

 private:
  std::map<std::uint32_t, Ns> on_;
};

class BudgetFlow : public Flow {
 public:
  explicit BudgetFlow(FlowConfig config = {}) : Flow(std::move(config)) {
    table.want_budgets(true);
  }
};

/// "queue 100, on_cpu 200": what is not zero; and why if it does not add up.
inline std::string parts_of(const Request& request) {
  std::string text;
  const auto add = [&](std::string_view name, Ns ns) {
    if (ns == 0) return;
    if (!text.empty()) text += ", ";
    text += std::string(name) + " " + std::to_string(ns);
  };
  for (const PartSpec& spec : kPartSpecs)
    add(spec.name, request.budget.of(spec.part));
  if (!request.budget.known) text += " (not known)";
  if (request.budget.sum() != request.duration()) {
    text += " (of " + std::to_string(request.duration()) + ")";
  }
  return text;
}

/// "asleep 100": of the part Queue.
inline std::string queued_of(const Request& request) {
  std::string text;
  Ns sum = 0;
  for (std::size_t i = 0; i < kQueuedWhile; ++i) {
    const Ns ns = request.budget.queued_ns[i];
    sum += ns;
    if (ns == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::string(to_string(static_cast<QueuedWhile>(i))) + " " + std::to_string(ns);
  }
  if (sum != request.budget.of(Part::Queue)) text += " (not the queue)";
  return text;
}

}  // namespace tailwhy::test
