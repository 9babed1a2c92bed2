// The budget server as one event loop: nothing but its CPU, lock and file steps blocks it, and
// while those do, every other request waits. This is the loop: it knows who waits for what, not
// why.
#pragma once

#include "budget_pool.h"
#include "socket.h"

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace workload {

class LoopConnection;

/// What an event in the loop's epoll belongs to.
struct Source {
  enum class Kind : std::uint8_t { Listener, Timer, Returned, Client, Down };
  Kind kind;
  LoopConnection* connection = nullptr;
  Channel* channel = nullptr;
};

class Loop {
 public:
  Loop(Steps& steps, Pool& pool, const TruthFile& truth, std::optional<Address> down);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  [[noreturn]] void serve(Address address);

  // for connections
  void watch(int fd, Source& source, std::uint32_t events);
  void unwatch(int fd);
  void wake_at(Ns deadline, LoopConnection& connection);
  void forget(LoopConnection& connection);  // it is deleted when this turn of the loop is over
  Channel& way_back(Step::Kind pool);
  /// Since the loop began, with what the current turn has worked so far.
  [[nodiscard]] Ns worked(Ns now) const { return worked_ + (now - turn_begin_); }
  [[nodiscard]] Took idled() const { return idled_; }
  /// Before this turn.
  [[nodiscard]] const Took& last_idle() const { return last_idle_; }

  Steps& steps;
  Pool& pool;
  const TruthFile& truth;
  const std::optional<Address> down;
  std::vector<int> kept_downs;

 private:
  void turn();
  void on_event(Source& source, std::uint32_t events);
  void accept_all();
  void on_time();
  void set_timer();

  int epoll_;
  int timer_;
  int listener_ = -1;
  Source listener_source_{.kind = Source::Kind::Listener};
  Source timer_source_{.kind = Source::Kind::Timer};
  Channel eventfd_{Channel::Kind::EventFd};
  Channel pipe_{Channel::Kind::Pipe};
  Channel unix_{Channel::Kind::Unix};
  Source returned_[3];
  std::unordered_set<int> watched_;
  std::multimap<Ns, LoopConnection*> sleepers_;
  std::unordered_map<LoopConnection*, std::unique_ptr<LoopConnection>> connections_;
  std::vector<std::unique_ptr<LoopConnection>> dead_;
  Ns turn_begin_ = 0;
  Ns worked_ = 0;
  Took idled_;
  Took last_idle_;
};

}  // namespace workload
