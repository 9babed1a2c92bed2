// What the userspace path costs for each socket event, on one thread: decode, then flow and
// parsing, then statistics, then the log. Replays traffic made here or a recording, from memory, so
// that no disk and no kernel is part of it. And what an open connection costs in memory.
//
//   tw_bench_pipeline [--only NAME] [--stage NAME] [--rounds N] [--capture FILE]
//                     [--connections N,N]
//
// CPU time, because the machine may be busy with other things; the median of the rounds with the
// quarter and three-quarter points beside it.
#include "app/analysis.h"
#include "events/decode.h"
#include "events/replay_source.h"
#include "sinks/json_log_sink.h"
#include "traffic.h"

#include <CLI/CLI.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace tailwhy;
using namespace tailwhy::bench;
using Records = std::vector<std::span<const std::byte>>;

double cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// --- how far an event goes

enum class Stage { Decode, Flow, Stats, Log, LogAll };
struct StageRow {
  Stage stage;
  std::string_view option;
  std::string_view name;
};
constexpr StageRow kStages[] = {{Stage::Decode, "decode", "decode"},
                                {Stage::Flow, "flow", "+ flow, parser"},
                                {Stage::Stats, "statistics", "+ statistics"},
                                {Stage::Log, "log", "+ log, sampled"},
                                {Stage::LogAll, "log-all", "+ log of all"}};

struct Nobody final : FlowListener {
  void on_request_begin(Role) override {}
  void on_request(const Request&) override { ++requests; }
  void on_conn_start(ConnStart) override {}
  void on_conn_end(const ConnEnd&) override {}
  void on_retransmit() override {}
  void on_socket_error(int) override {}
  void on_bytes(std::uint64_t, std::uint64_t) override {}
  std::uint64_t requests = 0;
};

// Events to the flow layer and no further.
class FlowOnly final : public EventHandler {
 public:
  FlowOnly() { conns_.want_budgets(true); }
  void on_event(const EventView& event) override {
    std::visit(
        [this]<class Event>(const Event& e) {
          if constexpr (std::is_same_v<Event, DataView> || std::is_same_v<Event, DatagramView>) {
            conns_.on_event(e);
          } else if constexpr (requires { conns_.on_event(*e); }) {
            conns_.on_event(*e);
          }
        },
        event);
  }
  void on_tick(Ns) override {}

 private:
  Nobody nobody_;
  ConnTable conns_{FlowConfig{}, nobody_};
};

struct CountOnly final : EventHandler {
  void on_event(const EventView& event) override { bytes += header_of(event).size_bytes; }
  void on_tick(Ns) override {}
  std::uint64_t bytes = 0;
};

// One round's handler, fresh, with the outputs that its stage has.
class Path {
 public:
  explicit Path(Stage stage) {
    if (stage == Stage::Decode) {
      handler_ = std::make_unique<CountOnly>();
      return;
    }
    if (stage == Stage::Flow) {
      handler_ = std::make_unique<FlowOnly>();
      return;
    }
    std::vector<Sink*> sinks;
    if (stage == Stage::Log || stage == Stage::LogAll) {
      log_ = JsonLogSink::create({.path = "/dev/null", .all = stage == Stage::LogAll}).value();
      sinks.push_back(log_.get());
    }
    auto analysis = std::make_unique<Analysis>(std::move(sinks), FlowConfig{});
    RunInfo run;
    run.hooks.emplace_back("waking_tp");  // budgets are to be had
    analysis->start(run);
    analysis_ = analysis.get();
    handler_ = std::move(analysis);
  }

  void feed(const Records& records) {
    EventHandler* handler = handler_.get();
    asm volatile("" : "+r"(handler));  // as in the live reader: its type is not known
    for (const auto record : records) {
      if (const Decoded event = decode(record)) handler->on_event(*event);
    }
  }

  // The report of all of it; only from the stage of statistics on.
  Report finish(Ns now_ns) {
    if (analysis_ == nullptr) return {};
    analysis_->finish(now_ns).value();
    return analysis_->total();
  }

 private:
  std::unique_ptr<JsonLogSink> log_;
  std::unique_ptr<EventHandler> handler_;
  Analysis* analysis_ = nullptr;
};

// --- measuring

struct Spread {
  double low = 0;
  double median = 0;
  double high = 0;
};

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
  };
  return {at(0.25), at(0.5), at(0.75)};
}

bool is_socket_event(std::span<const std::byte> record) {
  const auto type = reinterpret_cast<const tw_ev_hdr*>(record.data())->type;
  return type != TW_EV_TASK_FORK && type != TW_EV_TASK_EXEC && type != TW_EV_TASK_EXIT &&
         type != TW_EV_OFF_CPU;
}

struct Options {
  int rounds = 15;
  std::string stage;  // empty: all
};

void measure(std::string_view name,
             std::string_view what,
             const Records& records,
             const Options& options) {
  const auto events =
      static_cast<double>(std::count_if(records.begin(), records.end(), is_socket_event));
  Report report;
  fmt::print("\n{}: {}\n", name, what);
  for (const StageRow& row : kStages) {
    if (!options.stage.empty() && row.option != options.stage) continue;
    std::vector<double> times;
    for (int round = 0; round < options.rounds; ++round) {
      Path path(row.stage);
      const double begin = cpu_ns();
      path.feed(records);
      times.push_back(cpu_ns() - begin);
      report = path.finish(reinterpret_cast<const tw_ev_hdr*>(records.back().data())->ts_ns);
    }
    const Spread took = spread_of(std::move(times));
    fmt::print("  {:<16} {:>8.1f} ns/event ({:.1f}-{:.1f}) {:>8.2f} M events/s", row.name,
               took.median / events, took.low / events, took.high / events,
               events * 1e3 / took.median);
    const auto requests = report.server.matched + report.client.matched;
    if (requests > 0) {
      fmt::print(" {:>8.0f} ns/request", took.median / static_cast<double>(requests));
    }
    fmt::print("\n");
  }
  fmt::print("  {:.0f} socket events, {} requests seen, {} matched", events, report.server.seen,
             report.server.matched);
  for (const LossRow& loss : report.losses) {
    if (loss.count > 0) fmt::print(", {} {}", loss.reason, loss.count);
  }
  fmt::print("\n");
}

// --- recordings

// Keeps the records of a recording in memory, 8-aligned as a ring gives them.
class Keeper final : public EventHandler {
 public:
  void on_event(const EventView& event) override {
    const auto bytes = bytes_of(event);
    std::vector<std::uint64_t> words((bytes.size() + 7) / 8);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    kept_.push_back({std::move(words), bytes.size()});
  }
  void on_tick(Ns) override {}
  [[nodiscard]] Records records() const {
    Records all;
    for (const auto& [words, size] : kept_)
      all.push_back(std::as_bytes(std::span(words)).first(size));
    return all;
  }

 private:
  std::vector<std::pair<std::vector<std::uint64_t>, std::size_t>> kept_;
};

int measure_capture(const std::string& path, const Options& options) {
  auto source = ReplaySource::open(path);
  Keeper keeper;
  const std::stop_source never;
  const auto ran = source ? source->run(keeper, never.get_token()) : std::move(source).error();
  if (!ran) {
    fmt::print(stderr, "tw_bench_pipeline: {}\n", ran.error().to_string());
    return 1;
  }
  const Records records = keeper.records();
  if (records.empty()) {
    fmt::print(stderr, "tw_bench_pipeline: {}: no events\n", path);
    return 1;
  }
  measure(path, "recording", records, options);
  return 0;
}

// --- memory

std::size_t memory_kib(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoul(line.substr(field.size() + 1));
  }
  return 0;
}

// Meant for a process of its own: neither a peak nor what the allocator keeps can be taken back.
void measure_memory(std::size_t connections) {
  Path path(Stage::Stats);
  const std::size_t before = memory_kib("VmRSS");
  for (std::size_t i = 1; i <= connections; ++i)
    path.feed(busy_connection(i).records);
  const std::size_t open = memory_kib("VmRSS");
  const Report report = path.finish(1'000'000'000'000);
  fmt::print(
      "{:>8} connections: {:>6.1f} MiB more, {:>5} bytes each, peak of the process {:.1f} MiB"
      " ({} in flight)\n",
      connections, static_cast<double>(open - before) / 1024, (open - before) * 1024 / connections,
      static_cast<double>(memory_kib("VmHWM")) / 1024, report.server.in_flight);
}

int measure_memory_apart(std::size_t connections) {
  std::fflush(stdout);
  const std::string count = std::to_string(connections);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/proc/self/exe", "tw_bench_pipeline", "--memory", count.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) fmt::print("{:>8} connections: failed\n", connections);
  return status == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string only;
  std::string capture;
  std::size_t turns = 4000;
  std::vector<std::size_t> connections{10'000, 50'000};
  std::size_t memory = 0;
  CLI::App app("Costs of the userspace path");
  app.add_option("--rounds", options.rounds, "Rounds of each measurement")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--only", only, "This traffic alone");
  std::vector<std::string> stages;
  for (const StageRow& row : kStages)
    stages.emplace_back(row.option);
  app.add_option("--stage", options.stage, "As far as this alone")->check(CLI::IsMember(stages));
  app.add_option("--turns", turns, "Questions and answers in a round");
  app.add_option("--capture", capture, "A recording instead");
  app.add_option("--connections", connections, "Open connections to measure memory with; 0: none")
      ->delimiter(',');
  app.add_option("--memory", memory, "Only that, with so many connections, in this process");
  CLI11_PARSE(app, argc, argv);

  if (memory > 0) {
    measure_memory(memory);
    return 0;
  }
  if (!capture.empty()) return measure_capture(capture, options);
  for (const Scenario& scenario : scenarios()) {
    if (!only.empty() && scenario.name != only) continue;
    const Traffic traffic = scenario.make(turns);
    measure(scenario.name, scenario.what, traffic.records, options);
  }
  if (!only.empty()) return 0;
  fmt::print("\nmemory, each connection with one request served and one in flight\n");
  int failed = 0;
  for (const std::size_t count : connections) {
    if (count > 0) failed |= measure_memory_apart(count);
  }
  return failed;
}
