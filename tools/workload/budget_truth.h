// What one request spent where, as the server itself measured it, and the file it is written to.
// budget_server.cpp describes the lines. Knows nothing of how a server comes to spend it.
#pragma once

#include "budget_use.h"
#include "connection.h"

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

namespace workload {

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

struct Spent {
  Use use;
  std::array<Took, static_cast<std::size_t>(Part::Count)> parts{};
  std::uint64_t failed = 0;  // system calls
  // Of the use, in the last write: that wakes the client, who may take the CPU at once, and what a
  // tracer sees of the request ends within the call.
  Ns late_run_queue = 0;
  Took& operator[](Part part) { return parts[static_cast<std::size_t>(part)]; }
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
  Took idle;      // the loop waited for events
  Use loop;       // of the loop's thread, whomever it worked for
  // handed to a pool only
  std::string pool;
  pid_t pool_tid = 0;
  Took handed;         // from just before the hand-over to the pool thread's start
  Ns handed_busy = 0;  // of that, the pool thread was still at work for others
  Took returned;       // from just before the pool thread gave it back to its owner's going on
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
