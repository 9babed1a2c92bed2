// The event loop. See the header.
#include "budget_epoll.h"

#include "budget_epoll_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace workload {

Loop::Loop(Steps& the_steps, Pool& the_pool, const TruthFile& the_truth, std::optional<Address> to)
    : steps(the_steps),
      pool(the_pool),
      truth(the_truth),
      down(std::move(to)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (epoll_ < 0 || timer_ < 0) die("epoll");
  watch(timer_, timer_source_, EPOLLIN);
  Channel* const channels[] = {&eventfd_, &pipe_, &unix_};
  for (std::size_t i = 0; i < std::size(channels); ++i) {
    returned_[i] = {.kind = Source::Kind::Returned, .channel = channels[i]};
    watch(channels[i]->fd(), returned_[i], EPOLLIN);
  }
}

Loop::~Loop() = default;

void Loop::serve(Address address) {
  std::signal(SIGPIPE, SIG_IGN);
  listener_ = listen_on(address, 1024);
  fcntl(listener_, F_SETFL, O_NONBLOCK);
  watch(listener_, listener_source_, EPOLLIN);
  std::printf("listening %s\n", address.text.c_str());
  std::fflush(stdout);
  turn_begin_ = now_ns();
  while (true)
    turn();
}

void Loop::turn() {
  epoll_event events[64];
  const Watch watch;
  worked_ += watch.begin() - turn_begin_;
  const int count = epoll_wait(epoll_, events, static_cast<int>(std::size(events)), -1);
  last_idle_ = watch.stop();
  turn_begin_ = watch.begin() + last_idle_.wall;
  last_idle_.idle =
      last_idle_.wall - std::min(last_idle_.wall, last_idle_.cpu + last_idle_.run_queue);
  idled_ += last_idle_;
  for (int i = 0; i < count; ++i)
    on_event(*static_cast<Source*>(events[i].data.ptr), events[i].events);
  dead_.clear();
}

void Loop::on_event(Source& source, std::uint32_t events) {
  switch (source.kind) {
    case Source::Kind::Listener:
      accept_all();
      return;
    case Source::Kind::Timer:
      on_time();
      return;
    case Source::Kind::Returned: {
      Job* job = source.channel->receive();  // what more there is makes the next event
      static_cast<LoopConnection*>(job->owner)->on_returned();
      return;
    }
    case Source::Kind::Client:
      source.connection->on_client(events);
      return;
    case Source::Kind::Down:
      source.connection->on_down();
  }
}

void Loop::accept_all() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0 && errno == EAGAIN) return;
    if (fd < 0) die("accept");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    auto connection = std::make_unique<LoopConnection>(*this, fd);
    connections_.emplace(connection.get(), std::move(connection));
  }
}

void Loop::on_time() {
  std::uint64_t times = 0;
  if (read(timer_, &times, sizeof(times)) < 0 && errno != EAGAIN) die("timerfd");
  while (!sleepers_.empty() && sleepers_.begin()->first <= now_ns()) {
    LoopConnection& connection = *sleepers_.begin()->second;
    sleepers_.erase(sleepers_.begin());
    connection.on_time();
  }
  set_timer();
}

void Loop::set_timer() {
  const Ns at = sleepers_.empty() ? 0 : sleepers_.begin()->first;  // 0 disarms it
  const itimerspec when{.it_interval = {},
                        .it_value = {.tv_sec = static_cast<time_t>(at / kNsPerSec),
                                     .tv_nsec = static_cast<long>(at % kNsPerSec)}};
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void Loop::wake_at(Ns deadline, LoopConnection& connection) {
  const auto sleeper = sleepers_.emplace(deadline, &connection);
  if (sleeper == sleepers_.begin()) set_timer();
}

void Loop::watch(int fd, Source& source, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  const bool is_new = watched_.insert(fd).second;  // asked of epoll it would be a call that fails
  if (epoll_ctl(epoll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
}

void Loop::unwatch(int fd) {
  if (watched_.erase(fd) != 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::forget(LoopConnection& connection) {
  const auto found = connections_.find(&connection);
  dead_.push_back(std::move(found->second));
  connections_.erase(found);
}

Channel& Loop::way_back(Step::Kind kind) {
  const Channel::Kind channel = channel_kind(kind);
  if (channel == Channel::Kind::Pipe) return pipe_;
  if (channel == Channel::Kind::Unix) return unix_;
  return eventfd_;  // a loop cannot wait for a condition variable
}

}  // namespace workload
