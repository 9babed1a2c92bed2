#include "bpf/program_stats.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

namespace tailwhy {
namespace {

constexpr int kCalibrationRounds = 8;
constexpr int kCalibrationRuns = 64;

Result<UniqueFd> enable_statistics() {
  UniqueFd stats(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (!stats) return Error::from_errno("turn on the run-time statistics of BPF programs", errno);
  return stats;
}

Result<UniqueFd> load_empty_program() {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;  // r0 = 0
  code[1].code = BPF_JMP | BPF_EXIT;
  UniqueFd program(
      bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "tw_empty", "Dual BSD/GPL", code, 2, nullptr));
  if (!program) return Error::from_errno("load an empty BPF program", errno);
  return program;
}

// The best of several rounds: an interrupt spoils its own only.
Result<double> measure_empty_run() {
  const auto program = load_empty_program();
  if (!program) return program.error();
  const auto stats = enable_statistics();
  if (!stats) return stats.error();
  double best = std::numeric_limits<double>::max();
  ProgramStats before;
  for (int round = 0; round < kCalibrationRounds; ++round) {
    for (int run = 0; run < kCalibrationRuns; ++run) {
      LIBBPF_OPTS(bpf_test_run_opts, options);
      if (bpf_prog_test_run_opts(program->get(), &options) != 0) {
        return Error::from_errno("run an empty BPF program", errno);
      }
    }
    const auto after = read_program_stats(program->get());
    if (!after) return after.error();
    if (after->runs > before.runs) {
      best = std::min(best, static_cast<double>(after->run_ns - before.run_ns) /
                                static_cast<double>(after->runs - before.runs));
    }
    before = *after;
  }
  return best == std::numeric_limits<double>::max() ? 0.0 : best;
}

}  // namespace

Result<ProgramStats> read_program_stats(int program_fd) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program_fd, &info, &size) != 0) {
    return Error::from_errno("ask the kernel about a BPF program", errno);
  }
  ProgramStats stats;
  stats.runs = info.run_cnt;
  stats.run_ns = info.run_time_ns;
  stats.missed = info.recursion_misses;
  stats.verified_insns = info.verified_insns;
  stats.jited_bytes = info.jited_prog_len;
  return stats;
}

Result<RunTimeSampler> RunTimeSampler::create(std::vector<int> program_fds) {
  const auto empty = measure_empty_run();
  if (!empty) return empty.error();
  RunTimeSampler sampler;
  sampler.programs_ = std::move(program_fds);
  sampler.empty_run_ns_ = *empty;
  return sampler;
}

Result<RunTime> RunTimeSampler::totals() const {
  RunTime sum;
  for (const int program : programs_) {
    const auto stats = read_program_stats(program);
    if (!stats) return stats.error();
    sum.runs += stats->runs;
    sum.run_ns += stats->run_ns;
  }
  return sum;
}

Result<> RunTimeSampler::begin() {
  const auto sum = totals();
  if (!sum) return sum.error();
  auto stats = enable_statistics();
  if (!stats) return std::move(stats).error();
  before_ = *sum;
  began_ns_ = mono_now();
  stats_ = *std::move(stats);
  return {};
}

Result<RunTime> RunTimeSampler::end() {
  stats_.reset();
  const Ns ended_ns = mono_now();
  auto sum = totals();
  if (!sum) return sum;
  RunTime window;
  window.runs = sum->runs - before_.runs;
  window.window_ns = ended_ns - began_ns_;
  const Ns measured_ns = sum->run_ns - before_.run_ns;
  const auto overhead_ns = static_cast<Ns>(static_cast<double>(window.runs) * empty_run_ns_);
  window.run_ns = measured_ns > overhead_ns ? measured_ns - overhead_ns : 0;
  return window;
}

}  // namespace tailwhy
