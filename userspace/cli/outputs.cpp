#include "cli/outputs.h"

#include "cli/terminal.h"
#include "sinks/json_log_sink.h"
#include "sinks/line_sink.h"
#include "sinks/live_sink.h"
#include "sinks/output.h"
#include "sinks/report_sink.h"
#include "sinks/terminal.h"

#include <unistd.h>
#include <utility>

namespace tailwhy {

namespace {

std::string path_or_stdout(const std::string& path) {
  return path.empty() ? "-" : path;
}

JsonLogOptions log_options(const Options& o, std::string path) {
  JsonLogOptions log;
  log.path = std::move(path);
  log.slow_ns = o.slow_ns;
  log.tail.slow_ns = o.slow_ns;
  log.sampled_per_second = o.sample_per_second;
  log.client_address = o.client_address;
  switch (o.log_requests) {
    case WhichRequests::Default:
      break;
    case WhichRequests::All:
      log.all = true;
      break;
    case WhichRequests::Slow:
      log.failed = false;
      log.sampled_per_second = 0;
      break;
    case WhichRequests::Failed:
      log.slow_ns = 0;
      log.sampled_per_second = 0;
      break;
    case WhichRequests::Sampled:
      log.slow_ns = 0;
      log.failed = false;
      break;
  }
  return log;
}

// The report goes to `fd` unless the options name a file.
std::unique_ptr<Sink> final_report(const Options& o, int fd) {
  const TerminalSize size = terminal_size(fd);
  ReportSinkOptions report;
  report.path = fd == STDERR_FILENO ? std::string(kStandardError) : path_or_stdout(o.output);
  report.json = o.format == Format::Json;
  const bool to_file = report.path != "-" && fd == STDOUT_FILENO;
  report.report.style =
      to_file ? Style{.colour = false, .charset = style_for(o, fd).charset} : style_for(o, fd);
  report.report.width = size.columns;
  report.report.height = size.rows;
  report.report.slow_ns = o.slow_ns;
  if (o.top > 0) {
    report.report.top = o.top;
    report.report.fewest = o.top;  // asked for: the screen may scroll
  }
  return std::make_unique<ReportSink>(std::move(report));
}

}  // namespace

bool draws_live_view(const Options& o) {
  return o.command == Command::Trace && !o.profile && o.format == Format::Table &&
         o.output.empty() && isatty(STDOUT_FILENO) == 1;
}

Result<std::unique_ptr<Outputs>> Outputs::create(const Options& o) {
  auto outputs = std::make_unique<Outputs>();
  if (auto writable = check_output(path_or_stdout(o.output)); !writable) {
    return std::move(writable).error();
  }
  if (o.command == Command::Record) return outputs;
  auto& sinks = outputs->sinks_;
  const auto add = [&sinks](auto result) -> Result<> {
    if (!result) return std::move(result).error();
    sinks.push_back(std::move(*result));
    return {};
  };
  Result<> added;
  if (o.format == Format::Jsonl) {
    added = add(JsonLogSink::create(log_options(o, path_or_stdout(o.output))));
  } else if (draws_live_view(o)) {
    added = add(LiveSink::create(
        {.fd = STDOUT_FILENO, .style = style_for(o, STDOUT_FILENO), .slow_ns = o.slow_ns}));
  } else if (o.command == Command::Trace && !o.profile && o.format == Format::Table) {
    added = add(LineSink::create(path_or_stdout(o.output)));
  }
  if (!added) return std::move(added).error();
  if (!o.log.empty()) {
    if (added = add(JsonLogSink::create(log_options(o, o.log))); !added) {
      return std::move(added).error();
    }
  }
  // Last, so that the live view has given the screen back. Beside lines for programs the report is
  // for people, and goes where people look.
  const bool lines =
      o.command == Command::Trace && !o.profile && o.format == Format::Table && !draws_live_view(o);
  if (o.format != Format::Jsonl && !(lines && o.quiet)) {
    sinks.push_back(final_report(o, lines ? STDERR_FILENO : STDOUT_FILENO));
  }
  return outputs;
}

std::vector<Sink*> Outputs::sinks() const {
  std::vector<Sink*> sinks;
  for (const auto& sink : sinks_)
    sinks.push_back(sink.get());
  return sinks;
}

}  // namespace tailwhy
