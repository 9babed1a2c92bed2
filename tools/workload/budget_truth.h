// What one request spent where, as the server itself measured it, and the file it is written to.
// budget_server.cpp describes the lines. Knows nothing of how a server comes to spend it.
#pragma once

#include "connection.h"

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

namespace workload {

/// Each is wall time around the calls that cause it.
enum class Part : std::uint8_t {
  Lock,
  FileLock,
  Sleep,
  Disk,
  FileWrite,
  PageFault,
  Downstream,
  Client,
  Count
};

/// What the kernel counts for the calling thread.
struct Use {
  Ns cpu = 0;        // CLOCK_THREAD_CPUTIME_ID
  Ns run_queue = 0;  // runnable and not running (schedstat; 0 where the kernel has none)
  std::uint64_t switches = 0;
  std::uint64_t preempted = 0;
  std::uint64_t major_faults = 0;

  static Use of_this_thread();
};
Use operator-(const Use& end, const Use& begin);
void operator+=(Use& sum, const Use& more);

struct Spent {
  Use use;
  std::array<Ns, static_cast<std::size_t>(Part::Count)> parts{};
  Ns& operator[](Part part) { return parts[static_cast<std::size_t>(part)]; }
};

struct Record {
  std::string id;
  std::string target;
  std::uint64_t status = 200;
  pid_t tid = 0;
  Ns read_first = 0;
  Ns read_last = 0;
  Written written;
  Spent own;  // of the connection's thread, or of the event loop while it worked for this request
  // an event loop only, between read_first and write_last
  bool in_loop = false;
  Ns others = 0;  // the loop handled other requests
  Ns idle = 0;    // the loop waited for events
  // handed to a pool only
  std::string pool;
  pid_t pool_tid = 0;
  Ns handed = 0;    // from just before the hand-over to the pool thread's start
  Ns returned = 0;  // from just before the pool thread gave it back to its owner's going on
  Spent pooled;
};

Record record_of(const Request& request);

class TruthFile {
 public:
  TruthFile() = default;
  ~TruthFile();
  TruthFile(const TruthFile&) = delete;
  TruthFile& operator=(const TruthFile&) = delete;

  /// Ends the program with a message when it cannot be opened. Until then nothing is written.
  void open(const char* path);
  void write(const Record& record) const;

 private:
  int fd_ = -1;
};

}  // namespace workload
