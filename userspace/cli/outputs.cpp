#include "cli/outputs.h"

#include "cli/terminal.h"
#include "sinks/records.h"
#include "sinks/report.h"

#include <nlohmann/json.hpp>

#include <utility>

#include <unistd.h>

namespace tailwhy {

namespace {

// The report at the end of the run, as a page or as one JSON document.
class FinalReport final : public Sink {
 public:
  explicit FinalReport(const Options& options) : options_(options) {}
  void on_start(const RunInfo& info) override { info_ = info; }
  Result<> on_end(const Report& total) override {
    return write_all(STDOUT_FILENO, render(total), "standard output");
  }

 private:
  std::string render(const Report& total) const {
    if (options_.format == Format::Json) {
      return summary_record(total, 2000).dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
    }
    const TerminalSize size = terminal_size(STDOUT_FILENO);
    return format_report(total, info_,
                         {.style = style_for(options_, STDOUT_FILENO),
                          .width = size.width,
                          .height = size.height,
                          .top = options_.top});
  }

  Options options_;
  RunInfo info_;
};

}  // namespace

Result<std::unique_ptr<Outputs>> Outputs::create(const Options& options) {
  auto outputs = std::make_unique<Outputs>();
  outputs->sinks_.push_back(std::make_unique<FinalReport>(options));
  return outputs;
}

std::vector<Sink*> Outputs::sinks() const {
  std::vector<Sink*> sinks;
  for (const auto& sink : sinks_) sinks.push_back(sink.get());
  return sinks;
}

}  // namespace tailwhy
