// The structured log: JSON lines with a header, requests, intervals, losses, errors, lifecycle and
// a summary. Which requests are written is decided here. Nothing waits for the file.
#pragma once

#include "base/async_writer.h"
#include "model/tail_analysis.h"
#include "sinks/output.h"
#include "sinks/reservoir.h"
#include "sinks/sink.h"

#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <string_view>

namespace tailwhy {

struct JsonLogOptions {
  std::string path;  ///< "-": standard output
  /// Every request at once. Otherwise slow and failed ones and a sample of the rest, each second's
  /// together when it is over.
  bool all = false;
  Ns slow_ns = 0;  ///< requests that took this long or longer are slow; 0: none is
  TailSpec tail;   ///< which ones are held against typical ones, whatever is logged
  bool failed = true;
  std::size_t sampled_per_second = 50;
  /// Of slow ones, and of failed ones: in a second with more, these too are a weighted sample.
  std::size_t most_per_second = 1000;
  std::uint64_t seed = 1;       ///< of the sample: the same requests give the same log
  bool client_address = false;  ///< write down who the clients were
  std::size_t summary_routes = 200;
};

class JsonLogSink final : public Sink {
 public:
  static Result<std::unique_ptr<JsonLogSink>> create(JsonLogOptions options);

  void on_start(const RunInfo& run) override;
  void on_request(const Request& request) override;
  void on_lifecycle(const LifecycleEvent& event) override;
  void on_interval(const Report& interval, const Report& total) override;
  Result<> on_end(const Report& total) override;
  void reopen() override;
  std::uint64_t dropped() const override { return writer_.stats().lines_dropped; }
  bool reader_gone() const override {
    return options_.path == "-" && is_closed_pipe(writer_.last_error());
  }

 private:
  // Why a request is written. Slow and failed ones are not part of the sample.
  enum Reason : std::uint8_t { Failed, Slow, Sampled, kReasons };

  JsonLogSink(JsonLogOptions options, AsyncWriter writer);
  Reason reason_for(const Request& request) const;
  void keep(const Request& request);
  void write_second();

  JsonLogOptions options_;
  AsyncWriter writer_;
  ClockOffset clock_;
  std::string header_;       // first line of every file
  fmt::memory_buffer line_;  // reused
  std::array<Reservoir, kReasons> kept_;
  Ns second_ = 0;  // of kept_
};

}  // namespace tailwhy
