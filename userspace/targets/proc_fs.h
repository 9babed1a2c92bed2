// Raw access to a /proc tree: files, links and numeric directories, each read once and bounded.
// Knows nothing of what the files mean; the root is a parameter so that tests can write a tree.
#pragma once

#include "base/result.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

/// A process directory as a listing of /proc shows it.
struct PidEntry {
  pid_t pid = 0;
  /// Inode of the directory. A process that reuses the PID has another one, but the kernel may also
  /// renumber a living process: a change means "look again", not "is another".
  std::uint64_t inode = 0;
};

/// Reads below one /proc. Errors: NotFound when the process (or file) is gone, Permission when the
/// kernel refuses.
class ProcFs {
 public:
  /// Longest file that is read; what is beyond is cut. /proc/PID/status grows with the number of
  /// supplementary groups (65536 at most), which stand before the fields we want.
  static constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

  explicit ProcFs(std::string root = "/proc");

  const std::string& root() const noexcept { return root_; }

  /// True for our own /proc: only its PIDs mean anything to system calls (pidfd_open, CPU clocks).
  /// A host's /proc mounted elsewhere numbers processes of another PID namespace.
  bool is_live() const noexcept { return live_; }

  /// "root/PID/name", or "root/PID" for an empty name.
  std::string path(pid_t pid, std::string_view name = {}) const;

  /// The content of "PID/name".
  Result<std::string> read(pid_t pid,
                           std::string_view name,
                           std::size_t max_bytes = kMaxFileBytes) const;

  /// Calls `line` for each line of "PID/name" without its end, until it returns false.
  /// Reads no further than needed: tables of sockets can be tens of megabytes.
  Result<> for_each_line(pid_t pid,
                         std::string_view name,
                         const std::function<bool(std::string_view)>& line) const;

  /// Where the symbolic link "PID/name" points to.
  Result<std::string> read_link(pid_t pid, std::string_view name) const;

  /// All processes, ascending by PID.
  Result<std::vector<PidEntry>> processes() const;

  /// Numbers of the entries of a directory of a process ("task", "fd"), ascending.
  Result<std::vector<pid_t>> numbers(pid_t pid, std::string_view name) const;

  /// How many descriptors the process has open. One stat() since Linux 6.2, a listing before.
  Result<std::uint64_t> count_descriptors(pid_t pid) const;

 private:
  std::string root_;
  bool procfs_ = false;
  bool live_ = false;
};

}  // namespace tailwhy
