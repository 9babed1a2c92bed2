#include "flow/ledger.h"

#include "flow/wait_class.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tailwhy {

namespace {

// Who sleeps so may be waiting for work; who sleeps otherwise is at work.
bool may_be_idle(Part part) {
  return part == Part::Lock || part == Part::Poll || part == Part::Other || part == Part::Client;
}

}  // namespace

Ledger::Thread& Ledger::thread(std::uint32_t tid) {
  const auto found = threads_.find(tid);
  if (found != threads_.end()) return found->second;
  if (threads_.size() >= kThreads) {  // no process has so many: whichever it is, it comes again
    threads_.erase(threads_.begin());
    ++threads_forgotten_;
  }
  Thread& thread = threads_[tid];
  thread.tid = tid;
  return thread;
}

Work* Ledger::active(std::uint64_t conn_id) const {
  if (conn_id == kNobody || conn_id == kUndecided) return nullptr;
  Work* work = find_(conn_id);
  return work != nullptr && work->active ? work : nullptr;
}

void Ledger::own(Thread& thread, std::uint64_t owner) const {
  const Work* work = active(owner);
  thread.owner = owner;
  thread.owner_generation = work != nullptr ? work->generation : 0;
}

// The one that the thread works for, if that is still what it was: a later request of the same
// connection may be another thread's.
Work* Ledger::served_by(const Thread& thread) const {
  Work* work = active(thread.owner);
  return work != nullptr && work->generation == thread.owner_generation ? work : nullptr;
}

// A stretch of the thread counts for the connection that it worked for, if that one's account is at
// this thread.
void Ledger::charge(Thread& thread, const Stretch& stretch) {
  if (stretch.begin == stretch.end) return;
  const Ns length = stretch.end - stretch.begin;
  if (stretch.owner == kUndecided) {
    thread.undecided[stretch.part] += length;
    return;
  }
  Work* work = active(stretch.owner);
  if (work != nullptr && work->tid == thread.tid && stretch.end > work->upto) {
    work->own[stretch.part] += stretch.end - std::max(stretch.begin, work->upto);
  }
}

void Ledger::add(Thread& thread, Ns end, Part part) {
  const bool anybodys = part == Part::Poll || part == Part::Unattributed;
  charge(thread, thread.time.add(end, part, anybodys ? kNobody : thread.owner));
}

void Ledger::decide(Thread& thread, std::uint64_t owner) {
  thread.time.decide(owner);
  const Parts undecided = std::exchange(thread.undecided, {});
  own(thread, owner);
  Work* work = active(owner);
  if (work != nullptr && work->tid == thread.tid) work->own += undecided;
}

void Ledger::set_free(Thread& thread, Ns at, const Parts& sums, Free by) {
  thread.free_since = at;
  thread.free_by = by;
  thread.free_sums = sums;
}

std::optional<Part> Ledger::on_off_cpu(const tw_ev_off_cpu& off) {
  if (!enabled_) return std::nullopt;
  Thread& t = thread(off.tid);
  if (!t.time.known()) {
    t.time.begin(off.on_ns != 0 ? off.on_ns : off.off_ns != 0 ? off.off_ns : off.hdr.ts_ns);
  }
  if (off.on_ns > t.time.last()) add(t, off.on_ns, Part::Unattributed);  // a record was lost
  add(t, off.off_ns, Part::OnCpu);
  std::optional<Part> slept;
  if ((off.flags & TW_OFF_PREEMPTED) == 0) slept = woke_up(t, off);
  add(t, off.hdr.ts_ns, Part::RunQueue);
  return slept;
}

std::uint64_t Ledger::owner_at(std::uint32_t tid, Ns at) const {
  const auto found = threads_.find(tid);
  if (found == threads_.end()) return kUndecided;
  return found->second.time.owner_at(at, found->second.owner);
}

// The time asleep, and what woke the thread.
std::optional<Part> Ledger::woke_up(Thread& t, const tw_ev_off_cpu& off) {
  const Ns asleep_from = t.time.last();
  std::optional<Part> class_of_sleep;
  const bool is_new = (off.flags & TW_OFF_NEW) != 0;
  bool idle = is_new;
  bool by_futex = false;
  if (!is_new) {
    const Work* peer = off.file == TW_FILE_SOCKET ? find_(off.object) : nullptr;
    const Part part = wait_class(off, peer != nullptr ? std::optional(peer->role) : std::nullopt);
    class_of_sleep = part;
    if (part == Part::Poll || part == Part::Client) t.failed_calls = 0;  // for nobody
    if (part == Part::Poll) decide(t, kNobody);
    add(t, off.woken_ns != 0 ? off.woken_ns : off.hdr.ts_ns, part);
    if (Work* work = served_by(t); part == Part::Other && work != nullptr) {
      const Ns slept = t.time.last() - asleep_from;
      if (slept > work->other.ns) work->other = {slept, off.nr};
    }
    if (part == Part::Poll) {
      t.owner = kUndecided;
      t.undecided_from = t.polled = t.time.last();
    }
    by_futex = part == Part::Lock;
    idle = may_be_idle(part) && !waits_for_mutex(off);
  }
  if (!idle) return class_of_sleep;
  if (served_by(t) == nullptr) set_free(t, t.time.last(), t.time.sums(), Free::Woken);
  if (off.waker_tid != 0) hand_over(t, off.waker_tid, asleep_from, by_futex);
  return class_of_sleep;
}

// --- work that goes from thread to thread ---

// The account of a connection at a moment that has just passed on the thread where it is kept.
std::optional<Parts> Ledger::time_at(const Work& work, const Thread& thread, Ns at) {
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
  Parts time = work.account.time;
  time += share(work, own, *sums - work.then, at - work.upto);
  return time;
}

Ledger::Handed* Ledger::handed_for(Thread& thread, const Work& work) {
  for (Handed& handed : thread.handed) {
    if (handed.conn_id == work.conn_id && handed.generation == work.generation) return &handed;
  }
  return nullptr;
}

// Nobody who is woken to go on with a request reads another one first.
void Ledger::took_other_work(Thread& thread, const Work& work) {
  for (Handed& handed : thread.handed) {
    if (handed.by_futex && handed.conn_id != work.conn_id) handed.weak = true;
  }
}

// For whom the thread works, as far as it can be known before its next call.
Work* Ledger::worked_for(const Thread& thread) const {
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

// For whom the thread begins a call to somebody. A loop that a timer woke works for the only
// request that it has outstanding, if that waits for nothing else; of several, nobody knows for
// which.
Work* Ledger::caller(const Thread& thread) const {
  if (Work* work = worked_for(thread)) return work;
  if (thread.polled == 0 || thread.outstanding != 1) return nullptr;
  Work* work = active(thread.outstanding_ids);
  if (work == nullptr || work->tid != thread.tid) return nullptr;
  const bool waits = work->downstream_open > 0 || work->sending || work->receiving;
  return waits ? nullptr : work;
}

// The account of the connection's requests is kept at this thread; 0: none is outstanding.
void Ledger::keep_at(Work& work, std::uint32_t tid) {
  if (work.kept_at == tid) return;
  if (const auto found = threads_.find(work.kept_at); found != threads_.end()) {
    Thread& before = found->second;
    if (before.outstanding > 0) --before.outstanding;
    before.outstanding_ids = before.outstanding > 0 ? before.outstanding_ids ^ work.conn_id : 0;
  }
  work.kept_at = tid;
  if (tid == 0) return;
  Thread& now = thread(tid);
  ++now.outstanding;
  now.outstanding_ids ^= work.conn_id;
}

// In the place of an older one for the same connection, or else of the oldest.
void Ledger::hand(Thread& to, Handed handed, const Hops& hops) {
  Handed* place = nullptr;
  handed.hops = hops;
  for (Handed& old : to.handed) {
    if (old.conn_id == handed.conn_id) place = &old;
  }
  if (place == nullptr) {
    handed.weak = has_work(to);
    place = std::min_element(to.handed.begin(), to.handed.end(),
                             [](const Handed& a, const Handed& b) { return a.at < b.at; });
  }
  *place = handed;
}

bool Ledger::has_work(const Thread& thread) const {
  if (served_by(thread) != nullptr) return true;
  return std::any_of(thread.handed.begin(), thread.handed.end(), [&](const Handed& handed) {
    const Work* work = active(handed.conn_id);
    return work != nullptr && work->generation == handed.generation && !handed.weak && !handed.done;
  });
}

// Whatever the waker worked for, it may have woken `to` to go on with it. A thread that serves a
// connection takes nothing but that one's work back: others wake it because they leave a lock.
void Ledger::hand_over(Thread& to, std::uint32_t waker, Ns asleep_from, bool by_futex) {
  const auto found = threads_.find(waker);
  if (found == threads_.end()) return;
  Thread& from = found->second;
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
      set_free(from, at, *sums, Free::HandedBack);
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
    set_free(from, at, *sums, Free::HandedBack);
  }
  if (served && served->tid == to.tid && !any && !has_work(from)) {
    infer_work(to, from, asleep_from);
    if (from.free_by != Free::Answered) set_free(from, at, *sums, Free::HandedBack);
  }
}

// A thread of a pool wakes one that waits, though nothing had been handed to it while it slept: it
// took the work when it had handed back something else, and until then the pool was busy. One that
// answers by itself has woken `to` by leaving a lock.
void Ledger::infer_work(Thread& to, const Thread& from, Ns asleep_from) {
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

// --- accounts ---

// An event loop that is idle while a request is outstanding waits for whoever has to act next.
Part Ledger::poll_part(const Work& work) {
  if (work.downstream_open > 0) return Part::Downstream;
  return work.sending || work.receiving ? Part::Client : Part::Poll;
}

// `length` of a thread's time, in which it did `own` for the connection and `passed` in all.
Parts Ledger::share(const Work& work, const Parts& own, const Parts& passed, Ns length) {
  Parts parts = own;
  parts.trim(length);
  Ns rest = length - parts.sum();
  const Ns idle = std::min(rest, passed[Part::Poll]);
  rest -= idle;
  const Ns unseen = std::min(rest, passed[Part::Unattributed]);
  parts[poll_part(work)] += idle;
  parts[Part::Unattributed] += unseen;
  parts[Part::OtherRequests] += rest - unseen;
  return parts;
}

// A thread made a call for the connection whose last call another one had made, and nothing told of
// a hand-over: what is known is what the one did up to its last sign of life, and the other since
// it was free to take the work.
Parts Ledger::from_elsewhere(Work& work, Thread& thread, Ns at) {
  Parts parts;
  Ns left = work.upto;
  if (const auto found = threads_.find(work.tid); found != threads_.end()) {
    const ThreadTime& time = found->second.time;
    left = std::clamp(time.last(), work.upto, at);
    parts = share(work, work.own, time.sums() - work.then, left - work.upto);
  }
  const Ns taken = std::clamp(thread.free_since, left, at);
  if (stays_) work.stays.add(work.tid, work.upto, left);
  if (stays_) work.stays.add(thread.tid, taken, at);
  const auto then =
      taken == thread.free_since ? std::optional(thread.free_sums) : thread.time.sums_at(taken);
  Parts since = then ? thread.time.sums() - *then : Parts();
  const Ns idle = std::exchange(since[Part::Poll], 0);
  since[poll_part(work)] += idle;
  since.trim(at - taken);
  parts += since;
  if (work.downstream_open > 0) {
    parts[Part::Downstream] += taken - left;  // whoever reads the answer goes on
  } else if (thread.free_by != Free::Woken && then) {
    parts[Part::OtherRequests] += taken - left;  // it waited until the thread had answered
  } else if (taken > left) {
    parts[Part::Unattributed] += taken - left;
    work.gap = Gap::HandOff;
  }
  return parts;
}

void Ledger::advance(Work& work, Thread& thread, Ns at) {
  if (at > work.upto) {
    Parts parts;
    const Handed* handed = handed_for(thread, work);
    if (handed != nullptr && handed->at >= work.upto && handed->at <= at) {
      parts = handed->time - work.account.time;
      Parts since = thread.time.sums() - handed->sums;
      const Ns idle = std::exchange(since[Part::Poll], 0);
      since[poll_part(work)] += idle;
      parts += since;
      if (stays_) work.stays.add(handed->hops, work.upto, at);
    } else if (work.tid == thread.tid) {
      if (stays_) work.stays.add(thread.tid, work.upto, at);
      parts = share(work, work.own, thread.time.sums() - work.then, at - work.upto);
      if (parts[Part::Unattributed] > 0) work.gap = Gap::Lost;
    } else {
      parts = from_elsewhere(work, thread, at);
    }
    parts.trim(at - work.upto);
    parts[Part::Unattributed] += at - work.upto - parts.sum();
    work.account.time += parts;
  }
  if (Handed* handed = handed_for(thread, work)) *handed = {};
  work.downstream_open -= std::min(work.downstream_open, work.downstream_ended);
  work.downstream_ended = 0;
  work.tid = thread.tid;
  keep_at(work, thread.tid);
  work.upto = std::max(work.upto, at);
  work.own = {};
  work.then = thread.time.sums();
}

void Ledger::on_call(Work& work, std::uint32_t tid, Ns at, bool begins) {
  if (!enabled_) return;
  Thread& t = thread(tid);
  if (!t.time.known()) {
    t.time.begin(at);
    set_free(t, at, t.time.sums(), Free::Woken);
  }
  const bool asks = work.role == Role::Client;
  // Whoever asked for the connection begins its first exchange, too, in whatever turn of a loop.
  const bool connected = work.connecting && work.counted && active(work.serves) != nullptr;
  const Work* current = asks && begins && !connected ? caller(t) : nullptr;
  const std::uint64_t owner = current != nullptr ? current->conn_id
                              : asks             ? work.serves
                                                 : work.conn_id;
  const bool undecided = served_by(t) == nullptr;
  t.coming_from = undecided ? t.undecided_from : at;
  if (undecided) decide(t, owner);
  add(t, at, Part::OnCpu);
  Work* served = asks ? active(owner) : &work;
  if (served == nullptr) return;
  count_failed(t, *served);
  if (!served->active) {
    took_other_work(t, *served);
    served->active = true;
    ++served->generation;
    served->tid = tid;
    keep_at(*served, tid);
    served->upto = at;
    served->own = {};
    served->then = t.time.sums();
    served->gap = Gap::None;
    served->downstream_open = 0;
    served->downstream_ended = 0;
    served->other = {};
    served->downstream = {};
    return;
  }
  advance(*served, t, at);
  if (asks && begins) serve(work, owner, at);
}

void Ledger::after_call(Work& work, std::uint32_t tid, bool outstanding, bool may_be_over) {
  if (!enabled_) return;
  Thread& t = thread(tid);
  const bool asks = work.role == Role::Client;
  const std::uint64_t owner = asks ? work.serves : work.conn_id;
  if (!asks) work.active = outstanding;
  if (!work.active || may_be_over) keep_at(work, 0);
  if (asks && !outstanding) release(work, true);
  own(t, active(owner) != nullptr && !may_be_over ? owner : kUndecided);
  if (t.owner != kUndecided) return;
  t.undecided_from = t.time.last();
  if (!asks) set_free(t, t.time.last(), t.time.sums(), Free::Answered);
}

// --- calls that the target makes ---

void Ledger::serve(Work& work, std::uint64_t owner, Ns at) {
  Work* served = active(owner);
  if (served == nullptr) return;
  ++served->account.downstream_calls;
  const bool since_connect = std::exchange(work.connecting, false) && work.counted;
  if (since_connect && work.serves == owner && work.serves_generation == served->generation) return;
  release(work, true);
  work.serves = owner;
  work.serves_generation = served->generation;
  work.counted = true;
  work.began = at;
  ++served->downstream_open;
}

// The connection works for nobody any more. Who waits in vain learns it later than we do: that its
// call has ended counts from its own next call on.
void Ledger::release(Work& work, bool answered) {
  const std::uint64_t owner = std::exchange(work.serves, kNobody);
  if (!std::exchange(work.counted, false)) return;
  if (!answered) return end_unanswered(owner, work.serves_generation);
  Work* served = find_(owner);
  if (served == nullptr || served->generation != work.serves_generation) return;
  if (served->downstream_open > 0) --served->downstream_open;
}

void Ledger::end_unanswered(std::uint64_t served, std::uint32_t generation) {
  Work* work = find_(served);
  if (work != nullptr && work->generation == generation) ++work->downstream_ended;
}

void Ledger::on_answered(Work& work, const Endpoint& peer, std::string_view protocol, Ns at) {
  if (!enabled_ || !work.counted) return;
  Work* served = active(work.serves);
  const Ns took = at > work.began ? at - work.began : 0;
  if (served != nullptr && took > served->downstream.ns) {
    served->downstream = {took, peer, protocol};
  }
}

void Ledger::on_connect(const tw_ev_conn_connect& connect) {
  if (!enabled_ || connects_.size() >= kConnects) return;
  const auto found = threads_.find(connect.tid);
  if (found == threads_.end()) return;
  Thread& t = found->second;
  const Ns at = connect.hdr.ts_ns;
  Work* served = caller(t);
  if (served == nullptr) return;
  const std::uint64_t owner = served->conn_id;
  if (served_by(t) != served) decide(t, owner);
  add(t, at, Part::OnCpu);
  advance(*served, t, at);
  ++served->downstream_open;
  connects_[connect.conn_id] = {owner, served->generation, at};
}

void Ledger::on_conn_begin(Work& work) {
  const auto found = connects_.find(work.conn_id);
  if (found == connects_.end()) return;
  work.serves = found->second.serves;
  work.serves_generation = found->second.generation;
  work.connecting = true;
  work.began = found->second.at;
  work.counted = true;
  connects_.erase(found);
}

void Ledger::on_connect_failed(std::uint64_t conn_id) {
  const auto found = connects_.find(conn_id);
  if (found == connects_.end()) return;
  end_unanswered(found->second.serves, found->second.generation);
  connects_.erase(found);
}

void Ledger::on_conn_end(Work& work) {
  release(work, false);
  work.active = false;
  keep_at(work, 0);
}

void Ledger::on_call_errors(const tw_ev_call_errors& errors) {
  if (!enabled_) return;
  Thread& t = thread(errors.tid);
  t.failed_calls += errors.count;
  t.failed_call = errors.nr;
  t.failed_error = errors.error;
  if (Work* work = worked_for(t)) count_failed(t, *work);
}

void Ledger::count_failed(Thread& thread, Work& work) {
  if (thread.failed_calls == 0) return;
  work.account.failed_calls += std::exchange(thread.failed_calls, 0);
  work.failed_call = thread.failed_call;
  work.failed_error = thread.failed_error;
}

std::array<Ns, kQueuedWhile> Ledger::queued_while(std::uint32_t tid,
                                                  std::uint64_t conn_id,
                                                  Ns arrived,
                                                  Ns read) const {
  std::array<Ns, kQueuedWhile> queued{};
  Ns rest = read > arrived ? read - arrived : 0;
  const auto found = threads_.find(tid);
  if (found != threads_.end()) {
    found->second.time.for_each_since(arrived, [&](const Stretch& stretch) {
      const Ns begin = std::max(stretch.begin, arrived);
      const Ns end = std::min(stretch.end, read);
      if (begin >= end) return;
      QueuedWhile what = QueuedWhile::Busy;
      if (stretch.part == Part::RunQueue) what = QueuedWhile::WaitedForCpu;
      if (stretch.part == Part::Unattributed) what = QueuedWhile::Unknown;
      const bool own = stretch.owner == conn_id;
      const bool idle = stretch.part == Part::Poll || (stretch.part == Part::Client && own);
      // on its way to the read
      const bool coming =
          stretch.part == Part::OnCpu && own && stretch.begin >= found->second.coming_from;
      if (idle || coming) what = QueuedWhile::Asleep;
      const Ns length = std::min(rest, end - begin);
      queued[static_cast<std::size_t>(what)] += length;
      rest -= length;
    });
  }
  queued[static_cast<std::size_t>(QueuedWhile::Unknown)] += rest;
  return queued;
}

}  // namespace tailwhy
