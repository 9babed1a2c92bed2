// Which outputs the options ask for.
#pragma once

#include "base/result.h"
#include "cli/options.h"
#include "sinks/sink.h"

#include <memory>
#include <vector>

namespace tailwhy {

/// Whether the terminal is taken over by the live view.
bool draws_live_view(const Options& options);

class Outputs {
 public:
  /// Opens every file that is asked for; an error leaves nothing half done.
  static Result<std::unique_ptr<Outputs>> create(const Options& options);
  [[nodiscard]] std::vector<Sink*> sinks() const;

 private:
  std::vector<std::unique_ptr<Sink>> sinks_;
};

}  // namespace tailwhy
