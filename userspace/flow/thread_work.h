// What one thread does, for whom, and what work others have handed to it. Plain values with the
// questions that one thread alone can answer; the Ledger writes them.
#pragma once

#include "flow/stays.h"
#include "flow/thread_time.h"
#include "flow/work.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace tailwhy {

/// Work for a connection that whoever woke the thread may have handed to it.
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

/// The last few of them.
class HandedWork {
 public:
  /// Null: no such work.
  [[nodiscard]] Handed* find(const Work& work);
  /// The same, of any of the connection's requests.
  [[nodiscard]] const Handed* find_any_of(std::uint64_t conn_id) const;
  /// In the place of an older one for the same connection, or else of the oldest.
  void add(const Handed& handed);
  /// What was found.
  void remove(Handed& handed);
  /// Nobody who is woken to go on with a request reads another one first.
  void took_other_work(const Work& work);

  // Only those that hold something, and empty ones.
  [[nodiscard]] Handed* begin() { return handed_.data(); }
  [[nodiscard]] Handed* end() { return handed_.data() + (used_ == 0 ? 0 : handed_.size()); }
  [[nodiscard]] const Handed* begin() const { return handed_.data(); }
  [[nodiscard]] const Handed* end() const {
    return handed_.data() + (used_ == 0 ? 0 : handed_.size());
  }

 private:
  std::size_t used_ = 0;
  std::array<Handed, 4> handed_;
};

/// Why a thread is free for work.
enum class Free : std::uint8_t {
  Woken,
  Answered,    ///< it was busy before
  HandedBack,  ///< it was busy before, and others answer
};

struct ThreadWork {
  std::uint32_t tid = 0;
  std::uint32_t owner_generation = 0;
  ThreadTime time;
  std::uint64_t owner = kUndecided;  // for whom it works since its last call
  Parts undecided;                   // what it did for whoever that will be, if any
  bool any_undecided = false;
  std::uint32_t outstanding = 0;      // connections whose accounts are kept here
  std::uint64_t outstanding_ids = 0;  // all of them, by exclusive or: the one if it is one
  Ns undecided_from = 0;              // what it did since then is told by its next call
  Ns coming_from = 0;                 // since then it was on its way to its last call
  Ns polled = 0;                      // when it last woke up with events
  Ns free_since = 0;                  // free for other work
  Free free_by = Free::Woken;
  Parts free_sums;
  HandedWork handed;
  std::uint32_t failed_calls = 0;
  std::uint16_t failed_call = 0xffff;
  std::uint16_t failed_error = 0;

  void set_free(Ns at, const Parts& sums, Free by) {
    free_since = at;
    free_by = by;
    free_sums = sums;
  }
};

}  // namespace tailwhy
