// Whose time it is: follows what each thread does and for whom, so that a connection's account says
// where the time of its requests went. A thread works for the connection of its last socket call
// until it makes another or waits for events; what wakes it on purpose may hand it work. Knows no
// protocol.
#pragma once

#include "tailwhy/abi/events.h"

#include "flow/thread_time.h"
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
  void on_thread_exit(std::uint32_t tid) { threads_.erase(tid); }
  /// The connection is followed from now on, or never will be.
  void on_conn_begin(Work& work);
  void on_connect_failed(std::uint64_t conn_id);
  void on_conn_end(Work& work);

  /// A call of the thread on the connection returned. Brings the account up to date.
  /// `begins`: it sends the first bytes of an exchange that the target asks for.
  void on_call(Work& work, std::uint32_t tid, Ns at, bool begins);
  /// Its bytes were taken in. `outstanding`: requests have begun and not ended. `may_be_over`: only
  /// the next request will tell whether that was the end of the answer.
  void after_call(Work& work, std::uint32_t tid, bool outstanding, bool may_be_over);
  /// An exchange that the target asked for was answered.
  void on_answered(Work& work, const Endpoint& peer, std::string_view protocol, Ns at);

  /// What the thread did while a request was in the queue.
  [[nodiscard]] std::array<Ns, kQueuedWhile> queued_while(std::uint32_t tid,
                                                          std::uint64_t conn_id,
                                                          Ns arrived,
                                                          Ns read) const;

  /// For whom the thread worked at that moment, as ThreadTime says it.
  [[nodiscard]] std::uint64_t owner_at(std::uint32_t tid, Ns at) const;

  [[nodiscard]] std::uint64_t threads_forgotten() const { return threads_forgotten_; }

 private:
  static constexpr std::size_t kHanded = 4;
  static constexpr std::size_t kThreads = 4096;
  static constexpr std::size_t kConnects = 4096;

  // Work for a connection that whoever woke the thread may have handed to it.
  struct Handed {
    std::uint64_t conn_id = 0;
    std::uint32_t generation = 0;
    Ns at = 0;
    Parts time;  // of the connection's account, then
    Parts sums;  // of the thread, then
    bool by_futex = false;
    // The thread had work of its own then, or took some that nobody had handed to it: it may have
    // waited for a lock.
    bool weak = false;
    bool done = false;  // the thread has woken the one that waited for the result
    Hops hops;
  };
  // Why a thread is free for work.
  enum class Free : std::uint8_t {
    Woken,
    Answered,    // it was busy before
    HandedBack,  // it was busy before, and others answer
  };
  struct Thread {
    std::uint32_t tid = 0;
    ThreadTime time;
    std::uint64_t owner = kUndecided;  // for whom it works since its last call
    std::uint32_t owner_generation = 0;
    Parts undecided;
    std::uint32_t outstanding = 0;      // connections whose accounts are kept here
    std::uint64_t outstanding_ids = 0;  // all of them, by exclusive or: the one if it is one
    Ns undecided_from = 0;              // what it did since then is told by its next call
    Ns coming_from = 0;                 // since then it was on its way to its last call
    Ns polled = 0;                      // when it last woke up with events
    Ns free_since = 0;                  // free for other work
    Free free_by = Free::Woken;
    Parts free_sums;
    std::array<Handed, kHanded> handed;
    std::uint32_t failed_calls = 0;
    std::uint16_t failed_call = 0xffff;
    std::uint16_t failed_error = 0;
  };
  struct Connect {
    std::uint64_t serves = 0;
    std::uint32_t generation = 0;  // of that one
    Ns at = 0;
  };

  Thread& thread(std::uint32_t tid);
  Work* active(std::uint64_t conn_id) const;
  void own(Thread& thread, std::uint64_t owner) const;
  [[nodiscard]] Work* served_by(const Thread& thread) const;
  void charge(Thread& thread, const Stretch& stretch);
  void add(Thread& thread, Ns end, Part part);
  void decide(Thread& thread, std::uint64_t owner);
  std::optional<Part> woke_up(Thread& thread, const tw_ev_off_cpu& off);
  [[nodiscard]] Work* worked_for(const Thread& thread) const;
  [[nodiscard]] Work* caller(const Thread& thread) const;
  void keep_at(Work& work, std::uint32_t tid);
  static void count_failed(Thread& thread, Work& work);
  static void set_free(Thread& thread, Ns at, const Parts& sums, Free by);
  [[nodiscard]] bool has_work(const Thread& thread) const;
  void hand_over(Thread& to, std::uint32_t waker, Ns asleep_from, bool by_futex);
  void infer_work(Thread& to, const Thread& from, Ns asleep_from);
  void hand(Thread& to, Handed handed, const Hops& hops);
  static Handed* handed_for(Thread& thread, const Work& work);
  static void took_other_work(Thread& thread, const Work& work);
  [[nodiscard]] static std::optional<Parts> time_at(const Work& work, const Thread& thread, Ns at);
  static Part poll_part(const Work& work);
  static Parts share(const Work& work, const Parts& own, const Parts& passed, Ns length);
  void advance(Work& work, Thread& thread, Ns at);
  Parts from_elsewhere(Work& work, Thread& thread, Ns at);
  void serve(Work& work, std::uint64_t owner, Ns at);
  void release(Work& work, bool answered);
  void end_unanswered(std::uint64_t served, std::uint32_t generation);

  Finder find_;
  bool enabled_ = false;
  bool stays_ = false;
  std::unordered_map<std::uint32_t, Thread> threads_;
  std::unordered_map<std::uint64_t, Connect> connects_;  // that are not established yet
  std::uint64_t threads_forgotten_ = 0;
};

}  // namespace tailwhy
