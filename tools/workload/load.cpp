// An HTTP/1.1 load generator for tests: exactly N requests over C connections, bounded in time,
// with the client's own stamps for each (CLOCK_MONOTONIC, taken outside the calls). What wrk, ab
// and h2load cannot: pipelining, ids, connection churn, uploads and stamps, all at once. Closed
// loop unless --rate paces it; with --open-loop a request never waits for another's answer. One
// thread; not for measuring how fast a server can be.
//
// Log, one line per request:
//   id method path status begin sent first end bytes_out bytes_in connection
// Last line on stdout: "requests=N answered=N failed=N seconds=S". Exit status 1 if any failed.
#include "load_connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <unistd.h>
#include <vector>

namespace {

using namespace workload;

constexpr std::size_t kMostConnections = 1000;  // of an open loop

class Load {
 public:
  explicit Load(LoadOptions options);
  int run();

 private:
  void start(LoadConnection& connection);
  void feed(LoadConnection& connection);
  void on_event(LoadConnection& connection, bool readable);
  void after(LoadConnection& connection, bool alive);
  void lose(LoadConnection& connection);
  void close_later(LoadConnection& connection);
  void report(const std::deque<Sample>& done);
  void watch(LoadConnection& connection, int operation) const;
  void due_work();
  void read_again();
  LoadConnection& more_connections();
  int wait_ms() const;
  bool may_begin() const;
  bool over() const { return answered_ + failed_ >= options_.requests; }

  LoadOptions options_;
  std::vector<const Target*> turns_;
  std::vector<std::unique_ptr<LoadConnection>> connections_;
  std::multimap<Ns, LoadConnection*> to_close_;
  int epoll_ = -1;
  std::FILE* log_ = nullptr;
  std::mt19937 random_;
  Ns begin_ = now_ns();
  std::uint64_t opened_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t failed_ = 0;
  std::map<unsigned, std::uint64_t> statuses_;
};

Load::Load(LoadOptions options) : options_(std::move(options)), random_(options_.seed) {
  for (const Target& target : options_.targets)
    turns_.insert(turns_.end(), target.weight, &target);
  std::shuffle(turns_.begin(), turns_.end(), random_);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (!options_.log.empty() && (log_ = std::fopen(options_.log.c_str(), "we")) == nullptr)
    die(options_.log);
}

// Whether the pace allows one more request now.
bool Load::may_begin() const {
  if (begun_ >= options_.requests) return false;
  if (options_.rate <= 0) return true;
  const double due = static_cast<double>(now_ns() - begin_) / 1e9 * options_.rate;
  return static_cast<double>(begun_) < due;
}

void Load::watch(LoadConnection& connection, int operation) const {
  connection.watched_for_write = connection.wants_write();
  epoll_event event{};
  event.events = (connection.paused_until() == 0 ? static_cast<unsigned>(EPOLLIN) : 0U) |
                 (connection.watched_for_write ? static_cast<unsigned>(EPOLLOUT) : 0U);
  event.data.u32 = connection.index();
  epoll_ctl(epoll_, operation, connection.fd(), &event);
}

void Load::start(LoadConnection& connection) {
  if (!may_begin()) return;
  if (!connection.open(++opened_)) die("connect " + options_.to.text);
  watch(connection, EPOLL_CTL_ADD);
  feed(connection);
}

// Gives an idle connection its next batch.
void Load::feed(LoadConnection& connection) {
  for (unsigned i = 0; i < options_.depth && connection.room() > 0 && may_begin(); ++i) {
    connection.add(begun_, *turns_[begun_ % turns_.size()]);
    ++begun_;
  }
  if (connection.wants_write()) on_event(connection, false);
}

void Load::report(const std::deque<Sample>& done) {
  for (const Sample& s : done) {
    ++(s.status != 0 ? answered_ : failed_);
    ++statuses_[s.status];
    if (log_ == nullptr) continue;
    fmt::print(log_, "{}-{} {} {} {} {} {} {} {} {} {} {}\n", options_.prefix, s.number,
               s.target->method, s.target->path, s.status, s.begin, s.sent, s.first, s.end,
               s.sent_bytes, s.received_bytes, s.connection);
  }
}

void Load::lose(LoadConnection& connection) {
  for (Sample& sample : connection.pending())
    sample.status = 0;
  report(connection.pending());
  connection.pending().clear();
}

void Load::close_later(LoadConnection& connection) {
  const Ns hold = options_.hold == 0 ? 0 : random_() % options_.hold;
  if (hold == 0) {
    connection.close();
    start(connection);
    return;
  }
  epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd(), nullptr);
  to_close_.emplace(now_ns() + hold, &connection);
}

void Load::after(LoadConnection& connection, bool alive) {
  if (!alive) {
    lose(connection);
    connection.close();
    start(connection);
  } else if (connection.idle() && connection.finished()) {
    close_later(connection);
  } else if (connection.idle()) {
    feed(connection);
  }
}

void Load::on_event(LoadConnection& connection, bool readable) {
  std::deque<Sample> done;
  const bool alive = connection.progress(readable, done);
  report(done);
  if (alive &&
      (connection.watched_for_write != connection.wants_write() || connection.paused_until() != 0))
    watch(connection, EPOLL_CTL_MOD);
  if (!alive || readable) after(connection, alive);
}

// Slow readers whose pause is over.
void Load::read_again() {
  const Ns now = now_ns();
  for (const auto& connection : connections_)
    if (connection->paused_until() != 0 && connection->paused_until() <= now) {
      connection->unpause();
      if (connection->is_open()) watch(*connection, EPOLL_CTL_MOD);
    }
}

LoadConnection& Load::more_connections() {
  const auto index = static_cast<unsigned>(connections_.size());
  return *connections_.emplace_back(std::make_unique<LoadConnection>(options_, index));
}

// Connections whose time has come, and those that the pace kept waiting.
void Load::due_work() {
  const Ns now = now_ns();
  while (!to_close_.empty() && to_close_.begin()->first <= now) {
    LoadConnection& connection = *to_close_.begin()->second;
    to_close_.erase(to_close_.begin());
    connection.close();
    start(connection);
  }
  if (options_.read_rate != 0) read_again();
  if (options_.rate <= 0) return;
  for (const auto& connection : connections_) {
    if (!may_begin()) return;
    if (!connection->is_open()) {
      start(*connection);
    } else if (connection->idle() && !connection->finished()) {
      feed(*connection);
    }
  }
  while (options_.open_loop && connections_.size() < kMostConnections && may_begin())
    start(more_connections());
}

int Load::wait_ms() const {
  const bool timed = options_.rate > 0 || options_.read_rate != 0 || !to_close_.empty();
  return timed ? 1 : 100;
}

int Load::run() {
  for (unsigned i = 0; i < options_.connections; ++i)
    more_connections();
  for (const auto& connection : connections_)
    start(*connection);
  std::vector<epoll_event> events(256);
  while (!over() && now_ns() - begin_ < options_.limit) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms());
    for (int i = 0; i < count; ++i) {
      LoadConnection& connection = *connections_[events[static_cast<std::size_t>(i)].data.u32];
      const std::uint32_t what = events[static_cast<std::size_t>(i)].events;
      if (connection.is_open())
        on_event(connection, (what & ~static_cast<unsigned>(EPOLLOUT)) != 0);
    }
    due_work();
  }
  const std::uint64_t unanswered = begun_ - answered_ - failed_;
  if (log_ != nullptr) std::fclose(log_);
  for (const auto& [status, count] : statuses_)
    fmt::print("status {} {}\n", status, count);
  fmt::print("requests={} answered={} failed={} seconds={:.3f}\n", begun_, answered_,
             failed_ + unanswered, static_cast<double>(now_ns() - begin_) / 1e9);
  return answered_ == options_.requests ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return Load(parse_load_options(argc, argv)).run();
}
