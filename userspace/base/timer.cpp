#include "base/timer.h"

#include <sys/timerfd.h>

#include <cstdint>
#include <unistd.h>

namespace tailwhy {

UniqueFd make_timer(Ns first_ns, Ns period_ns) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (fd) arm_timer(fd.get(), first_ns, period_ns);
  return fd;
}

void arm_timer(int fd, Ns first_ns, Ns period_ns) {
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(first_ns / kNsPerSec);
  spec.it_value.tv_nsec = static_cast<long>(first_ns % kNsPerSec);
  spec.it_interval.tv_sec = static_cast<time_t>(period_ns / kNsPerSec);
  spec.it_interval.tv_nsec = static_cast<long>(period_ns % kNsPerSec);
  timerfd_settime(fd, 0, &spec, nullptr);
}

void drain_timer(int fd) {
  std::uint64_t count = 0;
  while (::read(fd, &count, sizeof(count)) > 0) {
  }
}

}  // namespace tailwhy
