// Threads that serve what others have read. See the header.
#include "budget_pool.h"

#include "socket.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>

namespace workload {
namespace {

constexpr std::string_view kChannelNames[] = {"cond", "pipe", "eventfd", "unix"};

// Eight bytes are written and read at once, also with many readers.
void write_word(int fd, std::uint64_t word) {
  while (write(fd, &word, sizeof(word)) != sizeof(word))
    if (errno != EINTR) die("hand over");
}

std::uint64_t read_word(int fd) {
  std::uint64_t word = 0;
  while (read(fd, &word, sizeof(word)) != sizeof(word))
    if (errno != EINTR) die("take over");
  return word;
}

}  // namespace

Took moved_in(Ns moved, const Took& waited) {
  const Ns wall = now_ns() - moved;
  return {.wall = wall, .run_queue = std::min(wall, waited.run_queue)};
}

Channel::Kind channel_kind(Step::Kind kind) {
  if (kind == Step::Kind::PoolPipe) return Channel::Kind::Pipe;
  if (kind == Step::Kind::PoolEventFd) return Channel::Kind::EventFd;
  if (kind == Step::Kind::PoolUnix) return Channel::Kind::Unix;
  return Channel::Kind::Cond;
}

Channel::Channel(Kind kind) : kind_(kind) {
  if (kind == Kind::Pipe && pipe2(fds_, O_CLOEXEC) != 0) die("pipe");
  if (kind == Kind::Unix && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds_) != 0)
    die("socketpair");
  if (kind == Kind::EventFd) {
    fds_[0] = fds_[1] = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    if (fds_[0] < 0) die("eventfd");
  }
}

Channel::~Channel() {
  if (fds_[0] >= 0) close(fds_[0]);
  if (fds_[1] != fds_[0]) close(fds_[1]);
}

void Channel::put(Job* job) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(job);
}

Job* Channel::get() {
  const std::lock_guard lock(mutex_);
  Job* job = queue_.front();
  queue_.pop_front();
  return job;
}

void Channel::send(Job* job) {
  switch (kind_) {
    case Kind::Cond:
      put(job);
      filled_.notify_one();
      return;
    case Kind::EventFd:
      put(job);
      write_word(fds_[1], 1);
      return;
    case Kind::Pipe:
    case Kind::Unix:
      write_word(fds_[1], reinterpret_cast<std::uintptr_t>(job));
  }
}

Job* Channel::receive() {
  if (kind_ == Kind::Cond) {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !queue_.empty(); });
    Job* job = queue_.front();
    queue_.pop_front();
    return job;
  }
  const std::uint64_t word = read_word(fds_[0]);
  return kind_ == Kind::EventFd ? get() : reinterpret_cast<Job*>(word);
}

Pool::Pool(Steps& steps, const TruthFile& truth, unsigned threads) : steps_(steps), truth_(truth) {
  for (const auto kind :
       {Channel::Kind::Cond, Channel::Kind::Pipe, Channel::Kind::EventFd, Channel::Kind::Unix}) {
    channels_.push_back(std::make_unique<Channel>(kind));
    const std::string name = "pool-" + std::string(kChannelNames[static_cast<std::size_t>(kind)]);
    for (unsigned i = 0; i < threads; ++i)
      std::thread([this, name, jobs = channels_.back().get()] {
        prctl(PR_SET_NAME, name.c_str());
        work(*jobs);
      }).detach();
  }
}

void Pool::hand_over(Step::Kind kind, Job* job) {
  const auto channel = static_cast<std::size_t>(channel_kind(kind));
  job->record.pool = kChannelNames[channel];
  job->moved = now_ns();
  channels_[channel]->send(job);
}

void Pool::work(Channel& jobs) {
  prctl(PR_SET_TIMERSLACK, 1);
  while (true) {
    const Watch watch;
    Job* job = jobs.receive();
    serve(*job, watch.begin(), watch.stop());
  }
}

void Pool::serve(Job& job, Ns waiting_since, const Took& waited) {
  Record& record = job.record;
  record.handed = moved_in(job.moved, waited);
  record.handed_busy = waiting_since > job.moved ? waiting_since - job.moved : 0;
  record.pool_tid = gettid();
  const Use begin = Use::of_this_thread();
  job.done = steps_.run(job.steps, record.id, record.pooled);
  if (job.fd < 0) {
    record.pooled.use = Use::of_this_thread() - begin;
    job.moved = now_ns();
    job.back->send(&job);
    return;
  }
  record.status = job.done ? 200 : 503;
  send_answer(job.fd, job.answer, record, record.pooled);
  record.pooled.use = Use::of_this_thread() - begin;
  truth_.write(record);
  close(job.fd);
  delete &job;
}

}  // namespace workload
