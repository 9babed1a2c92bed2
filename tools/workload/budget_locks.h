// A lock that somebody else holds for a known time: each station has a helper thread that keeps the
// lock whenever nobody waits for it, so that the one who comes really sleeps in the kernel.
#pragma once

#include "budget_use.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <semaphore>
#include <thread>

namespace workload {

class LockStation {
 public:
  enum class Kind : std::uint8_t { Mutex, File };  // pthread_mutex_lock or flock(2)

  explicit LockStation(Kind kind);
  ~LockStation();
  LockStation(const LockStation&) = delete;
  LockStation& operator=(const LockStation&) = delete;

  /// Takes the lock, which the helper holds for `length` from now on. Returns how long the call
  /// that took it really lasted. One caller at a time.
  Took wait_for(Ns length);

 private:
  void help();
  void lock(int file);
  void unlock(int file);

  Kind kind_;
  std::mutex mutex_;
  int helper_file_ = -1;  // two open files of the same inode: flock is theirs, not the process's
  int caller_file_ = -1;
  Ns length_ = 0;
  bool ending_ = false;
  std::atomic<bool> held_ = false;
  std::binary_semaphore asked_{0};
  std::binary_semaphore taken_back_{0};
  std::thread helper_;
};

}  // namespace workload
