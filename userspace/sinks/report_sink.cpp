// See the header. At the end of a run there is nothing left to delay, so this write may block.
#include "sinks/report_sink.h"

#include "sinks/output.h"
#include "sinks/report_json.h"

namespace tailwhy {

Result<> ReportSink::on_end(const Report& total) {
  const std::string text =
      options_.json ? format_report_json(total, run_, {.slow_ns = options_.report.slow_ns})
                    : format_report(total, run_, options_.report);
  auto written = write_output(options_.path, text);
  if (!written) return written.error().wrap("write the report");
  return {};
}

}  // namespace tailwhy
