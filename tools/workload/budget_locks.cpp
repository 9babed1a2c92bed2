// Locks held for a known time. See the header.
#include "budget_locks.h"

#include "socket.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace workload {

LockStation::LockStation(Kind kind) : kind_(kind) {
  if (kind == Kind::File) {
    helper_file_ = memfd_create("lock", MFD_CLOEXEC);
    const std::string again = "/proc/self/fd/" + std::to_string(helper_file_);
    caller_file_ = open(again.c_str(), O_RDWR | O_CLOEXEC);
    if (caller_file_ < 0) die("lock file");
  }
  helper_ = std::thread([this] { help(); });
  held_.wait(false);
}

LockStation::~LockStation() {
  held_.wait(false);
  ending_ = true;
  asked_.release();
  helper_.join();
  if (helper_file_ >= 0) close(helper_file_);
  if (caller_file_ >= 0) close(caller_file_);
}

void LockStation::lock(int file) {
  if (kind_ == Kind::Mutex) {
    mutex_.lock();
    return;
  }
  while (flock(file, LOCK_EX) != 0)
    if (errno != EINTR) die("flock");
}

void LockStation::unlock(int file) {
  if (kind_ == Kind::Mutex) {
    mutex_.unlock();
  } else if (flock(file, LOCK_UN) != 0) {
    die("flock");
  }
}

void LockStation::help() {
  prctl(PR_SET_NAME, "lock-helper");
  prctl(PR_SET_TIMERSLACK, 1);
  while (true) {
    lock(helper_file_);
    held_ = true;
    held_.notify_all();
    asked_.acquire();
    if (!ending_) sleep_until(now_ns() + length_);
    held_ = false;
    unlock(helper_file_);
    if (ending_) return;
    taken_back_.acquire();
  }
}

Took LockStation::wait_for(Ns length) {
  held_.wait(false);  // only when the one before has just left
  length_ = length;
  asked_.release();
  const Watch watch;
  lock(caller_file_);
  const Took waited = watch.stop();
  unlock(caller_file_);
  taken_back_.release();
  return waited;
}

}  // namespace workload
