// Where in the code slow requests spend their time: takes the stacks of their threads while they
// end, and names them when the run does. The kernel's numbers of stacks and the files of the
// processes are all that is kept in between.
#pragma once

#include "base/private_file.h"
#include "flow/conn_table.h"
#include "model/slow_stacks.h"
#include "stats/slow_rule.h"
#include "stats/stack_profile.h"
#include "symbols/code_files.h"
#include "symbols/process_images.h"
#include "symbols/unwinder.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tailwhy {

struct SlowRequestsConfig {
  Ns slow_ns = 0;         ///< 0: by the run's own p99
  bool cpu_known = true;  ///< what runs is sampled, too
  /// The return addresses of a stack by the kernel's number.
  std::function<std::vector<std::uint64_t>(std::int32_t)> read_stack;
};

class SlowRequests {
 public:
  explicit SlowRequests(SlowRequestsConfig config)
      : config_(std::move(config)), rule_(config_.slow_ns) {}

  void on_process(std::uint32_t pid) { images_.look(pid); }
  void on_fork(std::uint32_t parent, std::uint32_t child) { images_.inherit(parent, child); }
  void on_tick();
  /// While the table is telling of the request.
  void on_request(const Request& request, ConnTable& conns);

  /// What was seen, with names: takes a while.
  SlowStacks finish();

 private:
  void add(const StackSample& sample, Part part, Ns ns);
  StackKey key_of(const StackSample& sample, Part part);
  std::vector<std::uint64_t> user_stack(const StackKey& key) const;

  SlowRequestsConfig config_;
  SlowRule rule_;
  StackProfile profile_;
  ProcessImages images_;
  CodeFiles files_{images_};
  int unwound_ = 0;  // since the last tick
  std::uint64_t hurried_ = 0;
  std::uint64_t too_old_ = 0;
};

/// Writes the stacks in folded form to a file that was opened with open_private().
Result<> write_folded(const SlowStacks& stacks, int fd, const std::string& path);

}  // namespace tailwhy
