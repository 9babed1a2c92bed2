#include "bpf/live_source.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <stop_token>
#include <utility>

namespace tailwhy {
namespace {

// The ring is emptied in bites, between which clock and stop are looked at.
constexpr std::size_t kBiteBytes = 1U << 20;

void read_counter(int fd) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(fd, &count, sizeof(count));
}

timespec to_timespec(Ns ns) noexcept {
  return {static_cast<time_t>(ns / kNsPerSec), static_cast<long>(ns % kNsPerSec)};
}

}  // namespace

Result<std::unique_ptr<LiveSource>> LiveSource::create(Tracer& tracer,
                                                       const LiveSourceConfig& config) {
  std::unique_ptr<LiveSource> source(new LiveSource(tracer, config));
  if (auto done = source->setup(); !done) return std::move(done).error();
  return source;
}

LiveSource::LiveSource(Tracer& tracer, const LiveSourceConfig& config)
    : tracer_(&tracer), config_(config) {}
LiveSource::~LiveSource() = default;

Result<> LiveSource::setup() {
  auto ring = RingReader::open(tracer_->ring_fd());
  if (!ring) return std::move(ring).error();
  ring_ = *std::move(ring);
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  timer_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !timer_ || !wake_) return Error::from_errno("make the event loop", errno);
  // Edge-triggered: the ring is readable whenever anything is in it, but only its wake-ups count.
  // Level-triggered, a busy ring would turn this loop into a busy one.
  if (auto done = register_fd(tracer_->ring_fd(), EPOLLIN | EPOLLET, &ring_); !done) return done;
  if (auto done = register_fd(timer_.get(), EPOLLIN, &timer_); !done) return done;
  return register_fd(wake_.get(), EPOLLIN, &wake_);
}

Result<> LiveSource::register_fd(int fd, std::uint32_t events, void* what) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = what;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return Error::from_errno("watch a descriptor", errno);
  }
  return {};
}

Result<> LiveSource::add_fd(int fd, std::function<void()> callback) {
  auto watch = std::make_unique<Watch>(Watch{fd, std::move(callback)});
  if (auto done = register_fd(fd, EPOLLIN, watch.get()); !done) return done;
  watches_.push_back(std::move(watch));
  return {};
}

void LiveSource::remove_fd(int fd) {
  for (const auto& watch : watches_) {
    if (watch->fd != fd || watch->removed) continue;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watch->removed = true;  // its callback may be running
  }
}

void LiveSource::forget_removed() {
  std::erase_if(watches_, [](const auto& watch) { return watch->removed; });
}

void LiveSource::request_stop() noexcept {
  stop_requested_.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = ::write(wake_.get(), &one, sizeof(one));
}

SourceStats LiveSource::stats() const {
  return ring_->stats();
}

Result<> LiveSource::start_ticks() {
  itimerspec spec{};
  spec.it_interval = to_timespec(config_.interval_ns);
  spec.it_value = to_timespec(mono_now() + config_.interval_ns);
  if (timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) != 0) {
    return Error::from_errno("start the interval timer", errno);
  }
  return {};
}

// True if there was anything. Bounded by what fits into the ring: whoever fills it as fast as we
// empty it must not keep us from the clock.
Result<bool> LiveSource::empty_ring(EventHandler& handler) {
  std::size_t total = 0;
  for (;;) {
    const auto taken = ring_->consume(handler, kBiteBytes);
    if (!taken) return taken.error();
    total += *taken;
    if (*taken < kBiteBytes || total >= tracer_->ring_size_bytes()) return total > 0;
  }
}

Result<> LiveSource::wait(EventHandler& handler, Ns timeout_ns) {
  std::array<epoll_event, 16> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                               static_cast<int>(timeout_ns / 1'000'000));
  if (count < 0 && errno != EINTR) return Error::from_errno("wait for events", errno);
  for (int i = 0; i < count; ++i) {
    void* what = events[static_cast<std::size_t>(i)].data.ptr;
    if (what == &ring_) continue;  // whatever woke us, the ring is looked at next
    if (what == &wake_) {
      read_counter(wake_.get());
    } else if (what == &timer_) {
      read_counter(timer_.get());
      // what happened before the tick belongs before it
      if (const auto emptied = empty_ring(handler); !emptied) return emptied.error();
      handler.on_tick(mono_now());
    } else if (auto* watch = static_cast<Watch*>(what); !watch->removed) {
      watch->callback();
    }
  }
  forget_removed();
  return {};
}

Result<> LiveSource::run(EventHandler& handler, const StopToken& stop) {
  const std::stop_callback on_stop(stop, [this] { request_stop(); });
  if (auto done = start_ticks(); !done) return done;
  Ns pause_ns = config_.look_busy_ns;
  while (!stop_requested_.load(std::memory_order_relaxed)) {
    if (auto done = wait(handler, pause_ns); !done) return done;
    const auto anything = empty_ring(handler);
    if (!anything) return anything.error();
    pause_ns = *anything ? config_.look_busy_ns : std::min(2 * pause_ns, config_.look_idle_ns);
  }
  tracer_->detach();
  for (;;) {
    const auto anything = empty_ring(handler);
    if (!anything) return anything.error();
    if (!*anything) return {};
  }
}

}  // namespace tailwhy
