#include "app/replay_session.h"

#include "app/run_info_json.h"

#include <algorithm>
#include <utility>

namespace tailwhy {

namespace {

// Passes everything on and remembers how late it is in the recording.
class Clocked final : public EventHandler {
 public:
  Clocked(Analysis& analysis, Ns begin_ns) : analysis_(analysis), now_ns_(begin_ns) {}
  void on_event(const EventView& event) override {
    now_ns_ = std::max<Ns>(now_ns_, header_of(event).ts_ns);
    analysis_.on_event(event);
  }
  void on_tick(Ns now_ns) override {
    now_ns_ = std::max(now_ns_, now_ns);
    analysis_.on_tick(now_ns);
  }
  void on_side(const SideRecord& record) override {
    now_ns_ = std::max(now_ns_, record.at_ns);
    analysis_.on_side(record);
  }
  [[nodiscard]] Ns now_ns() const { return now_ns_; }

 private:
  Analysis& analysis_;
  Ns now_ns_;
};

}  // namespace

Result<std::unique_ptr<ReplaySession>> ReplaySession::open(const std::string& path,
                                                           FlowConfig flow) {
  auto source = ReplaySource::open(path);
  if (!source) return std::move(source).error();
  auto info = run_info_from_json(source->reader().header_json());
  if (!info) return std::move(info).error().wrap("read " + path);
  info->replayed = true;
  return std::unique_ptr<ReplaySession>(
      new ReplaySession(std::move(*source), std::move(*info), flow));
}

Result<> ReplaySession::run(const std::vector<Sink*>& sinks) {
  analysis_ = std::make_unique<Analysis>(sinks, flow_);
  analysis_->set_source_stats([this] { return source_.stats(); });
  analysis_->start(info_);
  Clocked handler(*analysis_, info_.attached_ns);
  const std::stop_source never;
  auto ran = source_.run(handler, never.get_token());
  auto finished = analysis_->finish(handler.now_ns());
  if (!ran) return ran;
  return finished;
}

}  // namespace tailwhy
