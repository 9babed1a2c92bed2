// Work that goes from thread to thread: who was woken to go on with it. See the header.
#include "flow/ledger.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tailwhy {

// The account of a connection at a moment that has just passed on the thread where it is kept.
std::optional<Parts> Ledger::time_at(const Work& work, const ThreadWork& thread, Ns at) {
  const auto sums = thread.time.sums_at(at);
  if (!sums || at < work.upto) return std::nullopt;
  Parts own = work.own;
  if (at > thread.time.last() && thread.owner == work.conn_id) {
    own[Part::OnCpu] += at - thread.time.last();
  }
  thread.time.for_each_since(at, [&](const Stretch& stretch) {
    if (stretch.owner != work.conn_id) return;
    Parts later;
    later[stretch.part] = stretch.end - std::max(stretch.begin, at);
    own -= later;
  });
  fill_up(own, work, NobodysTime::of(*sums), at - work.upto);
  own += work.account.time;
  return own;
}

// For whom the thread works, as far as it can be known before its next call.
Work* Ledger::worked_for(const ThreadWork& thread) const {
  if (Work* work = served_by(thread)) return work;
  Work* latest = nullptr;
  Ns at = thread.polled;
  for (const Handed& handed : thread.handed) {
    Work* work = active(handed.conn_id);
    if (work == nullptr || work->generation != handed.generation || work->upto > handed.at)
      continue;
    if (handed.weak || handed.done || handed.at < at) continue;
    latest = work;
    at = handed.at;
  }
  return latest;
}

void Ledger::hand(ThreadWork& to, Handed handed, const Hops& hops) {
  handed.hops = hops;
  if (to.handed.find_any_of(handed.conn_id) == nullptr) handed.weak = has_work(to);
  to.handed.add(handed);
}

bool Ledger::has_work(const ThreadWork& thread) const {
  if (served_by(thread) != nullptr) return true;
  return std::any_of(thread.handed.begin(), thread.handed.end(), [&](const Handed& handed) {
    const Work* work = active(handed.conn_id);
    return work != nullptr && work->generation == handed.generation && !handed.weak && !handed.done;
  });
}

// Whatever the waker worked for, it may have woken `to` to go on with it. A thread that serves a
// connection takes nothing but that one's work back: others wake it because they leave a lock.
void Ledger::hand_over(ThreadWork& to, std::uint32_t waker, Ns asleep_from, bool by_futex) {
  ThreadWork* found = threads_.find(waker);
  if (found == nullptr) return;
  ThreadWork& from = *found;
  const Ns at = to.time.last();
  const auto sums = from.time.sums_at(at);
  if (!sums) return;
  const Work* served = served_by(to);
  const std::uint64_t owner = from.time.owner_at(at, from.owner);
  bool any = false;
  const Work* work = active(owner);
  if (work != nullptr && work->tid == waker && (!served || work == served)) {
    if (const auto time = time_at(*work, from, at)) {
      hand(to, {work->conn_id, work->generation, at, *time, to.time.sums(), by_futex},
           {{waker, work->upto}, {to.tid, at}});
    }
    if (work == served) {  // it had made calls for the one that waited
      any = true;
      if (from.owner == owner) from.owner = kUndecided;
      from.set_free(at, *sums, Free::HandedBack);
    }
  }
  for (Handed& held : from.handed) {
    work = active(held.conn_id);
    if (work == nullptr || work->generation != held.generation || held.at > at) continue;
    if (work->upto > at || (served && work != served) || held.weak) continue;
    Parts time = held.time;
    time += *sums - held.sums;
    hand(to, {held.conn_id, held.generation, at, time, to.time.sums(), by_futex},
         held.hops.then({to.tid, at}));
    any = true;
    if (work->tid != to.tid) continue;
    held.done = true;  // the one that waited for the result goes on
    from.set_free(at, *sums, Free::HandedBack);
  }
  if (served && served->tid == to.tid && !any && !has_work(from)) {
    infer_work(to, from, asleep_from);
    if (from.free_by != Free::Answered) from.set_free(at, *sums, Free::HandedBack);
  }
}

// A thread of a pool wakes one that waits, though nothing had been handed to it while it slept: it
// took the work when it had handed back something else, and until then the pool was busy. One that
// answers by itself has woken `to` by leaving a lock.
void Ledger::infer_work(ThreadWork& to, const ThreadWork& from, Ns asleep_from) {
  const Work& work = *served_by(to);
  const Ns at = to.time.last();
  const Ns taken = std::max(from.free_since, asleep_from);
  if (from.free_by != Free::HandedBack || taken > at) return;
  auto time = time_at(work, to, asleep_from);
  const auto begin = from.time.sums_at(taken);
  const auto end = from.time.sums_at(at);
  if (!time || !begin || !end) return;
  (*time)[Part::OtherRequests] += taken - asleep_from;
  *time += *end - *begin;
  hand(to, {work.conn_id, work.generation, at, *time, to.time.sums()},
       {{to.tid, work.upto}, {from.tid, taken}, {to.tid, at}});
}

}  // namespace tailwhy
