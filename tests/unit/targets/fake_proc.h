// A /proc tree written by hand into a temporary directory, for what real processes do not do on
// demand: reuse a PID, have 2000 threads, bear a hostile name, live in a container.
#pragma once

#include "targets/proc_fs.h"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy::test {

/// What is written for one process. Unset texts give the usual content.
struct FakeProcess {
  pid_t pid = 0;
  pid_t ppid = 1;
  std::string comm = "server";
  char state = 'S';
  std::uint32_t flags = 0;
  std::uint64_t start_ticks = 1000;
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t reaped_minor_faults = 0;
  std::uint64_t major_faults = 0;
  int exit_code = 0;
  std::uint64_t rss_pages = 0;
  std::uint64_t peak_rss_kib = 0;
  std::uint32_t uid = 0;
  std::string ns_pids;
  std::string exe = "/usr/sbin/server";
  std::string net_ns = "net:[1]";
  std::string cgroup = "0::/\n";
  std::string cmdline;
  std::uint64_t read_chars = 0;
  std::uint64_t write_chars = 0;
  std::uint64_t disk_read_bytes = 0;
  std::uint64_t disk_write_bytes = 0;
  bool has_io = true;
  std::vector<std::string> descriptors;  ///< link targets: "socket:[5]"
  struct Thread {
    pid_t tid = 0;
    std::uint64_t run_ns = 0;
    std::uint64_t run_queue_ns = 0;
    std::uint64_t slices = 0;
    std::uint64_t voluntary = 0;
    std::uint64_t involuntary = 0;
  };
  std::vector<Thread> threads;  ///< empty: one, with the number of the process and nothing done
};

/// Removed with all it holds when it goes out of scope.
class FakeProc {
 public:
  FakeProc();
  FakeProc(FakeProc&&) = delete;
  FakeProc& operator=(FakeProc&&) = delete;
  ~FakeProc();

  ProcFs fs() const { return ProcFs(root_.string()); }
  std::filesystem::path path(pid_t pid, std::string_view name) const;

  /// Writes all files of the process, replacing what was there.
  void put(const FakeProcess& process);
  void remove(pid_t pid);
  void write(pid_t pid, std::string_view name, std::string_view text);
  void link(pid_t pid, std::string_view name, std::string_view target);

 private:
  void keep_threads(pid_t pid, const std::vector<FakeProcess::Thread>& threads);

  std::filesystem::path root_;
  std::map<std::string, std::string> written_;
};

}  // namespace tailwhy::test
