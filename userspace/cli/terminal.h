// What goes to people while a trace runs: notices and the progress line on stderr, and how results
// are written. Nothing here goes to a log.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "cli/options.h"
#include "model/report.h"
#include "model/run_info.h"
#include "sinks/style.h"

#include <string>
#include <string_view>

namespace tailwhy {

/// Writes all of it; a closed pipe is an Io error.
Result<> write_all(int fd, std::string_view text, std::string_view name);

/// What output on `fd` may use: --color, --ascii, NO_COLOR, CLICOLOR_FORCE, TERM, the locale.
Style style_for(const Options& options, int fd);

/// A sentence on stderr, unless --quiet.
void log_notice(const Options& options, std::string_view sentence);

/// "tracing nginx (pid 1234) ..." and, at a terminal, a line that shows how far a one-shot run is.
class Progress {
 public:
  explicit Progress(const Options& options);
  void start(const RunInfo& info);
  void update(Ns elapsed_ns, const Report& total);
  /// Wipes the line.
  void stop();

 private:
  const Options& options_;
  bool redraws_;
  bool shown_ = false;
};

}  // namespace tailwhy
