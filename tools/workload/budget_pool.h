// Hand-over of requests between threads, in the ways servers do it, and a pool of threads that
// serves what it is handed. Knows nothing of who hands over.
#pragma once

#include "budget_answer.h"
#include "budget_plan.h"
#include "budget_steps.h"
#include "budget_truth.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace workload {

class Channel;

struct Job {
  Record record;
  std::vector<Step> steps;
  Answer answer;
  int fd = -1;  // the pool answers here, closes it, and deletes the job; -1: it gives it
  Channel* back = nullptr;  // back here
  Ns moved = 0;             // just before it was sent, either way
  bool done = false;        // all its steps could be done
  void* owner = nullptr;    // the event loop's
};

/// One way from thread to thread: any number of senders and receivers.
class Channel {
 public:
  enum class Kind : std::uint8_t {
    Cond,     // a queue with a mutex and a condition variable
    Pipe,     // the pointer itself, through a pipe
    EventFd,  // a queue with a mutex, and an eventfd that counts
    Unix      // the pointer itself, through a Unix stream socket pair
  };
  explicit Channel(Kind kind);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void send(Job* job);
  /// Sleeps until there is one.
  Job* receive();
  /// Readable when receive() would not sleep; -1 of a Cond.
  [[nodiscard]] int fd() const { return fds_[0]; }

 private:
  void put(Job* job);
  Job* get();

  Kind kind_;
  int fds_[2] = {-1, -1};  // the receiver's end, the sender's
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Job*> queue_;
};

/// From `moved` until now; `waited`: what whoever took it over had waited for it.
Took moved_in(Ns moved, const Took& waited);

Channel::Kind channel_kind(Step::Kind kind);

class Pool {
 public:
  /// `threads` for each kind of channel; they serve until the process ends.
  Pool(Steps& steps, const TruthFile& truth, unsigned threads);

  /// `kind` is one of the pool words. The job is the pool's until it comes back.
  void hand_over(Step::Kind kind, Job* job);

 private:
  [[noreturn]] void work(Channel& jobs);
  void serve(Job& job, Ns waiting_since, const Took& waited);

  Steps& steps_;
  const TruthFile& truth_;
  std::vector<std::unique_ptr<Channel>> channels_;  // by Channel::Kind
};

}  // namespace workload
