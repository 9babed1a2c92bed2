// Grouping by call and errno, and the difference of two snapshots. See the header.
#include "stats/syscall_tally.h"

#include "model/syscall_names.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace tailwhy {
namespace {

auto key(const SyscallCount& row) {
  return std::tie(row.number, row.error, row.pid, row.tid);
}

bool by_key(const SyscallCount& a, const SyscallCount& b) {
  return key(a) < key(b);
}

bool more_first(const SyscallErrors& a, const SyscallErrors& b) {
  return std::tie(b.count, a.call, a.error) < std::tie(a.count, b.call, b.error);
}

void keep_busiest_threads(SyscallErrors& row) {
  std::sort(row.threads.begin(), row.threads.end(), [](const ThreadCount& a, const ThreadCount& b) {
    return std::tie(b.count, a.pid, a.tid) < std::tie(a.count, b.pid, b.tid);
  });
  if (row.threads.size() <= kMaxSyscallThreads) return;
  row.threads_omitted = row.threads.size() - kMaxSyscallThreads;
  row.threads.resize(kMaxSyscallThreads);
}

void fold_the_rest(std::vector<SyscallErrors>& rows) {
  SyscallErrors rest{.call = "_OTHER", .error = "_OTHER"};
  for (std::size_t i = kMaxSyscallRows - 1; i < rows.size(); ++i)
    rest.count += rows[i].count;
  rows.resize(kMaxSyscallRows - 1);
  rows.push_back(std::move(rest));
}

}  // namespace

std::vector<SyscallErrors> group_syscall_errors(std::span<const SyscallCount> counts) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, SyscallErrors> groups;
  for (const SyscallCount& row : counts) {
    if (row.count == 0) continue;
    SyscallErrors& group = groups[{row.number, row.error}];
    group.count += row.count;
    group.threads.push_back({row.pid, row.tid, row.count});
  }
  std::vector<SyscallErrors> rows;
  rows.reserve(groups.size());
  for (auto& [number_and_error, group] : groups) {
    group.call = syscall_name(number_and_error.first);
    group.error = errno_name(number_and_error.second);
    group.expected = expected_failure(group.call, group.error);
    keep_busiest_threads(group);
    rows.push_back(std::move(group));
  }
  std::sort(rows.begin(), rows.end(), more_first);
  if (rows.size() > kMaxSyscallRows) fold_the_rest(rows);
  return rows;
}

void fold_ended_threads(std::vector<SyscallCount>& counts) {
  for (SyscallCount& row : counts)
    row.pid = row.tid = 0;
  std::sort(counts.begin(), counts.end(), by_key);
  std::vector<SyscallCount> folded;
  for (const SyscallCount& row : counts) {
    if (!folded.empty() && key(folded.back()) == key(row))
      folded.back().count += row.count;
    else
      folded.push_back(row);
  }
  counts = std::move(folded);
}

void SyscallTally::update(std::vector<SyscallCount> cumulative) {
  now_ = std::move(cumulative);
  std::sort(now_.begin(), now_.end(), by_key);
}

// What a vanished row had counted is in the row of thread 0 now, and was told before.
void SyscallTally::take_off_moved(std::vector<SyscallCount>& added) const {
  for (const SyscallCount& old : before_) {
    const auto row = std::lower_bound(now_.begin(), now_.end(), old, by_key);
    if (row != now_.end() && key(*row) == key(old)) continue;
    SyscallCount folded = old;
    folded.pid = folded.tid = 0;
    const auto target = std::lower_bound(added.begin(), added.end(), folded, by_key);
    if (target != added.end() && key(*target) == key(folded))
      target->count -= std::min(target->count, old.count);
  }
}

std::vector<SyscallErrors> SyscallTally::take_interval() {
  std::vector<SyscallCount> added = now_;
  for (SyscallCount& row : added) {
    const auto old = std::lower_bound(before_.begin(), before_.end(), row, by_key);
    // A count that shrank belongs to a new thread that got an old one's number.
    const bool same = old != before_.end() && key(*old) == key(row) && old->count <= row.count;
    if (same) row.count -= old->count;
  }
  take_off_moved(added);
  before_ = now_;
  return group_syscall_errors(added);
}

}  // namespace tailwhy
