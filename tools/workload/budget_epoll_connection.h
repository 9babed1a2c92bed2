// One connection of the event loop: a request at a time, whose steps go on as the loop says.
// Knows nothing of epoll but what to wait for.
#pragma once

#include "budget_answer.h"
#include "budget_async_down.h"
#include "budget_epoll.h"
#include "budget_plan.h"

#include <memory>
#include <string>

namespace workload {

class LoopConnection {
 public:
  LoopConnection(Loop& loop, int fd);
  ~LoopConnection();
  LoopConnection(const LoopConnection&) = delete;
  LoopConnection& operator=(const LoopConnection&) = delete;

  // The loop calls these; each is a turn for this connection's request.
  void on_client(std::uint32_t events);
  void on_time();
  void on_down();
  void on_returned();

 private:
  enum class State : std::uint8_t { Reading, Sleeping, Calling, Pooled, Writing, Dead };
  void read_some();
  void serve_next();  // requests that are read, as far as they go without waiting
  void start(const Request& request);
  void run_steps();
  void sleep(const Step& step);
  void call(const Step& step);
  void follow_call(AsyncDown::State state);
  void hand_over();
  void answer(std::uint64_t status);
  void write_some();
  void finish();
  void die_now();
  void begin_turn();
  void end_turn(Ns now);
  void leave(State next);  // the request waits from now on
  void account(Ns now);
  void begin_wait();
  [[nodiscard]] Took waited() const;

  Loop& loop_;
  int fd_;
  Source client_source_;
  Source down_source_;
  State state_ = State::Reading;
  bool peer_done_ = false;
  std::string buffer_;
  Ns read_ns_ = 0;
  Ns buffer_since_ = 0;  // the read that delivered the first byte of the buffer

  // of the request
  BudgetPlan plan_;
  std::size_t next_ = 0;  // of the plan's steps
  bool known_ = false;
  Record record_;
  Answer answer_;
  Ns wait_begin_ = 0;
  Ns wait_idle_ = 0;  // of the loop, then
  bool in_turn_ = false;
  Ns turn_begin_ = 0;
  Use turn_use_;
  Use begin_use_;
  Ns own_ns_ = 0;         // wall time of its own turns
  Ns worked_before_ = 0;  // by the loop, when the request was read
  Took idled_before_;
  AsyncDown down_;
  std::unique_ptr<Job> job_;
  std::string out_;
  std::uint64_t out_left_ = 0;  // of a slow body, behind out_
  bool watched_for_write_ = false;
};

}  // namespace workload
