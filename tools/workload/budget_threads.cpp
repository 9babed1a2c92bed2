// One thread, one connection. See the header.
#include "budget_threads.h"

#include "socket.h"
#include "spare.h"

#include <sys/prctl.h>

#include <fcntl.h>
#include <unistd.h>

namespace workload {
namespace {

// The way back from the pool: one for each kind, used by one waiting thread at a time.
Spare<Channel>& ways_back(Step::Kind kind) {
  using Kind = Channel::Kind;
  static Spare<Channel> ways[] = {
      Spare<Channel>([] { return std::make_unique<Channel>(Kind::Cond); }),
      Spare<Channel>([] { return std::make_unique<Channel>(Kind::Pipe); }),
      Spare<Channel>([] { return std::make_unique<Channel>(Kind::EventFd); }),
      Spare<Channel>([] { return std::make_unique<Channel>(Kind::Unix); })};
  return ways[static_cast<std::size_t>(channel_kind(kind))];
}

// A second descriptor of the socket: the pool thread may answer after its owner has let go of it.
int another(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) die("dup");
  return copy;
}

// Waits for the pool, which leaves its part in the record. Its own part, which began at `begin`,
// ends with the hand-over and begins again. False: a step could not be done.
bool let_pool_work(Pool& pool, const BudgetPlan& plan, Record& record, Use& begin) {
  auto back = ways_back(*plan.pool).take();
  record.own.use = Use::of_this_thread() - begin;
  Job job{.record = std::move(record), .steps = plan.pooled, .back = back.get()};
  pool.hand_over(*plan.pool, &job);
  const Watch watch;
  back->receive();
  job.record.returned = moved_in(job.moved, watch.stop());
  begin = Use::of_this_thread();
  record = std::move(job.record);
  ways_back(*plan.pool).give_back(std::move(back));
  return job.done;
}

// False: the connection ends.
bool serve_one(Connection& connection,
               const Request& request,
               Steps& steps,
               Pool& pool,
               const TruthFile& truth) {
  Use begin = Use::of_this_thread();
  Record record = record_of(request);
  const auto plan = parse_budget_plan(request.target);
  Answer answer{.keep_alive = request.keep_alive};
  bool done = false;
  if (plan) {
    answer.body = plan->body;
    answer.slow = plan->slow;
    done = steps.run(plan->steps, record.id, record.own);
  }
  if (plan && plan->reply_by_pool && done) {
    auto job = std::make_unique<Job>(
        Job{.steps = plan->pooled, .answer = answer, .fd = another(connection.fd())});
    record.own.use = Use::of_this_thread() - begin;
    job->record = std::move(record);
    pool.hand_over(*plan->pool, job.release());
    return request.keep_alive;
  }
  if (plan && plan->pool && done) done = let_pool_work(pool, *plan, record, begin);
  record.status = !plan ? 404 : done ? 200 : 503;
  const bool sent = send_answer(connection.fd(), answer, record, record.own);
  record.own.use += Use::of_this_thread() - begin;
  truth.write(record);
  return sent && request.keep_alive;
}

}  // namespace

void serve_on_thread(int fd, Steps& steps, Pool& pool, const TruthFile& truth) {
  prctl(PR_SET_TIMERSLACK, 1);
  Connection connection(fd);
  Request request;
  while (connection.read_head(request) && connection.read_body(request))
    if (!serve_one(connection, request, steps, pool, truth)) return;
}

}  // namespace workload
