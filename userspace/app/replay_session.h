// The analysis of a recording: the same outputs as the live run had, without kernel or root.
#pragma once

#include "app/analysis.h"
#include "events/replay_source.h"
#include "model/run_info.h"

#include <memory>
#include <string>
#include <vector>

namespace tailwhy {

class ReplaySession {
 public:
  /// Opens the recording and reads what run it was of.
  static Result<std::unique_ptr<ReplaySession>> open(const std::string& path, FlowConfig flow);

  [[nodiscard]] const RunInfo& info() const { return info_; }
  /// Replays it all. A damaged recording gives everything before the damage to the outputs, and
  /// then the error.
  Result<> run(const std::vector<Sink*>& sinks);
  [[nodiscard]] const Report& total() const { return analysis_->total(); }

 private:
  ReplaySession(ReplaySource source, RunInfo info, FlowConfig flow)
      : source_(std::move(source)), info_(std::move(info)), flow_(flow) {}

  ReplaySource source_;
  RunInfo info_;
  FlowConfig flow_;
  std::unique_ptr<Analysis> analysis_;
};

}  // namespace tailwhy
