// Whose time it is: follows what each thread does and for whom, so that a connection's account says
// where the time of its requests went. A thread works for the connection of its last socket call
// until it makes another or waits for events; what wakes it on purpose may hand it work. Knows no
// protocol.
#pragma once

#include "tailwhy/abi/events.h"

#include "flow/thread_table.h"
#include "flow/work.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

namespace tailwhy {

class Ledger {
 public:
  /// The work of a connection that is followed; null: none such.
  using Finder = std::function<Work*(std::uint64_t conn_id)>;

  explicit Ledger(Finder find) : find_(std::move(find)) {}

  /// Without records of switches there is nothing to follow.
  void enable(bool enabled) { enabled_ = enabled; }
  [[nodiscard]] bool enabled() const { return enabled_; }

  /// Work says at which threads it was.
  void want_stays(bool wanted) { stays_ = wanted; }

  /// The part that the time asleep was; nothing if the thread did not sleep.
  std::optional<Part> on_off_cpu(const tw_ev_off_cpu& off);
  void on_call_errors(const tw_ev_call_errors& errors);
  void on_connect(const tw_ev_conn_connect& connect);
  void on_thread_exit(std::uint32_t tid) { threads_.forget(tid); }
  /// The connection is followed from now on, or never will be.
  void on_conn_begin(Work& work);
  void on_connect_failed(std::uint64_t conn_id);
  void on_conn_end(Work& work);

  /// A call of the thread on the connection returned. Brings the account up to date.
  /// `begins`: it moves the first bytes of an exchange.
  void on_call(Work& work, std::uint32_t tid, Ns at, bool begins);
  /// Its bytes were taken in. `outstanding`: requests have begun and not ended. `may_be_over`: only
  /// the next request will tell whether that was the end of the answer.
  void after_call(Work& work, std::uint32_t tid, bool outstanding, bool may_be_over);
  /// Where only the next question ends an answer: it has come, and what was told of the one before
  /// has been read.
  static void on_next_request(Work& work);
  /// An exchange that the target asked for was answered, or will not be.
  void on_answered(Work& work, const Endpoint& peer, std::string_view protocol, Ns at);

  /// What the thread did while a request was in the queue.
  [[nodiscard]] std::array<Ns, kQueuedWhile> queued_while(std::uint32_t tid,
                                                          std::uint64_t conn_id,
                                                          Ns arrived,
                                                          Ns read) const;

  /// For whom the thread worked at that moment, as ThreadTime says it.
  [[nodiscard]] std::uint64_t owner_at(std::uint32_t tid, Ns at) const;

  /// Threads and connects under way that were too many to follow.
  [[nodiscard]] std::uint64_t forgotten() const {
    return threads_.forgotten() + connects_forgotten_;
  }

 private:
  static constexpr std::size_t kConnects = 4096;

  struct Connect {
    std::uint64_t serves = 0;
    std::uint32_t generation = 0;  // of that one
    Ns at = 0;
  };

  Work* find(std::uint64_t conn_id) const;
  Work* active(std::uint64_t conn_id) const;
  void own(ThreadWork& thread, std::uint64_t owner) const;
  [[nodiscard]] Work* served_by(const ThreadWork& thread) const;
  void charge(ThreadWork& thread, const Stretch& stretch);
  void add(ThreadWork& thread, Ns end, Part part);
  void decide(ThreadWork& thread, std::uint64_t owner);
  std::optional<Part> woke_up(ThreadWork& thread, const tw_ev_off_cpu& off);
  [[nodiscard]] Work* worked_for(const ThreadWork& thread) const;
  [[nodiscard]] Work* caller(const ThreadWork& thread) const;
  void keep_at(Work& work, std::uint32_t tid);
  static void count_failed(ThreadWork& thread, Work& work);
  [[nodiscard]] bool has_work(const ThreadWork& thread) const;
  void hand_over(ThreadWork& to, std::uint32_t waker, Ns asleep_from, bool by_futex);
  void infer_work(ThreadWork& to, const ThreadWork& from, Ns asleep_from);
  void hand(ThreadWork& to, Handed handed, const Hops& hops);
  [[nodiscard]] static std::optional<Parts> time_at(const Work& work,
                                                    const ThreadWork& thread,
                                                    Ns at);
  static Part poll_part(const Work& work);
  static Parts worked(const Work& work, const ThreadWork& thread, const Parts& then, Ns from);
  static void fill_up(Parts& own, const Work& work, const NobodysTime& now, Ns length);
  void advance(Work& work, ThreadWork& thread, Ns at);
  void advance_handed(Work& work, ThreadWork& thread, const Handed* handed, Ns at);
  Parts from_elsewhere(Work& work, ThreadWork& thread, Ns at);
  void serve(Work& work, std::uint64_t owner, Ns at);
  [[nodiscard]] Work* served_of(const Work& work) const;
  void resume(Work& work);
  void pause(Work& work);
  void release(Work& work, bool answered);
  void forget_oldest_connect();
  void end_unanswered(std::uint64_t served, std::uint32_t generation);

  Finder find_;
  mutable Work* found_ = nullptr;  // asked for: what is done is nearly always for the same one
  bool enabled_ = false;
  bool stays_ = false;
  ThreadTable threads_;
  std::unordered_map<std::uint64_t, Connect> connects_;  // that are not established yet
  std::uint64_t connects_forgotten_ = 0;
};

}  // namespace tailwhy
