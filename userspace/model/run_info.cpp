// Names of lifecycle events as outputs spell them. Knows nothing of any output's format.
#include "model/run_info.h"

namespace tailwhy {

std::string_view to_string(LifecycleEvent::Kind kind) {
  switch (kind) {
    case LifecycleEvent::Kind::Attached:
      return "attached";
    case LifecycleEvent::Kind::TargetFork:
      return "target_fork";
    case LifecycleEvent::Kind::TargetExec:
      return "target_exec";
    case LifecycleEvent::Kind::TargetExit:
      return "target_exit";
    case LifecycleEvent::Kind::TargetFound:
      return "target_found";
    case LifecycleEvent::Kind::Reopened:
      return "reopened";
    case LifecycleEvent::Kind::Detached:
      return "detached";
  }
  return "unknown";
}

}  // namespace tailwhy
