// The words of the budget server's paths.
#include "budget_plan.h"

namespace workload {
namespace {

using Argument = StepWord::Argument;

constexpr StepWord kWords[] = {
    {"cpu", Step::Kind::Burn, Argument::Duration},            // burn CPU
    {"sleep", Step::Kind::Sleep, Argument::Duration},         // nanosleep
    {"lock", Step::Kind::Lock, Argument::Duration},           // a helper holds the mutex that long
    {"file_lock", Step::Kind::FileLock, Argument::Duration},  // the same with flock(2)
    {"hold", Step::Kind::Hold, Argument::Duration},           // sleep with the lock of all /hold
    {"fsync", Step::Kind::Fsync, Argument::Size},             // write and fsync
    {"cold", Step::Kind::Cold, Argument::Size},               // read what is not in the page cache
    {"fault", Step::Kind::Fault, Argument::Size},             // the same by major page faults
    {"down", Step::Kind::Down, Argument::Duration},           // call another server that sleeps
    {"down_new", Step::Kind::DownNew, Argument::Duration},    // the same over a new connection
    {"fail", Step::Kind::Fail, Argument::Count},              // so many system calls fail
    {"size", Step::Kind::Size, Argument::Size},               // a body of so many bytes
    {"slow", Step::Kind::Slow, Argument::Size},               // the same, in pieces
    {"pool_cond", Step::Kind::PoolCond, Argument::None},      // the rest is the pool's: handed over
    {"pool_pipe", Step::Kind::PoolPipe, Argument::None},      // by a condition variable, a pipe,
    {"pool_eventfd", Step::Kind::PoolEventFd, Argument::None},  // a queue and an eventfd, or
    {"pool_unix", Step::Kind::PoolUnix, Argument::None},        // a Unix socket pair
    {"reply_pool", Step::Kind::ReplyPool, Argument::None},      // the pool thread writes the answer
};

bool is_pool(Step::Kind kind) {
  return kind == Step::Kind::PoolCond || kind == Step::Kind::PoolPipe ||
         kind == Step::Kind::PoolEventFd || kind == Step::Kind::PoolUnix;
}

}  // namespace

std::optional<BudgetPlan> parse_budget_plan(std::string_view path) {
  const auto steps = parse_plan(kWords, path);
  if (!steps) return std::nullopt;
  BudgetPlan plan;
  for (const Step& step : *steps) {
    if (is_pool(step.kind)) {
      if (plan.pool) return std::nullopt;
      plan.pool = step.kind;
    } else if (step.kind == Step::Kind::ReplyPool) {
      plan.reply_by_pool = true;
    } else if (step.kind == Step::Kind::Size || step.kind == Step::Kind::Slow) {
      plan.body = step.size;
      plan.slow = step.kind == Step::Kind::Slow;
    } else {
      (plan.pool ? plan.pooled : plan.steps).push_back(step);
    }
  }
  if (plan.reply_by_pool && !plan.pool) return std::nullopt;
  return plan;
}

}  // namespace workload
