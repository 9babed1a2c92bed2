// What the kernel knows of our loaded programs: what verifying them took, how often and how long
// they ran. Knows nothing of what the programs do.
#pragma once

#include "base/clock.h"
#include "base/handle.h"
#include "base/result.h"

#include <cstdint>
#include <vector>

namespace tailwhy {

struct ProgramStats {
  std::uint64_t runs = 0;            ///< only while run-time statistics are on
  Ns run_ns = 0;                     ///< of these
  std::uint64_t missed = 0;          ///< runs skipped because the program was interrupted by itself
  std::uint32_t verified_insns = 0;  ///< instructions that the verifier went through
  std::uint32_t jited_bytes = 0;
};

Result<ProgramStats> read_program_stats(int program_fd);

/// The programs' run time in one window.
struct RunTime {
  std::uint64_t runs = 0;
  Ns run_ns = 0;  ///< without what taking the time took
  Ns window_ns = 0;
};

/// Measures how long our programs run, in short windows: the statistics cost each run of every BPF
/// program of the machine about 100 ns while they are on.
class RunTimeSampler {
 public:
  /// Finds out what an empty program is said to take, which is then subtracted from every run.
  static Result<RunTimeSampler> create(std::vector<int> program_fds);

  Result<> begin();
  /// Since begin(); turns the statistics off again.
  Result<RunTime> end();
  [[nodiscard]] bool running() const noexcept { return static_cast<bool>(stats_); }
  /// Time that the statistics say an empty program runs.
  [[nodiscard]] double empty_run_ns() const noexcept { return empty_run_ns_; }

 private:
  [[nodiscard]] Result<RunTime> totals() const;

  std::vector<int> programs_;
  double empty_run_ns_ = 0;
  UniqueFd stats_;
  RunTime before_;
  Ns began_ns_ = 0;
};

}  // namespace tailwhy
