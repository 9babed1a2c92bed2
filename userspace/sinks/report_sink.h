// The report at the end of a run, as a table or as JSON, on a descriptor or in a file.
#pragma once

#include "sinks/report.h"
#include "sinks/sink.h"

#include <string>
#include <utility>

namespace tailwhy {

struct ReportSinkOptions {
  std::string path = "-";
  bool json = false;
  ReportOptions report;  ///< of the table; of JSON only slow_ns
};

class ReportSink final : public Sink {
 public:
  explicit ReportSink(ReportSinkOptions options) : options_(std::move(options)) {}

  void on_start(const RunInfo& run) override { run_ = run; }
  Result<> on_end(const Report& total) override;

 private:
  ReportSinkOptions options_;
  RunInfo run_;
};

}  // namespace tailwhy
