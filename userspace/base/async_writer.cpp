// Two buffers: producers fill one, the thread writes the other and swaps when it is through.
// The policy of retries, drops and ends is here; the care for whole lines is in line_file.cpp.
#include "base/async_writer.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <fmt/format.h>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace tailwhy {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long the thread sleeps on a full pipe before it looks for orders again.
constexpr milliseconds kPipePatience{20};
// What a closing thread gets beyond the deadline to see it and leave.
constexpr milliseconds kGrace{200};

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

bool is_gone_for_good(int err) {
  return err == EPIPE || err == ECONNRESET || err == EBADF;
}

// Signals are for the main thread's signalfd; and SIGPIPE and SIGXFSZ, which a write raises in the
// thread that writes, must not kill the process: blocked, the write just fails.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked(AllSignalsBlocked&&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(AllSignalsBlocked&&) = delete;
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

struct AsyncWriter::Closed {
  AsyncWriterStats stats;
  std::optional<Error> last_error;
  Result<> result;
};

class AsyncWriter::Worker {
 public:
  Worker(LineFile file, const AsyncWriterOptions& options)
      : options_(options), half_(options.capacity_bytes / 2), file_(std::move(file)) {
    in_.reserve(half_);  // address space; pages come with use
    out_.reserve(half_);
  }

  void start() {
    const AllSignalsBlocked blocked;  // inherited by the thread
    thread_ = std::thread([this] { run(); });
  }

  bool append(std::string_view lines);
  void reopen(std::string first_lines);
  std::optional<Error> last_error() const;
  AsyncWriterStats stats() const;

  /// Ends the thread, or leaves it behind: then it owns the worker, and true is returned.
  bool close(milliseconds timeout, Closed& closed);

 private:
  using Lock = std::unique_lock<std::mutex>;

  void run();
  void do_reopen(Lock& lock);
  void fetch(Lock& lock);
  void write(Lock& lock);
  void on_error(Lock& lock, int error);
  void drop_unwritten();
  void finish(Lock& lock);

  bool has_orders() const { return reopen_due_ || closing_; }
  std::string_view unwritten() const { return std::string_view(out_).substr(written_); }
  void count_dropped(std::string_view lines) {
    stats_.lines_dropped += count_lines(lines);
    stats_.bytes_dropped += lines.size();
  }

  const AsyncWriterOptions options_;
  const std::size_t half_;
  std::thread thread_;

  // Shared, under the mutex.
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable ended_cv_;
  std::string in_;
  std::size_t wake_at_ = 1;  // in_ of this size wakes the thread
  std::string first_lines_;
  bool reopen_due_ = false;
  bool closing_ = false;
  bool broken_ = false;  // the reader is gone: everything is dropped until a reopen
  bool ended_ = false;
  bool abandoned_ = false;
  Clock::time_point deadline_;
  AsyncWriterStats stats_;
  std::optional<Error> last_error_;

  // The thread's own.
  LineFile file_;
  std::string out_;
  std::size_t written_ = 0;  // of out_, whole lines
};

bool AsyncWriter::Worker::append(std::string_view lines) {
  assert(lines.empty() || lines.ends_with('\n'));
  bool wake = false;
  {
    const Lock lock(mutex_);
    if (closing_ || broken_ || lines.size() > half_ - in_.size()) {
      count_dropped(lines);
      return false;
    }
    const std::size_t before = in_.size();
    in_.append(lines);
    wake = before < wake_at_ && in_.size() >= wake_at_;
  }
  if (wake) work_.notify_one();
  return true;
}

void AsyncWriter::Worker::reopen(std::string first_lines) {
  {
    const Lock lock(mutex_);
    first_lines_ = std::move(first_lines);
    reopen_due_ = true;
  }
  work_.notify_one();
}

std::optional<Error> AsyncWriter::Worker::last_error() const {
  const Lock lock(mutex_);
  return last_error_;
}

AsyncWriterStats AsyncWriter::Worker::stats() const {
  const Lock lock(mutex_);
  return stats_;
}

void AsyncWriter::Worker::run() {
  Lock lock(mutex_);
  while (true) {
    if (unwritten().empty()) fetch(lock);
    if (reopen_due_) do_reopen(lock);
    if (!unwritten().empty()) {
      write(lock);
    } else if (closing_ && in_.empty()) {
      break;
    }
  }
  finish(lock);
}

// Waits for lines, then a little longer for company, and takes them all.
void AsyncWriter::Worker::fetch(Lock& lock) {
  wake_at_ = 1;
  work_.wait(lock, [this] { return !in_.empty() || has_orders(); });
  wake_at_ = std::max<std::size_t>(half_ / 4, 1);
  work_.wait_for(lock, options_.linger, [this] { return in_.size() >= wake_at_ || has_orders(); });
  out_.clear();
  written_ = 0;
  std::swap(in_, out_);
}

void AsyncWriter::Worker::do_reopen(Lock& lock) {
  reopen_due_ = false;
  const std::string first_lines = std::exchange(first_lines_, {});
  if (!file_.reopenable()) return;
  lock.unlock();
  const Result<> reopened = file_.reopen();
  lock.lock();
  stats_.torn_lines = file_.torn_lines();
  if (!reopened) {
    last_error_ = reopened.error();
    return;
  }
  ++stats_.reopens;
  broken_ = false;
  out_.insert(written_, first_lines);
}

void AsyncWriter::Worker::write(Lock& lock) {
  lock.unlock();
  const std::string_view lines = unwritten();
  const LineFile::Progress progress = file_.write(lines);
  const std::uint64_t line_count = count_lines(lines.substr(0, progress.taken));
  if (progress.error == EAGAIN) file_.wait_writable(static_cast<int>(kPipePatience.count()));
  lock.lock();
  written_ += progress.taken;
  stats_.lines_written += line_count;
  stats_.bytes_written += progress.taken;
  stats_.torn_lines = file_.torn_lines();
  if (progress.error != 0) on_error(lock, progress.error);
}

void AsyncWriter::Worker::on_error(Lock& lock, int error) {
  if (error == EAGAIN) {
    if (closing_ && Clock::now() >= deadline_) {
      last_error_ = Error(ErrorCode::Io, "write " + file_.name() + ": the reader is too slow");
      drop_unwritten();
    }
    return;
  }
  ++stats_.write_errors;
  last_error_ = Error::from_errno("write " + file_.name(), error, ErrorCode::Io);
  if (is_gone_for_good(error)) {
    broken_ = true;
    drop_unwritten();
  } else if (closing_) {
    drop_unwritten();  // the last try
  } else {
    work_.wait_for(lock, options_.retry, [this] { return has_orders(); });
  }
}

void AsyncWriter::Worker::drop_unwritten() {
  count_dropped(unwritten());
  count_dropped(in_);
  in_.clear();
  out_.clear();
  written_ = 0;
}

void AsyncWriter::Worker::finish(Lock& lock) {
  lock.unlock();
  const Result<> closed = file_.close();
  lock.lock();
  stats_.torn_lines = file_.torn_lines();
  if (!closed) last_error_ = closed.error();
  ended_ = true;
  const bool mine = abandoned_;
  lock.unlock();
  if (mine) {
    delete this;
  } else {
    ended_cv_.notify_one();
  }
}

bool AsyncWriter::Worker::close(milliseconds timeout, Closed& closed) {
  constexpr milliseconds kForever = std::chrono::hours(24);  // more would overflow the clock
  Lock lock(mutex_);
  deadline_ = Clock::now() + std::min(timeout, kForever);
  closing_ = true;
  work_.notify_one();
  abandoned_ = !ended_cv_.wait_until(lock, deadline_ + kGrace, [this] { return ended_; });
  if (abandoned_) {
    last_error_ = Error(ErrorCode::Io, "write " + file_.name() + ": hangs in the kernel");
    count_dropped(unwritten());
    count_dropped(in_);
  }
  closed.stats = stats_;
  closed.last_error = last_error_;
  if (last_error_ && stats_.lines_dropped > 0) {
    closed.result = last_error_->wrap(fmt::format("{} lines lost", stats_.lines_dropped));
  }
  if (abandoned_) {
    thread_.detach();
    return true;
  }
  lock.unlock();
  thread_.join();
  return false;
}

Result<AsyncWriter> AsyncWriter::open(std::string path, const AsyncWriterOptions& options) {
  auto file = LineFile::open(std::move(path), options.mode);
  if (!file) return std::move(file).error();
  return start(*std::move(file), options);
}

Result<AsyncWriter> AsyncWriter::adopt(UniqueFd fd,
                                       std::string name,
                                       const AsyncWriterOptions& options) {
  return start(LineFile::adopt(std::move(fd), std::move(name)), options);
}

Result<AsyncWriter> AsyncWriter::start(LineFile file, const AsyncWriterOptions& options) {
  auto worker = std::make_unique<Worker>(std::move(file), options);
  try {
    worker->start();
  } catch (const std::system_error& e) {
    return Error::from_errno("start the thread that writes", e.code().value());
  }
  return AsyncWriter(std::move(worker));
}

AsyncWriter::AsyncWriter(std::unique_ptr<Worker> worker) noexcept : worker_(std::move(worker)) {}

AsyncWriter::AsyncWriter(AsyncWriter&&) noexcept = default;

AsyncWriter& AsyncWriter::operator=(AsyncWriter&& other) noexcept {
  std::swap(worker_, other.worker_);
  std::swap(closed_, other.closed_);
  return *this;
}

AsyncWriter::~AsyncWriter() {
  (void)flush_and_close(std::chrono::seconds(1));
}

bool AsyncWriter::append(std::string_view lines) {
  return worker_ && worker_->append(lines);
}

void AsyncWriter::reopen(std::string first_lines) {
  if (worker_) worker_->reopen(std::move(first_lines));
}

Result<> AsyncWriter::flush_and_close(milliseconds timeout) {
  if (closed_) return closed_->result;
  if (!worker_) return {};
  closed_ = std::make_unique<Closed>();
  if (worker_->close(timeout, *closed_)) (void)worker_.release();  // its thread deletes it
  return closed_->result;
}

std::optional<Error> AsyncWriter::last_error() const {
  if (worker_) return worker_->last_error();
  return closed_ ? closed_->last_error : std::nullopt;
}

AsyncWriterStats AsyncWriter::stats() const {
  if (worker_) return worker_->stats();
  return closed_ ? closed_->stats : AsyncWriterStats{};
}

}  // namespace tailwhy
