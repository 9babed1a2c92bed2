// The TLS libraries of running processes: among the files whose code they have mapped, in whatever
// mount namespace, deleted ones too. Each file is looked into once. Knows nothing of probes.
#pragma once

#include "symbols/process_images.h"
#include "symbols/tls_library.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace tailwhy {

class TlsLibraries {
 public:
  explicit TlsLibraries(std::string proc = "/proc") : images_(std::move(proc)) {}

  /// Looks at the code that the process has mapped by now. Gives the libraries in it that no
  /// process had before; the process may have ended.
  std::vector<TlsLibrary> look(std::uint32_t pid);
  /// Looks again at the processes that were looked at before, a bounded number of them in turns.
  std::vector<TlsLibrary> look_again();
  void forget(std::uint32_t pid);

  /// Files that were not looked into because there were too many.
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  void look_into(const ProcessImage& image, std::vector<TlsLibrary>& found);

  using Name = std::tuple<std::string, std::string, std::uint64_t>;
  ProcessImages images_;
  std::set<std::uint32_t> pids_;
  std::uint32_t next_ = 0;  // where the next turn begins
  std::set<Name> names_;    // mount namespace, path, inode
  std::set<std::pair<dev_t, ino_t>> files_;
  std::uint64_t skipped_ = 0;
};

}  // namespace tailwhy
