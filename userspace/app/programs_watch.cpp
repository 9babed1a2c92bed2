#include "app/programs_watch.h"

#include "base/timer.h"

#include <cerrno>
#include <utility>

namespace tailwhy {

namespace {

constexpr Ns kWindowNs = 50'000'000;
constexpr Ns kPeriodNs = 2 * kNsPerSec;

}  // namespace

Result<ProgramsWatch> ProgramsWatch::create(std::vector<int> program_fds) {
  auto sampler = RunTimeSampler::create(std::move(program_fds));
  if (!sampler) return std::move(sampler).error();
  UniqueFd timer = make_timer();
  if (!timer) return Error::from_errno("make a timer", errno);
  return ProgramsWatch(*std::move(sampler), std::move(timer));
}

void ProgramsWatch::on_tick(Ns now_ns) {
  if (failed_ || sampler_.running() || now_ns < next_ns_) return;
  next_ns_ = now_ns + kPeriodNs;
  failed_ = !sampler_.begin();
  if (!failed_) arm_timer(timer_.get(), kWindowNs);
}

void ProgramsWatch::on_window_end() {
  drain_timer(timer_.get());
  const auto run_time = sampler_.end();
  if (!run_time) return;
  run_ns_ += run_time->run_ns;
  window_ns_ += run_time->window_ns;
}

std::optional<double> ProgramsWatch::cpu_share() const {
  if (window_ns_ == 0) return std::nullopt;
  return static_cast<double>(run_ns_) / static_cast<double>(window_ns_);
}

}  // namespace tailwhy
