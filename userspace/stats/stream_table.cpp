#include "stats/stream_table.h"

#include <algorithm>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::string_view kOther = RouteTable::kOther;

template <class Row, class Rows>
std::vector<Row> sorted(const Rows& from) {
  std::vector<Row> rows;
  rows.reserve(from.size());
  for (const auto& [key, row] : from)
    rows.push_back(row);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.count > b.count; });
  return rows;
}

}  // namespace

void merge(StreamStats& sum, const StreamStats& other) {
  sum.count += other.count;
  sum.incomplete += other.incomplete;
  sum.events += other.events;
  sum.request_messages += other.request_messages;
  sum.time_to_first_event.merge(other.time_to_first_event);
  sum.gaps.merge(other.gaps);
}

void StreamTable::add(const Request& request) {
  if (request.stream == nullptr || request.outcome != Outcome::Matched) return;
  if (request.stream->times.kind != StreamKind::None) add_stream(request);
  if (!request.stream->gen_ai.operation.empty()) add_gen_ai(request);
}

void StreamTable::add_stream(const Request& request) {
  const StreamTimes& times = request.stream->times;
  StreamKey key{request.role == Role::Client ? Role::Client : Role::Server,
                request.protocol,
                times.kind,
                std::string(request.method.view()),
                std::string(request.route.view()),
                request.route_source == RouteSource::Pattern};
  if (streams_.size() >= kMostRoutes && !streams_.contains(key)) {
    key.method.clear();
    key.route = kOther;
    key.by_pattern = false;
  }
  const auto [at, is_new] = streams_.try_emplace(std::move(key));
  StreamStats& row = at->second;
  if (is_new) {
    row.protocol = at->first.protocol;
    row.method = at->first.method;
    row.route = at->first.route;
    row.role = at->first.role;
    row.family = request.family;
    row.kind = times.kind;
  }
  ++row.count;
  row.incomplete += times.complete ? 0 : 1;
  row.events += times.events;
  row.request_messages += times.request_messages;
  if (const Ns first = time_to_first_event(request); first != 0) {
    row.time_to_first_event.record(first);
  }
  row.gaps.merge(times.gaps);
}

void StreamTable::add_gen_ai(const Request& request) {
  const GenAi& facts = request.stream->gen_ai;
  ModelKey key{request.role == Role::Client ? Role::Client : Role::Server, facts.operation,
               facts.provider, std::string(facts.request_model.view()),
               std::string(facts.response_model.view())};
  if (models_.size() >= kMostModels && !models_.contains(key)) {
    key.request_model = kOther;
    key.response_model = kOther;
  }
  const auto [at, is_new] = models_.try_emplace(std::move(key));
  GenAiStats& row = at->second;
  if (is_new) {
    row.operation = at->first.operation;
    row.provider = at->first.provider;
    row.request_model = at->first.request_model;
    row.response_model = at->first.response_model;
    row.role = at->first.role;
  }
  ++row.count;
  const bool failed = request.failed() || request.client_error;
  row.errors += failed ? 1 : 0;
  row.counted += facts.output_known ? 1 : 0;
  row.input_tokens += facts.input_known ? facts.input_tokens : 0;
  row.output_tokens += facts.output_known ? facts.output_tokens : 0;
  if (request.start() != 0 && request.at.write_last != 0) {
    row.request_duration.record(request.duration());
  }
  if (const Ns first = time_to_first_token(request); first != 0) {
    row.time_to_first_token.record(first);
  }
  if (const Ns each = time_per_output_token(request); each != 0) {
    row.time_per_output_token.record(each);
  }
}

void StreamTable::rename(const RouteTable::Rename& route_of) {
  std::vector<StreamKey> renamed;
  for (const auto& [key, row] : streams_) {
    if (row.family != ProtocolFamily::Http || key.by_pattern) continue;
    if (route_of(key.role, Route(key.route)).view() != key.route) renamed.push_back(key);
  }
  for (const StreamKey& key : renamed) {
    auto node = streams_.extract(key);
    node.key().route = std::string(route_of(key.role, Route(key.route)).view());
    node.mapped().route = node.key().route;
    if (const auto same = streams_.find(node.key()); same != streams_.end()) {
      merge(same->second, node.mapped());
    } else {
      streams_.insert(std::move(node));
    }
  }
}

std::vector<StreamStats> StreamTable::streams() const {
  return sorted<StreamStats>(streams_);
}

std::vector<GenAiStats> StreamTable::gen_ai() const {
  return sorted<GenAiStats>(models_);
}

}  // namespace tailwhy
