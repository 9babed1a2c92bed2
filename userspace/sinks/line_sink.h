// One line an interval, for pipes and files: columns of plain numbers with the units in the
// heading, so that awk, sort and gnuplot can read them.
#pragma once

#include "base/async_writer.h"
#include "sinks/output.h"
#include "sinks/sink.h"

#include <memory>
#include <string>

namespace tailwhy {

/// The heading of the columns, and one interval as a line; each with its line break.
std::string interval_heading();
std::string format_interval_line(const Report& interval);

class LineSink final : public Sink {
 public:
  /// `path` "-": standard output.
  static Result<std::unique_ptr<LineSink>> create(const std::string& path);

  void on_start(const RunInfo& run) override;
  void on_interval(const Report& interval, const Report& total) override;
  Result<> on_end(const Report& total) override;
  void reopen() override { writer_.reopen(interval_heading()); }
  std::uint64_t dropped() const override { return writer_.stats().lines_dropped; }
  bool reader_gone() const override { return to_stdout_ && is_closed_pipe(writer_.last_error()); }

 private:
  LineSink(AsyncWriter writer, bool to_stdout)
      : writer_(std::move(writer)), to_stdout_(to_stdout) {}

  AsyncWriter writer_;
  bool to_stdout_;
};

}  // namespace tailwhy
