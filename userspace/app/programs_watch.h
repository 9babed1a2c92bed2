// What share of a CPU our programs take in the kernel: sampled for a short window now and then,
// because the statistics cost every BPF program of the machine about 100 ns a run while they are
// on.
#pragma once

#include "base/clock.h"
#include "base/handle.h"
#include "base/result.h"
#include "bpf/program_stats.h"

#include <optional>
#include <vector>

namespace tailwhy {

class ProgramsWatch {
 public:
  static Result<ProgramsWatch> create(std::vector<int> program_fds);

  /// Readable when a window is over; then on_window_end().
  [[nodiscard]] int fd() const { return timer_.get(); }
  void on_window_end();
  /// Begins a window, if it is time.
  void on_tick(Ns now_ns);

  /// Of one CPU, over all windows; nothing before the first is over.
  [[nodiscard]] std::optional<double> cpu_share() const;

 private:
  ProgramsWatch(RunTimeSampler sampler, UniqueFd timer)
      : sampler_(std::move(sampler)), timer_(std::move(timer)) {}

  RunTimeSampler sampler_;
  UniqueFd timer_;
  bool failed_ = false;
  Ns next_ns_ = 0;
  Ns run_ns_ = 0;
  Ns window_ns_ = 0;
};

}  // namespace tailwhy
