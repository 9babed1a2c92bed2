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

// Not spent for any one connection.
bool is_anybodys(Part part) {
  return part == Part::Poll || part == Part::Unattributed;
}

}  // namespace

Work* Ledger::find(std::uint64_t conn_id) const {
  if (found_ == nullptr || found_->conn_id != conn_id) found_ = find_(conn_id);
  return found_;
}

Work* Ledger::active(std::uint64_t conn_id) const {
  if (conn_id == kNobody || conn_id == kUndecided) return nullptr;
  Work* work = find(conn_id);
  return work != nullptr && work->active ? work : nullptr;
}

void Ledger::own(ThreadWork& thread, std::uint64_t owner) const {
  const Work* work = active(owner);
  thread.owner = owner;
  thread.owner_generation = work != nullptr ? work->generation : 0;
}

// The one that the thread works for, if that is still what it was: a later request of the same
// connection may be another thread's.
Work* Ledger::served_by(const ThreadWork& thread) const {
  Work* work = active(thread.owner);
  return work != nullptr && work->generation == thread.owner_generation ? work : nullptr;
}

// A stretch of the thread counts for the connection that it worked for, if that one's account is at
// this thread.
void Ledger::charge(ThreadWork& thread, const Stretch& stretch) {
  if (stretch.begin == stretch.end) return;
  const Ns length = stretch.end - stretch.begin;
  if (stretch.owner == kUndecided) {
    thread.undecided[stretch.part] += length;
    thread.any_undecided = true;
    return;
  }
  Work* work = active(stretch.owner);
  if (work != nullptr && work->tid == thread.tid && stretch.end > work->upto) {
    work->own[stretch.part] += stretch.end - std::max(stretch.begin, work->upto);
  }
}

void Ledger::add(ThreadWork& thread, Ns end, Part part) {
  charge(thread, thread.time.add(end, part, is_anybodys(part) ? kNobody : thread.owner));
}

void Ledger::decide(ThreadWork& thread, std::uint64_t owner) {
  thread.time.decide(owner);
  own(thread, owner);
  if (!std::exchange(thread.any_undecided, false)) return;
  const Parts undecided = std::exchange(thread.undecided, {});
  Work* work = active(owner);
  if (work != nullptr && work->tid == thread.tid) work->own += undecided;
}

std::optional<Part> Ledger::on_off_cpu(const tw_ev_off_cpu& off) {
  if (!enabled_) return std::nullopt;
  ThreadWork& t = threads_.get(off.tid);
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
  const ThreadWork* thread = threads_.find(tid);
  return thread == nullptr ? kUndecided : thread->time.owner_at(at, thread->owner);
}

// The time asleep, and what woke the thread.
std::optional<Part> Ledger::woke_up(ThreadWork& t, const tw_ev_off_cpu& off) {
  const Ns asleep_from = t.time.last();
  std::optional<Part> class_of_sleep;
  const bool is_new = (off.flags & TW_OFF_NEW) != 0;
  bool idle = is_new;
  bool by_futex = false;
  if (!is_new) {
    const Work* peer = off.file == TW_FILE_SOCKET ? find(off.object) : nullptr;
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
  if (served_by(t) == nullptr) t.set_free(t.time.last(), t.time.sums(), Free::Woken);
  if (off.waker_tid != 0) hand_over(t, off.waker_tid, asleep_from, by_futex);
  return class_of_sleep;
}

// The account of the connection's requests is kept at this thread; 0: none is outstanding.
void Ledger::keep_at(Work& work, std::uint32_t tid) {
  if (work.kept_at == tid) return;
  if (ThreadWork* before = threads_.find(work.kept_at)) {
    if (before->outstanding > 0) --before->outstanding;
    before->outstanding_ids = before->outstanding > 0 ? before->outstanding_ids ^ work.conn_id : 0;
  }
  work.kept_at = tid;
  if (tid == 0) return;
  ThreadWork& now = threads_.get(tid);
  ++now.outstanding;
  now.outstanding_ids ^= work.conn_id;
}

// An event loop that is idle while a request is outstanding waits for whoever has to act next.
Part Ledger::poll_part(const Work& work) {
  if (work.downstream_open > 0) return Part::Downstream;
  return work.sending || work.receiving ? Part::Client : Part::Poll;
}

// All that a thread did since `from`, when its sums were `then`, and what it did not do for others
// was for the connection.
Parts Ledger::worked(const Work& work, const ThreadWork& thread, const Parts& then, Ns from) {
  Parts since = thread.time.sums() - then;
  const Ns idle = std::exchange(since[Part::Poll], 0);
  thread.time.for_each_since(from, [&](const Stretch& stretch) {
    if (stretch.owner == work.conn_id || stretch.owner == kUndecided) return;
    if (is_anybodys(stretch.part)) return;
    const Ns others = std::min(since[stretch.part], stretch.end - std::max(stretch.begin, from));
    since[stretch.part] -= others;
    since[Part::OtherRequests] += others;
  });
  since[poll_part(work)] += idle;
  return since;
}

// Of the last `length` of the thread's time it did `own` for the connection: with what else it did
// since then, that adds up to `length`.
void Ledger::fill_up(Parts& own, const Work& work, const NobodysTime& now, Ns length) {
  Ns rest = length - own.trim(length);
  const auto grown = [](Ns from, Ns to) { return to > from ? to - from : 0; };
  const Ns idle = std::min(rest, grown(work.then.poll, now.poll));
  rest -= idle;
  const Ns unseen = std::min(rest, grown(work.then.unattributed, now.unattributed));
  own[poll_part(work)] += idle;
  own[Part::Unattributed] += unseen;
  own[Part::OtherRequests] += rest - unseen;
}

// A thread made a call for the connection whose last call another one had made, and nothing told of
// a hand-over: what is known is what the one did up to its last sign of life, and the other since
// it was free to take the work.
Parts Ledger::from_elsewhere(Work& work, ThreadWork& thread, Ns at) {
  Parts parts;
  Ns left = work.upto;
  if (const ThreadWork* before = threads_.find(work.tid)) {
    const ThreadTime& time = before->time;
    left = std::clamp(time.last(), work.upto, at);
    parts = work.own;
    fill_up(parts, work, NobodysTime::of(time.sums()), left - work.upto);
  }
  const Ns taken = std::clamp(thread.free_since, left, at);
  if (stays_) work.stays.add(work.tid, work.upto, left);
  if (stays_) work.stays.add(thread.tid, taken, at);
  const auto then =
      taken == thread.free_since ? std::optional(thread.free_sums) : thread.time.sums_at(taken);
  Parts since = then ? worked(work, thread, *then, taken) : Parts();
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

// The connection's time went on in another thread than that of its last call.
void Ledger::advance_handed(Work& work, ThreadWork& thread, const Handed* handed, Ns at) {
  Parts parts;
  if (handed != nullptr) {
    parts = handed->time - work.account.time;
    parts += worked(work, thread, handed->sums, handed->at);
    if (stays_) work.stays.add(handed->hops, work.upto, at);
  } else {
    parts = from_elsewhere(work, thread, at);
  }
  const Ns length = at - work.upto;
  if (const Ns missing = length - parts.trim(length); missing > 0) {
    parts[Part::Unattributed] += missing;
    if (work.gap == Gap::None) work.gap = Gap::HandOff;
  }
  work.account.time += parts;
}

void Ledger::advance(Work& work, ThreadWork& thread, Ns at) {
  Handed* handed = thread.handed.find(work);
  if (at > work.upto) {
    const bool was_handed = handed != nullptr && handed->at >= work.upto && handed->at <= at;
    if (was_handed || work.tid != thread.tid) {
      advance_handed(work, thread, was_handed ? handed : nullptr, at);
    } else {
      if (stays_) work.stays.add(thread.tid, work.upto, at);
      fill_up(work.own, work, NobodysTime::of(thread.time.sums()), at - work.upto);
      if (work.own[Part::Unattributed] > 0) work.gap = Gap::Lost;
      work.account.time += work.own;
    }
  }
  if (handed != nullptr) thread.handed.remove(*handed);
  work.downstream_open -= std::min(work.downstream_open, work.downstream_ended);
  work.downstream_ended = 0;
  work.tid = thread.tid;
  keep_at(work, thread.tid);
  work.upto = std::max(work.upto, at);
  work.own = {};
  work.then = NobodysTime::of(thread.time.sums());
}

void Ledger::on_call(Work& work, std::uint32_t tid, Ns at, bool begins) {
  if (!enabled_) return;
  ThreadWork& t = threads_.get(tid);
  if (!t.time.known()) {
    t.time.begin(at);
    t.set_free(at, t.time.sums(), Free::Woken);
  }
  const bool asks = work.role == Role::Client;
  // Whoever asked for the connection begins its first exchange, too, in whatever turn of a loop.
  Work* asked_for = asks ? served_of(work) : nullptr;
  const bool connected = work.connecting && work.counted && asked_for != nullptr;
  if (asks && begins && !connected) {
    if (Work* current = caller(t)) asked_for = current;
  }
  if (asks && !begins) resume(work);
  Work* served = asks ? asked_for : &work;
  const std::uint64_t owner = served != nullptr ? served->conn_id : kNobody;
  const bool undecided = served_by(t) == nullptr;
  t.coming_from = undecided ? t.undecided_from : at;
  if (undecided) decide(t, owner);
  add(t, at, Part::OnCpu);
  if (served == nullptr) return;
  count_failed(t, *served);
  if (!served->active) {
    t.handed.took_other_work(*served);
    served->active = true;
    served->tid = tid;
    keep_at(*served, tid);
    served->upto = at;
    served->own = {};
    served->then = NobodysTime::of(t.time.sums());
    on_next_request(*served);
    return;
  }
  advance(*served, t, at);
  if (asks && begins) serve(work, owner, at);
}

void Ledger::on_next_request(Work& work) {
  ++work.generation;
  work.gap = Gap::None;
  work.downstream_open = 0;
  work.downstream_ended = 0;
  work.other = {};
  work.downstream.ns = 0;
}

void Ledger::after_call(Work& work, std::uint32_t tid, bool outstanding, bool may_be_over) {
  if (!enabled_) return;
  ThreadWork& t = threads_.get(tid);
  const bool asks = work.role == Role::Client;
  const Work* served = asks ? served_of(work) : &work;
  if (!asks) work.active = outstanding;
  if (!work.active || may_be_over) keep_at(work, 0);
  if (asks && may_be_over) pause(work);
  if (asks && !outstanding) release(work, true);
  const bool goes_on = served != nullptr && served->active && (asks || !may_be_over);
  own(t, goes_on ? served->conn_id : kUndecided);
  if (t.owner != kUndecided) return;
  t.undecided_from = t.time.last();
  if (!asks) t.set_free(t.time.last(), t.time.sums(), Free::Answered);
}

void Ledger::on_call_errors(const tw_ev_call_errors& errors) {
  if (!enabled_) return;
  ThreadWork& t = threads_.get(errors.tid);
  t.failed_calls += errors.count;
  t.failed_call = errors.nr;
  t.failed_error = errors.error;
  if (Work* work = worked_for(t)) count_failed(t, *work);
}

void Ledger::count_failed(ThreadWork& thread, Work& work) {
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
  const auto of = [&](QueuedWhile what) -> Ns& { return queued[static_cast<std::size_t>(what)]; };
  const Ns all = read > arrived ? read - arrived : 0;
  of(QueuedWhile::Unknown) = all;
  const ThreadWork* thread = threads_.find(tid);
  if (thread == nullptr) return queued;
  const ThreadTime& time = thread->time;
  const Ns from = std::max(arrived, time.remembered_from());
  const Ns to = std::min(read, time.last());
  if (from >= to) return queued;
  const Waits waits = time.waits_at(to) - time.waits_at(from);
  Ns asleep = waits.poll;
  // Its own sleeps for its client, and the thread's way to this read, from what it slept in before.
  const Ns look_from = waits.client > 0 ? from : std::max(from, thread->coming_from);
  time.for_each_since(look_from, [&](const Stretch& stretch) {
    if (stretch.owner != conn_id || stretch.begin >= to) return;
    const bool counted = stretch.part == Part::RunQueue || is_anybodys(stretch.part);
    const bool coming = stretch.begin >= thread->coming_from && !counted;
    if (!coming && stretch.part != Part::Client) return;
    asleep += std::min(stretch.end, to) - std::max(stretch.begin, from);
  });
  of(QueuedWhile::WaitedForCpu) = waits.run_queue;
  of(QueuedWhile::Asleep) = asleep;
  of(QueuedWhile::Busy) = to - from - waits.run_queue - waits.unattributed - asleep;
  of(QueuedWhile::Unknown) = all - (to - from) + waits.unattributed;
  return queued;
}

}  // namespace tailwhy
