// Finding the row of a bucket, growing, merging. See the header.
#include "model/budget_sums.h"

#include <algorithm>
#include <cassert>
#include <tuple>

namespace tailwhy {
namespace {

// The window of buckets grows by whole chunks.
constexpr int kChunk = 16;

constexpr int round_down_to_chunk(int index) {
  return index & ~(kChunk - 1);
}

template <std::size_t N>
void add_each(std::array<Ns, N>& sums, const std::array<Ns, N>& more, std::uint64_t times = 1) {
  if (times == 1) {  // nearly always, and several of them are added at once then
    for (std::size_t i = 0; i < N; ++i)
      sums[i] += more[i];
    return;
  }
  for (std::size_t i = 0; i < N; ++i)
    sums[i] += more[i] * times;
}

}  // namespace

void BudgetTotals::add(const Request& request, std::uint64_t count) {
  const Budget& budget = request.budget;
  requests += count;
  duration += request.duration() * count;
  add_each(parts, budget.ns, count);
  add_each(queued, budget.queued_ns, count);
  gaps[static_cast<std::size_t>(budget.gap)] += budget.of(Part::Unattributed) * count;
  retransmits += request.retransmits * count;
  failed_calls += request.failed_calls * count;
  downstream_calls += request.downstream_calls * count;
  if (request.accept_queue_known()) {
    accepted += count;
    accept_queue += request.accept_queue() * count;
  }
}

void BudgetTotals::add(const BudgetTotals& other) {
  requests += other.requests;
  duration += other.duration;
  add_each(parts, other.parts);
  add_each(queued, other.queued);
  add_each(gaps, other.gaps);
  retransmits += other.retransmits;
  failed_calls += other.failed_calls;
  downstream_calls += other.downstream_calls;
  accepted += other.accepted;
  accept_queue += other.accept_queue;
}

Ns BudgetSums::lower_ns(int index) const {
  if (index <= zero_index()) return 0;
  const int fine = index << shift_;
  return fine <= kFirstBucket ? 0 : bucket_lower_ns(std::min(fine, kLastBucket + 1));
}

// Makes the window reach `index` and returns its slot.
std::size_t BudgetSums::make_room(int index) {
  int first = round_down_to_chunk(index);
  int end = first + kChunk;
  std::size_t moved_by = 0;
  if (!places_.empty()) {
    first = std::min(first, first_);
    end = std::max(end, first_ + static_cast<int>(places_.size()));
    moved_by = static_cast<std::size_t>(first_ - first);
  }
  std::vector<std::uint16_t> grown(static_cast<std::size_t>(end - first), kNoPlace);
  std::copy(places_.begin(), places_.end(), grown.begin() + static_cast<std::ptrdiff_t>(moved_by));
  places_ = std::move(grown);
  first_ = first;
  return static_cast<std::size_t>(index - first);
}

BudgetTotals& BudgetSums::row(int index) {
  // below first_ the difference wraps to a huge number, so one comparison is enough
  auto slot = static_cast<std::size_t>(index) - static_cast<std::size_t>(first_);
  if (slot >= places_.size()) slot = make_room(index);
  if (places_[slot] == kNoPlace) {
    places_[slot] = static_cast<std::uint16_t>(rows_.size());
    rows_.emplace_back();
  }
  return rows_[places_[slot]];
}

void BudgetSums::add_named(NamedTime time) {
  const auto before = [](const NamedTime& a, const NamedTime& b) {
    return std::tie(a.index, a.kind, a.name) < std::tie(b.index, b.kind, b.name);
  };
  const auto found = std::lower_bound(named_.begin(), named_.end(), time, before);
  if (found != named_.end() && !before(time, *found)) {
    found->ns += time.ns;
  } else {
    named_.insert(found, time);
  }
}

void BudgetSums::add(const Request& request, NameIds names, std::uint64_t count) {
  const Ns duration = request.duration();
  const int index = duration == 0 ? zero_index() : bucket_index(duration) >> shift_;
  requests_ += count;
  row(index).add(request, count);
  const auto add_time = [&](NameKind kind, std::uint8_t name, Part part) {
    const Ns ns = request.budget.of(part) * count;
    if (name != kNoName && ns > 0) add_named({static_cast<std::int16_t>(index), kind, name, ns});
  };
  add_time(NameKind::Peer, names.peer, Part::Downstream);
  add_time(NameKind::Call, names.call, Part::Other);
}

void BudgetSums::merge(const BudgetSums& other) {
  assert(shift_ >= other.shift_);
  const auto ours = [&](int index) {
    return index == other.zero_index() ? zero_index() : index >> (shift_ - other.shift_);
  };
  requests_ += other.requests_;
  other.for_each_bucket([&](const Bucket& bucket) { row(ours(bucket.index)).add(bucket.totals); });
  for (NamedTime time : other.named_) {
    time.index = static_cast<std::int16_t>(ours(time.index));
    add_named(time);
  }
}

BudgetSums BudgetSums::coarser(int scale) const {
  BudgetSums sums(scale);
  sums.merge(*this);
  return sums;
}

BudgetTotals BudgetSums::all() const {
  BudgetTotals sum;
  for (const BudgetTotals& row : rows_)
    sum.add(row);
  return sum;
}

NamedTimes BudgetSums::named(int index) const {
  NamedTimes times;
  const auto before = [](const NamedTime& time, int wanted) { return time.index < wanted; };
  for (auto time = std::lower_bound(named_.begin(), named_.end(), index, before);
       time != named_.end() && time->index == index; ++time) {
    (time->kind == NameKind::Peer ? times.peers : times.calls)[time->name] += time->ns;
  }
  return times;
}

std::size_t BudgetSums::memory_bytes() const {
  return sizeof(*this) + places_.capacity() * sizeof(places_[0]) +
         rows_.capacity() * sizeof(rows_[0]) + named_.capacity() * sizeof(named_[0]);
}

bool BudgetSums::operator==(const BudgetSums& other) const {
  if (shift_ != other.shift_ || requests_ != other.requests_ || named_ != other.named_ ||
      rows_.size() != other.rows_.size()) {
    return false;
  }
  std::vector<std::pair<int, const BudgetTotals*>> mine;
  for_each_bucket([&](const Bucket& b) { mine.emplace_back(b.index, &b.totals); });
  std::size_t same = 0;
  other.for_each_bucket([&](const Bucket& b) {
    const std::size_t i = same;
    if (i < mine.size() && mine[i].first == b.index && *mine[i].second == b.totals) ++same;
  });
  return same == mine.size();
}

}  // namespace tailwhy
