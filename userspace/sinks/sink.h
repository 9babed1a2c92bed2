// An output: a report, a log, a live view. One file with one SinkSpec, one row in registry.cpp.
// Knows nothing of events, sockets or parsers. No call blocks on a reader of the output: whatever
// may block goes through base/async_writer.h.
#pragma once

#include "base/result.h"
#include "model/report.h"
#include "model/request.h"
#include "model/run_info.h"

namespace tailwhy {

class Sink {
 public:
  virtual ~Sink() = default;
  // Once, after the attach.
  virtual void on_start(const RunInfo&) {}
  // Each finished exchange, in the order in which they end. Called up to 10^5 times a second.
  virtual void on_request(const Request&) {}
  // Lifecycle of run and target.
  virtual void on_lifecycle(const LifecycleEvent&) {}
  // Each interval; `total` is the run so far.
  virtual void on_interval(const Report& /*interval*/, const Report& /*total*/) {}
  // Once, at the end. The result says whether everything was written.
  virtual Result<> on_end(const Report& /*total*/) { return {}; }
  // SIGHUP: files are opened again under their name.
  virtual void reopen() {}
  // Nobody reads standard output any more (`tailwhy ... | head`): there is no point in going on.
  [[nodiscard]] virtual bool reader_gone() const { return false; }
  // Records that this sink itself had to drop so far.
  [[nodiscard]] virtual std::uint64_t dropped() const { return 0; }
};

}  // namespace tailwhy
