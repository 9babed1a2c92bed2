// Finding a row without allocating, taking intervals, and folding rows when they outgrow their
// memory. See the header.
#include "stats/route_table.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

namespace tailwhy {
namespace {

// What was not observed is not recorded, so the parts may have different counts.
void record_latency(LatencyParts& parts, const Request& request, std::uint64_t count) {
  const Stamps& at = request.at;
  const bool answered = at.write_first != 0;
  if (request.queue_known()) parts.queue.record(request.queue(), count);
  if (answered && at.read_last != 0) parts.service.record(request.service(), count);
  if (answered && request.start() != 0) parts.ttfb.record(request.ttfb(), count);
  if (answered && at.write_last != 0) parts.send.record(request.send(), count);
  if (request.start() != 0 && at.write_last != 0) parts.duration.record(request.duration(), count);
}

void sort_rows(std::vector<RouteStats>& rows) {
  std::sort(rows.begin(), rows.end(), [](const RouteStats& a, const RouteStats& b) {
    return std::tie(b.count, a.route, a.method, a.status, a.status_text, a.protocol, a.role) <
           std::tie(a.count, b.route, b.method, b.status, b.status_text, b.protocol, b.role);
  });
}

}  // namespace

// Asked of every request, and nearly always of texts that are empty or the very same: not worth a
// call then.
bool RouteTable::KeyView::operator==(const KeyView& other) const {
  const auto same = [](std::string_view a, std::string_view b) {
    return a.size() == b.size() && (a.empty() || a.data() == b.data() || a == b);
  };
  return status == other.status && role == other.role && family == other.family &&
         open_ended == other.open_ended && by_pattern == other.by_pattern &&
         same(protocol, other.protocol) && same(method, other.method) && same(route, other.route) &&
         same(status_text, other.status_text);
}

std::size_t RouteTable::KeyHash::operator()(const KeyView& key) const noexcept {
  constexpr std::size_t kOdd = 0x9E3779B97F4A7C15;
  const std::hash<std::string_view> hash;
  // Few protocols, told apart by their length or by the rest of the key: not worth a hash.
  std::size_t sum = hash(key.route) + hash(key.method) * 3 + key.protocol.size();
  if (!key.status_text.empty()) sum += hash(key.status_text) * 5;
  sum =
      (sum ^ static_cast<std::size_t>(key.status) << 8 ^ static_cast<std::size_t>(key.role)) * kOdd;
  return sum ^ sum >> 32;
}

std::size_t RouteTable::Counts::memory_bytes() const {
  std::size_t bytes = budget.memory_bytes() + parts.memory_bytes();
  for (const LatencyPartRow& row : kLatencyParts)
    bytes += (latency.*row.histogram).memory_bytes();
  return bytes;
}

void RouteTable::Counts::add_to(Counts& other) const {
  other.count += count;
  other.errors += errors;
  other.client_errors += client_errors;
  other.request_bytes += request_bytes;
  other.response_bytes += response_bytes;
  other.latency.merge(latency);
  other.budget.merge(budget);
  other.parts.merge(parts);
}

RouteTable::Entry& RouteTable::other_of(const KeyView& key) {
  Key other{.protocol = key.protocol,
            .route = std::string(kOther),
            .role = key.role,
            .family = key.family,
            .open_ended = key.open_ended};
  return *rows_.try_emplace(std::move(other)).first;
}

RouteTable::Entry& RouteTable::find_or_insert(const KeyView& key) {
  if (last_ != nullptr && key == last_->first) return *last_;
  if (const auto found = rows_.find(key); found != rows_.end()) return *(last_ = &*found);
  if (rows_.size() >= limits_.rows) return other_of(key);
  Key owned{
      key.protocol, std::string(key.method), std::string(key.route),       key.status,    key.role,
      key.family,   key.open_ended,          std::string(key.status_text), key.by_pattern};
  return *rows_.try_emplace(std::move(owned)).first;
}

void RouteTable::add(const Request& request, NameIds names, std::uint64_t count) {
  const Role role = request.role == Role::Client ? Role::Client : Role::Server;
  Entry& entry = find_or_insert({.protocol = request.protocol,
                                 .method = request.method.view(),
                                 .route = request.route.view(),
                                 .status = request.status,
                                 .role = role,
                                 .family = request.family,
                                 .open_ended = request.open_ended,
                                 .status_text = request.status_text.view(),
                                 .by_pattern = request.route_source == RouteSource::Pattern});
  Counts& counts = entry.second.interval;
  if (counts.count == 0) touched_.push_back(&entry);
  counts.count += count;
  counts.errors += request.failed() ? count : 0;
  counts.request_bytes += request.request_bytes;
  counts.response_bytes += request.response_bytes;
  if (request.outcome != Outcome::Matched) return;
  counts.client_errors += request.client_error ? count : 0;
  record_latency(counts.latency, request, count);
  if (role == Role::Client || !request.budget.known) return;
  counts.budget.add(request, names, count);
  counts.parts.add(request.budget, count);
}

RouteStats RouteTable::row_of(const Key& key, Counts counts) {
  return {.protocol = std::string(key.protocol),
          .method = key.method,
          .route = key.route,
          .status = key.status,
          .role = key.role,
          .count = counts.count,
          .errors = counts.errors,
          .client_errors = counts.client_errors,
          .request_bytes = counts.request_bytes,
          .response_bytes = counts.response_bytes,
          .latency = std::move(counts.latency),
          .budget = std::move(counts.budget),
          .parts = std::move(counts.parts),
          .family = key.family,
          .status_text = key.status_text,
          .open_ended = key.open_ended};
}

std::vector<RouteStats> RouteTable::take_interval(BudgetSums* all) {
  std::vector<RouteStats> rows;
  rows.reserve(touched_.size());
  for (Entry* entry : touched_) {
    auto& [interval, total] = entry->second;
    interval.add_to(total);
    if (all != nullptr && !entry->first.open_ended) all->merge(interval.budget);
    interval.budget = interval.budget.coarser(kRouteBudgetScale);
    rows.push_back(row_of(entry->first, std::exchange(interval, {})));
  }
  touched_.clear();
  last_ = nullptr;
  sort_rows(rows);
  fold_small_rows();
  return rows;
}

std::vector<RouteStats> RouteTable::total() const {
  std::vector<RouteStats> rows;
  rows.reserve(rows_.size());
  for (const auto& [key, row] : rows_) {
    if (row.total.count > 0) rows.push_back(row_of(key, row.total));
  }
  sort_rows(rows);
  return rows;
}

void RouteTable::rename(const Rename& route_of) {
  std::vector<std::pair<Key, std::string>> renamed;
  for (const auto& [key, row] : rows_) {
    if (key.family != ProtocolFamily::Http || key.by_pattern) continue;
    const Route route = route_of(key.role, Route(key.route));
    if (route.view() != key.route) renamed.emplace_back(key, std::string(route.view()));
  }
  for (auto& [key, route] : renamed) {
    Key to = key;
    to.route = std::move(route);
    move(key, std::move(to));
  }
}

void RouteTable::move(const Key& from, Key to) {
  auto node = rows_.extract(from);
  Entry& target = *rows_.try_emplace(std::move(to)).first;
  Row& row = node.mapped();
  if (row.interval.count > 0) {
    std::erase_if(touched_, [&](const Entry* entry) { return &entry->second == &row; });
    if (target.second.interval.count == 0) touched_.push_back(&target);
  }
  row.interval.add_to(target.second.interval);
  row.total.add_to(target.second.total);
  last_ = nullptr;
}

// Latencies all over the scale in every row would take several times the usual memory: then the
// rows with the fewest requests join the others for good, and the limit on rows shrinks to what was
// left, or each interval would do it again. Only between intervals: nothing is touched then.
void RouteTable::fold_small_rows() {
  std::size_t bytes = 0;
  for (const auto& [key, row] : rows_)
    bytes += row.total.memory_bytes();
  if (bytes <= limits_.bytes) return;

  std::vector<Entry*> smallest_first;
  for (Entry& entry : rows_) {
    if (entry.first.route != kOther) smallest_first.push_back(&entry);
  }
  std::sort(smallest_first.begin(), smallest_first.end(), [](const Entry* a, const Entry* b) {
    return a->second.total.count < b->second.total.count;
  });
  for (const Entry* entry : smallest_first) {
    if (bytes <= limits_.bytes / 4 * 3) break;
    const auto& total = entry->second.total;
    bytes -= total.memory_bytes();
    const auto node = rows_.extract(entry->first);
    node.mapped().total.add_to(other_of(node.key()).second.total);
  }
  limits_.rows = std::max<std::size_t>(rows_.size(), 1);
}

}  // namespace tailwhy
