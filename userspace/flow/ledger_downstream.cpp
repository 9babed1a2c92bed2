// Calls that the target makes for those that it serves. See the header.
#include "flow/ledger.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tailwhy {

// For whom the thread begins a call to somebody. A loop that a timer woke works for the only
// request that it has outstanding, if that waits for nothing else; of several, nobody knows for
// which.
Work* Ledger::caller(const ThreadWork& thread) const {
  if (Work* work = worked_for(thread)) return work;
  if (thread.polled == 0 || thread.outstanding != 1) return nullptr;
  Work* work = active(thread.outstanding_ids);
  if (work == nullptr || work->tid != thread.tid) return nullptr;
  const bool waits = work->downstream_open > 0 || work->sending || work->receiving;
  return waits ? nullptr : work;
}

void Ledger::serve(Work& work, std::uint64_t owner, Ns at) {
  Work* served = active(owner);
  if (served == nullptr) return;
  ++served->account.downstream_calls;
  work.serves_number = served->number;
  const bool since_connect = std::exchange(work.connecting, false) && work.counted;
  if (since_connect && work.serves == owner && work.serves_generation == served->generation) return;
  release(work, true);
  work.serves = owner;
  work.serves_generation = served->generation;
  work.counted = true;
  work.began = at;
  ++served->downstream_open;
}

// The one that the connection's exchange is made for, if that is still what it was: a later request
// of the same connection may have come since.
Work* Ledger::served_of(const Work& work) const {
  Work* served = active(work.serves);
  return served != nullptr && served->generation == work.serves_generation ? served : nullptr;
}

// An answer that may be over, and that goes on after all.
void Ledger::pause(Work& work) {
  Work* served = served_of(work);
  if (served == nullptr || !work.counted || served->downstream_open == 0) return;
  --served->downstream_open;
  work.counted = false;
}

void Ledger::resume(Work& work) {
  Work* served = served_of(work);
  if (served == nullptr || work.counted) return;
  ++served->downstream_open;
  work.counted = true;
}

// The connection works for nobody any more. Who waits in vain learns it later than we do: that its
// call has ended counts from its own next call on.
void Ledger::release(Work& work, bool answered) {
  const std::uint64_t owner = std::exchange(work.serves, kNobody);
  if (!std::exchange(work.counted, false)) return;
  if (!answered) return end_unanswered(owner, work.serves_generation);
  Work* served = find(owner);
  if (served == nullptr || served->generation != work.serves_generation) return;
  if (served->downstream_open > 0) --served->downstream_open;
}

void Ledger::end_unanswered(std::uint64_t served, std::uint32_t generation) {
  Work* work = find(served);
  if (work != nullptr && work->generation == generation) ++work->downstream_ended;
}

void Ledger::on_answered(Work& work, const Endpoint& peer, std::string_view protocol, Ns at) {
  if (!enabled_ || !work.counted) return;
  Work* served = served_of(work);
  const Ns took = at > work.began ? at - work.began : 0;
  if (served != nullptr && took > served->downstream.ns) {
    served->downstream = {took, peer, protocol};
  }
}

void Ledger::on_connect(const tw_ev_conn_connect& connect) {
  if (!enabled_) return;
  ThreadWork* found = threads_.find(connect.tid);
  if (found == nullptr) return;
  ThreadWork& t = *found;
  const Ns at = connect.hdr.ts_ns;
  Work* served = caller(t);
  if (served == nullptr) return;
  const std::uint64_t owner = served->conn_id;
  if (served_by(t) != served) decide(t, owner);
  add(t, at, Part::OnCpu);
  advance(*served, t, at);
  if (connects_.size() >= kConnects) forget_oldest_connect();
  ++served->downstream_open;
  connects_[connect.conn_id] = {owner, served->generation, at};
}

// Its end was lost, or it takes longer than thousands of others.
void Ledger::forget_oldest_connect() {
  const auto oldest =
      std::min_element(connects_.begin(), connects_.end(),
                       [](const auto& a, const auto& b) { return a.second.at < b.second.at; });
  end_unanswered(oldest->second.serves, oldest->second.generation);
  connects_.erase(oldest);
  ++connects_forgotten_;
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
  found_ = nullptr;
}

}  // namespace tailwhy
