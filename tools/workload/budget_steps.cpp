// Steps that take time. See the header.
#include "budget_steps.h"

#include "socket.h"

#include <fcntl.h>
#include <unistd.h>

namespace workload {
namespace {

// The CPU's clock is a system call, CLOCK_MONOTONIC is none: burning should not be calling.
void burn(Ns length) {
  const Ns end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + length;
  while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end) {
    const Ns soon = now_ns() + 10 * kNsPerUs;
    while (now_ns() < soon) {
    }
  }
}

Took sleep_for(Ns length) {
  const Watch watch;
  sleep_until(watch.begin() + length);
  return watch.stop();
}

// Calls that fail, and as many that tell nothing by failing: nobody counts a file that is not
// there.
void fail(std::uint64_t count, Spent& spent) {
  static const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (write(full, "x", 1) < 0) ++spent.failed;
    if (open("/nowhere", O_RDONLY | O_CLOEXEC) >= 0) die("/nowhere");
  }
}

Spare<LockStation> stations(LockStation::Kind kind) {
  return Spare<LockStation>([kind] { return std::make_unique<LockStation>(kind); });
}

}  // namespace

Steps::Steps(std::unique_ptr<Files> files, std::unique_ptr<Down> down)
    : files_(std::move(files)),
      down_(std::move(down)),
      mutexes_(stations(LockStation::Kind::Mutex)),
      file_locks_(stations(LockStation::Kind::File)) {}

bool Steps::run(std::span<const Step> steps, std::string_view id, Spent& spent) {
  for (const Step& step : steps)
    if (!run_one(step, id, spent)) return false;
  return true;
}

bool Steps::run_one(const Step& step, std::string_view id, Spent& spent) {
  switch (step.kind) {
    case Step::Kind::Burn:
      burn(step.length);
      return true;
    case Step::Kind::Sleep:
      spent[Part::Sleep] += sleep_for(step.length);
      return true;
    case Step::Kind::Lock:
      wait_for_lock(mutexes_, Part::Lock, step.length, spent);
      return true;
    case Step::Kind::FileLock:
      wait_for_lock(file_locks_, Part::FileLock, step.length, spent);
      return true;
    case Step::Kind::Hold:
      hold(step.length, spent);
      return true;
    case Step::Kind::Fail:
      fail(step.count, spent);
      return true;
    case Step::Kind::Down:
    case Step::Kind::DownNew:
      return call_down(step, id, spent);
    default:
      return use_files(step, spent);
  }
}

void Steps::wait_for_lock(Spare<LockStation>& stations, Part part, Ns length, Spent& spent) {
  auto station = stations.take();
  spent[part] += station->wait_for(length);
  stations.give_back(std::move(station));
}

void Steps::hold(Ns length, Spent& spent) {
  const Watch watch;
  const std::lock_guard lock(shared_);
  spent[Part::Lock] += watch.stop();
  spent[Part::Sleep] += sleep_for(length);
}

bool Steps::call_down(const Step& step, std::string_view id, Spent& spent) {
  if (!down_) return false;
  const auto took = down_->call(step.length, id, step.kind == Step::Kind::DownNew);
  spent[Part::Downstream] += took.value_or(Took{});
  return took.has_value();
}

bool Steps::use_files(const Step& step, Spent& spent) {
  if (!files_) return false;
  if (step.kind == Step::Kind::Fsync) {
    const Files::Synced took = files_->write_and_sync(step.size);
    spent[Part::FileWrite] += took.write;
    spent[Part::Disk] += took.sync;
  }
  if (step.kind == Step::Kind::Cold) spent[Part::Disk] += files_->read_cold(step.size);
  if (step.kind == Step::Kind::Fault) spent[Part::PageFault] += files_->fault_cold(step.size);
  return true;
}

}  // namespace workload
