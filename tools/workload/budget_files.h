// Files that take time: writes that must reach the disk, reads and page faults of what is not in
// the page cache. The times are those of the disk, measured here.
#pragma once

#include "budget_use.h"
#include "spare.h"

#include <atomic>
#include <cstdint>
#include <string>

namespace workload {

class Files {
 public:
  /// `folder`: on a disk, not a tmpfs. Writes a file of `cold_bytes` to be read later. Ends the
  /// program with a message when that fails. The files have no names: they end with the process.
  Files(std::string folder, std::uint64_t cold_bytes);
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  struct Synced {
    Took write;
    Took sync;
  };
  /// Writes `size` bytes and waits until the disk has them.
  Synced write_and_sync(std::uint64_t size);
  /// Reads `size` bytes that are not in the page cache. Returns how long the read took.
  Took read_cold(std::uint64_t size);
  /// Maps `size` bytes that are not in the page cache and touches each page: major faults. Returns
  /// how long the touching took.
  Took fault_cold(std::uint64_t size);

 private:
  struct File;
  std::uint64_t next_cold(std::uint64_t size);

  std::string folder_;
  std::uint64_t cold_bytes_;
  int cold_ = -1;
  std::atomic<std::uint64_t> cold_next_ = 0;
  Spare<File> written_;
};

}  // namespace workload
