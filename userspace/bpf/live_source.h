// Events of a running kernel: waits on the ring, the clock, the stop token and whatever descriptors
// the application adds, all on one thread. Knows nothing of what those descriptors are.
#pragma once

#include "base/clock.h"
#include "base/handle.h"
#include "base/result.h"
#include "bpf/ring_reader.h"
#include "bpf/tracer.h"
#include "events/event_source.h"

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace tailwhy {

struct LiveSourceConfig {
  Ns interval_ns = kNsPerSec;     ///< between two on_tick()
  Ns look_busy_ns = 20'000'000;   ///< the ring is looked at this often while something comes
  Ns look_idle_ns = 100'000'000;  ///< and this often while nothing does
};

class LiveSource final : public EventSource {
 public:
  /// The tracer must outlive the source.
  static Result<std::unique_ptr<LiveSource>> create(Tracer& tracer, const LiveSourceConfig& config);

  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;
  ~LiveSource() override;

  /// Calls `callback` on the thread of run() whenever `fd` is readable (signalfd, pidfd, eventfd);
  /// the callback must read it empty or remove it. Before run() or within its callbacks.
  Result<> add_fd(int fd, std::function<void()> callback);
  /// Also from within the callback itself.
  void remove_fd(int fd);

  /// Until `stop` or request_stop(). Then takes the hooks out, gives the handler what the ring
  /// still holds, and returns.
  Result<> run(EventHandler& handler, const StopToken& stop) override;
  /// Ends run(); from any thread.
  void request_stop() noexcept;

  [[nodiscard]] SourceStats stats() const override;

 private:
  struct Watch {
    int fd;
    std::function<void()> callback;
    bool removed = false;
  };

  LiveSource(Tracer& tracer, const LiveSourceConfig& config);
  Result<> setup();
  Result<> register_fd(int fd, std::uint32_t events, void* what);
  Result<> start_ticks();
  Result<> wait(EventHandler& handler, Ns timeout_ns);
  Result<bool> empty_ring(EventHandler& handler);
  void forget_removed();

  Tracer* tracer_;
  LiveSourceConfig config_;
  std::unique_ptr<RingReader> ring_;
  UniqueFd epoll_;
  UniqueFd timer_;
  UniqueFd wake_;
  std::atomic<bool> stop_requested_ = false;
  std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace tailwhy
