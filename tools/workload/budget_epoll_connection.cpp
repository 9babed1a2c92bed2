// A request's way through the event loop. See the header.
#include "budget_epoll_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace workload {
namespace {

const Address kNowhere;

}  // namespace

LoopConnection::LoopConnection(Loop& loop, int fd)
    : loop_(loop),
      fd_(fd),
      client_source_{.kind = Source::Kind::Client, .connection = this},
      down_source_{.kind = Source::Kind::Down, .connection = this},
      down_(loop.down ? *loop.down : kNowhere, loop.kept_downs) {
  loop_.watch(fd_, client_source_, EPOLLIN);
}

LoopConnection::~LoopConnection() {
  close(fd_);
}

// --- what the loop calls

void LoopConnection::on_client(std::uint32_t events) {
  if (state_ == State::Dead) return;
  if (state_ == State::Writing) {
    begin_turn();
    record_.own[Part::Client] += waited();
    write_some();
  } else if (events != 0) {
    read_some();
  }
  serve_next();
}

void LoopConnection::on_time() {
  begin_turn();
  record_.own[Part::Sleep] += waited();
  run_steps();
  serve_next();
}

void LoopConnection::on_down() {
  if (state_ != State::Calling) return;
  begin_turn();
  follow_call(down_.go_on());
  serve_next();
}

void LoopConnection::on_returned() {
  begin_turn();
  job_->record.returned = moved_in(job_->moved, loop_.last_idle());
  record_ = std::move(job_->record);
  const bool done = job_->done;
  job_.reset();
  answer(done ? 200 : 503);
  serve_next();
}

// --- requests

void LoopConnection::read_some() {
  char bytes[16 << 10];
  const ssize_t size = read(fd_, bytes, sizeof(bytes));
  read_ns_ = now_ns();
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    peer_done_ = true;
    loop_.unwatch(fd_);  // else it would be told again and again
    return;
  }
  if (buffer_.empty()) buffer_since_ = read_ns_;
  buffer_.append(bytes, static_cast<std::size_t>(size));
}

void LoopConnection::serve_next() {
  while (state_ == State::Reading) {
    Request request;
    const Taken taken = take_head(buffer_, request);
    if (taken == Taken::NeedMore && !peer_done_) return;
    if (taken != Taken::Request || request.chunked || request.body_bytes != 0) {
      die_now();
      return;
    }
    request.read_first = buffer_since_;
    request.read_last = read_ns_;
    buffer_since_ = read_ns_;
    start(request);
  }
}

void LoopConnection::start(const Request& request) {
  record_ = record_of(request);
  record_.in_loop = true;
  own_ns_ = 0;
  in_turn_ = true;
  turn_begin_ = request.read_first;
  turn_use_ = begin_use_ = Use::of_this_thread();
  worked_before_ = loop_.worked(request.read_first);
  idled_before_ = loop_.idled();
  const auto plan = parse_budget_plan(request.target);
  plan_ = plan.value_or(BudgetPlan{});
  next_ = 0;
  answer_ = {.body = plan_.body, .slow = plan_.slow, .keep_alive = request.keep_alive};
  if (plan) {
    run_steps();
  } else {
    answer(404);
  }
}

void LoopConnection::run_steps() {
  while (next_ < plan_.steps.size()) {
    const Step& step = plan_.steps[next_++];
    if (step.kind == Step::Kind::Sleep) {
      leave(State::Sleeping);
      loop_.wake_at(wait_begin_ + step.length, *this);
      return;
    }
    if (step.kind == Step::Kind::Down || step.kind == Step::Kind::DownNew) {
      call(step);
      return;
    }
    if (!loop_.steps.run({&step, 1}, record_.id, record_.own)) {
      answer(503);
      return;
    }
  }
  if (plan_.pool) {
    hand_over();
  } else {
    answer(200);
  }
}

void LoopConnection::call(const Step& step) {
  if (!loop_.down) {
    answer(503);
    return;
  }
  begin_wait();
  state_ = State::Calling;
  follow_call(down_.begin(step.length, record_.id, step.kind == Step::Kind::DownNew));
}

void LoopConnection::follow_call(AsyncDown::State state) {
  if (state == AsyncDown::State::Sending || state == AsyncDown::State::Reading) {
    const auto event = state == AsyncDown::State::Sending ? EPOLLOUT : EPOLLIN;
    loop_.watch(down_.fd(), down_source_, event);
    end_turn(now_ns());
    return;
  }
  record_.own[Part::Downstream] += waited();
  if (down_.fd() >= 0) loop_.unwatch(down_.fd());
  down_.end();
  if (state == AsyncDown::State::Done) {
    run_steps();
  } else {
    answer(503);
  }
}

void LoopConnection::hand_over() {
  auto job = std::make_unique<Job>(Job{.steps = plan_.pooled, .answer = answer_, .owner = this});
  if (plan_.reply_by_pool) {
    job->fd = fcntl(fd_, F_DUPFD_CLOEXEC, 0);
    if (job->fd < 0) die("dup");
  } else {
    job->back = &loop_.way_back(*plan_.pool);
  }
  leave(plan_.reply_by_pool ? State::Reading : State::Pooled);
  account(wait_begin_);
  job->record = std::move(record_);
  if (plan_.reply_by_pool) {
    // it is the pool's, and may be gone once it is handed over
    loop_.pool.hand_over(*plan_.pool, job.release());
    if (!answer_.keep_alive) die_now();
    return;
  }
  job_ = std::move(job);
  loop_.pool.hand_over(*plan_.pool, job_.get());
}

void LoopConnection::answer(std::uint64_t status) {
  record_.status = status;
  out_ = answer_head(status, answer_);
  if (answer_.slow) small_send_buffer(fd_);
  const std::uint64_t first = answer_.slow ? std::min(answer_.body, kFirstPiece) : answer_.body;
  out_.append(first, '0');
  out_left_ = answer_.body - first;
  write_some();
}

void LoopConnection::write_some() {
  while (true) {
    if (out_.empty() && out_left_ == 0) {
      finish();
      return;
    }
    if (out_.empty()) {
      out_ = answer_piece(out_left_);
      out_left_ -= out_.size();
    }
    const Watch watch;
    const ssize_t size = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EAGAIN) {
      leave(State::Writing);
      if (!watched_for_write_) loop_.watch(fd_, client_source_, EPOLLOUT);
      watched_for_write_ = true;
      return;
    }
    if (size < 0 && errno != EINTR) {
      die_now();
      return;
    }
    if (size > 0) {
      record_.written.add(watch.begin(), static_cast<std::uint64_t>(size));
      record_.own.late_run_queue = watch.stop().run_queue;
      out_.erase(0, static_cast<std::size_t>(size));
    }
  }
}

void LoopConnection::finish() {
  end_turn(record_.written.last_end);
  account(record_.written.last_end);
  loop_.truth.write(record_);
  state_ = State::Reading;
  if (watched_for_write_ && !peer_done_) loop_.watch(fd_, client_source_, EPOLLIN);
  watched_for_write_ = false;
  if (!answer_.keep_alive) die_now();
}

void LoopConnection::die_now() {
  in_turn_ = false;
  state_ = State::Dead;
  loop_.unwatch(fd_);
  loop_.forget(*this);
}

// --- its own time

void LoopConnection::begin_turn() {
  in_turn_ = true;
  turn_begin_ = now_ns();
  turn_use_ = Use::of_this_thread();
}

void LoopConnection::end_turn(Ns now) {
  if (!in_turn_) return;
  in_turn_ = false;
  own_ns_ += now - turn_begin_;
  const Use now_use = Use::of_this_thread();
  record_.own.use += now_use - turn_use_;
  record_.loop = now_use - begin_use_;
}

void LoopConnection::begin_wait() {
  wait_begin_ = now_ns();
  wait_idle_ = loop_.idled().idle;
}

Took LoopConnection::waited() const {
  return {.wall = now_ns() - wait_begin_, .idle = loop_.idled().idle - wait_idle_};
}

void LoopConnection::leave(State next) {
  state_ = next;
  begin_wait();
  end_turn(wait_begin_);
}

void LoopConnection::account(Ns now) {
  const Ns worked = loop_.worked(now) - worked_before_;
  record_.others = worked > own_ns_ ? worked - own_ns_ : 0;
  record_.idle = loop_.idled() - idled_before_;
}

}  // namespace workload
