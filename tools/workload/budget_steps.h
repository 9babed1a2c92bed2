// The steps of the budget server that take time, done by whichever thread comes to them: each
// blocks as it says, and adds what it really took. Knows nothing of connections and event loops.
#pragma once

#include "budget_down.h"
#include "budget_files.h"
#include "budget_locks.h"
#include "budget_truth.h"
#include "plan.h"
#include "spare.h"

#include <memory>
#include <mutex>
#include <span>
#include <string_view>

namespace workload {

class Steps {
 public:
  /// Null: the server has no folder or no downstream, and steps that need one fail.
  Steps(std::unique_ptr<Files> files, std::unique_ptr<Down> down);

  /// False: one of them could not be done. The id is the request's.
  bool run(std::span<const Step> steps, std::string_view id, Spent& spent);

 private:
  bool run_one(const Step& step, std::string_view id, Spent& spent);
  void wait_for_lock(Spare<LockStation>& stations, Part part, Ns length, Spent& spent);
  void hold(Ns length, Spent& spent);
  bool call_down(const Step& step, std::string_view id, Spent& spent);
  bool use_files(const Step& step, Spent& spent);

  std::unique_ptr<Files> files_;
  std::unique_ptr<Down> down_;
  Spare<LockStation> mutexes_;
  Spare<LockStation> file_locks_;
  std::mutex shared_;  // what /hold contends for
};

}  // namespace workload
