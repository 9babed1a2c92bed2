// Histories of several threads and connections, made up but consistent: whatever happens, budgets
// add up; and where a thread serves a connection from end to end, they are the truth.
#include "budget_fixture.h"
#include "flow/wait_class.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::array<Sleep, 10> kSleeps = {{kCond,
                                            kMutex,
                                            kEpoll,
                                            kEpoll,
                                            kNanosleep,
                                            kFsync,
                                            {.nr = 61},
                                            {.flags = TW_OFF_FAULT},
                                            {.nr = 0, .file = TW_FILE_PIPE},
                                            {.nr = 257, .flags = TW_OFF_IO_WAIT}}};

/// What the made-up history is like.
struct Style {
  bool pools = true;  // requests go from thread to thread; false: a thread per connection
  unsigned lost = 0;  // of 1000 records of switches
};

// Threads run, sleep, wake each other and are preempted; those that run make calls. Any number of
// them runs at once. Every record is sent when the kernel would send it.
class History {
 public:
  History(unsigned seed, Style style, Flow& flow) : random_(seed), style_(style), flow_(flow) {
    for (std::uint32_t tid = 11; tid < 11 + kThreads; ++tid)
      threads_.push_back({.tid = tid, .on = now_});
    for (std::uint64_t id = 1; id <= kServed; ++id)
      open(id);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ += 1 + pick(50);
      step(threads_[pick(kThreads)]);
    }
    flow_.feed(script_);
  }

  /// Of a thread per connection: the parts of each request, in the order of the answers.
  [[nodiscard]] const std::vector<Parts>& truth() const { return truth_; }

 private:
  static constexpr std::uint32_t kThreads = 5;
  static constexpr std::uint64_t kServed = 8;
  static constexpr std::uint64_t kMade = 100;  // ids of outgoing connections, and of failing ones

  enum class State : std::uint8_t { Runs, Sleeps, Waits };
  struct Thread {
    std::uint32_t tid = 0;
    State state = State::Runs;
    Ns on = 0;
    Ns off = 0;
    Ns woken = 0;
    Sleep in;
    std::uint32_t waker = 0;
    Ns since = 0;  // of what truth_ has
  };
  struct Served {
    std::uint64_t id = 0;
    unsigned outstanding = 0;
    bool half = false;  // a request has come in part
    Ns arrived = 0;
    Parts time;
  };
  struct Made {
    std::uint64_t id = 0;
    bool asked = false;
  };

  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool one_in(unsigned n) { return pick(n) == 0; }

  void open(std::uint64_t id) {
    script_.open(id, one_in(10) ? TW_ROLE_UNKNOWN : TW_ROLE_SERVER, {.at_ns = now_});
    served_.push_back({.id = id});
  }

  // The thread's time since it was last asked went to this part.
  void went(Thread& thread, Part part, Ns until) {
    Served* mine = style_.pools ? nullptr : &served_of(thread);
    if (mine != nullptr && mine->outstanding > 0) mine->time[part] += until - thread.since;
    thread.since = until;
  }
  Served& served_of(const Thread& thread) {
    return served_[style_.pools ? pick(static_cast<unsigned>(served_.size())) : thread.tid - 11];
  }

  void step(Thread& thread) {
    switch (thread.state) {
      case State::Sleeps:
        if (one_in(3)) wake(thread, 0);
        return;
      case State::Waits:
        return run_again(thread);
      case State::Runs:
        break;
    }
    const unsigned what = pick(100);
    if (what < 25) return fall_asleep(thread);
    if (what < 30) return preempt(thread);
    if (what < 45) return wake_another(thread);
    if (what < 46) script_.call_errors(thread.tid, now_, 1 + pick(3), 87, 13);
    if (what < 60 && style_.pools) return use_made(thread);
    if (what == 60 && style_.pools) return end_one();
    if (what == 61 && style_.pools) return end_thread(thread);
    use_served(thread);
  }

  void fall_asleep(Thread& thread) {
    went(thread, Part::OnCpu, now_);
    thread.in = kSleeps[pick(kSleeps.size())];
    if (one_in(6)) thread.in = recv_from(served_of(thread).id);
    // after an event loop's sleep it is not known for whom it goes on
    if (thread.in.nr == kEpoll.nr && !style_.pools) thread.in = kNanosleep;
    if (one_in(8) && style_.pools && !made_.empty()) thread.in = recv_from(made_.front().id);
    thread.off = now_;
    thread.state = State::Sleeps;
  }
  void wake(Thread& thread, std::uint32_t waker) {
    tw_ev_off_cpu off{};
    off.nr = thread.in.nr;
    off.flags = thread.in.flags;
    off.file = thread.in.file;
    const auto role = thread.in.file == TW_FILE_SOCKET ? std::optional(Role::Server) : std::nullopt;
    went(thread, wait_class(off, role), now_);
    thread.woken = now_;
    thread.waker = waker;
    thread.state = State::Waits;
  }
  void preempt(Thread& thread) {
    went(thread, Part::OnCpu, now_);
    thread.in = {.flags = TW_OFF_PREEMPTED};
    thread.off = thread.woken = now_;
    thread.waker = 0;
    thread.state = State::Waits;
  }
  void wake_another(const Thread& waker) {
    Thread& other = threads_[pick(kThreads)];
    if (other.state == State::Sleeps && style_.pools) wake(other, waker.tid);
  }
  void run_again(Thread& thread) {
    went(thread, Part::RunQueue, now_);
    if (pick(1000) >= style_.lost) {
      script_.on(thread.tid, thread.on);
      script_.sleep(thread.tid, thread.in, thread.off, thread.woken, now_, thread.waker);
    }
    thread.on = now_;
    thread.state = State::Runs;
  }

  void use_served(Thread& thread) {
    went(thread, Part::OnCpu, now_);
    Served& served = served_of(thread);
    const std::uint32_t tid = thread.tid;
    const Ns arrived =
        one_in(8) ? 0
                  : now_ - pick(static_cast<unsigned>(std::min<Ns>(200, now_ - served.arrived)));
    if (served.half) {
      script_.in(served.id, now_, kGet.substr(20), {.tid = tid});
      served.half = false;
    } else if (served.outstanding == 0 || (one_in(6) && style_.pools)) {
      served.arrived = now_;
      served.half = one_in(5);
      script_.in(served.id, now_, served.half ? kGet.substr(0, 20) : kGet,
                 {.arrived_ns = arrived, .tid = tid});
      ++served.outstanding;
    } else if (one_in(4)) {
      script_.out(
          served.id, now_, kOk.substr(0, 30),
          {.flags = static_cast<std::uint8_t>(one_in(2) ? TW_DATA_NO_SPACE : 0), .tid = tid});
      script_.out(served.id, now_, kOk.substr(30), {.tid = tid});
      answered(served);
    } else {
      script_.answer(served.id, tid, now_);
      answered(served);
    }
  }
  void answered(Served& served) {
    if (--served.outstanding > 0) return;
    truth_.push_back(served.time);
    served.time = {};
  }

  void use_made(const Thread& thread) {
    const std::uint32_t tid = thread.tid;
    if (made_.size() < 3) {
      const std::uint64_t id = next_id_++;
      script_.connect(id, tid, now_);
      if (one_in(4)) {
        script_.open(id, TW_ROLE_CLIENT,
                     {.at_ns = now_, .flags = TW_OPEN_CONNECT_FAILED, .error = 111});
        return;
      }
      script_.open(id, TW_ROLE_CLIENT, {.at_ns = now_});
      made_.push_back({.id = id});
    }
    Made& made = made_[pick(static_cast<unsigned>(made_.size()))];
    if (made.asked) {
      script_.reply(made.id, tid, now_);
    } else {
      script_.call(made.id, tid, now_);
    }
    made.asked = !made.asked;
  }

  // A connection of either kind, whatever is outstanding.
  void end_one() {
    if (one_in(2) && !made_.empty()) {
      script_.close(made_.back().id, now_);
      made_.pop_back();
      return;
    }
    const std::size_t which = pick(kServed);
    script_.close(served_[which].id, now_);
    served_.erase(served_.begin() + static_cast<std::ptrdiff_t>(which));
    open(next_id_++);
  }
  // A thread ends, and one that it has made goes on under the same number.
  void end_thread(Thread& thread) {
    script_.exit(now_, 100, thread.tid, 0);
    thread.in = {.flags = TW_OFF_NEW};
    thread.on = 0;
    thread.off = thread.woken = now_;
    thread.waker = threads_[pick(kThreads)].tid;
    thread.state = State::Waits;
  }

  std::mt19937 random_;
  Style style_;
  Flow& flow_;
  Script script_;
  Ns now_ = 10000;
  std::vector<Thread> threads_;
  std::vector<Served> served_;
  std::vector<Made> made_;
  std::uint64_t next_id_ = kMade;
  std::vector<Parts> truth_;
};

void check_adds_up(const Request& request) {
  if (request.role == Role::Client) {
    CHECK_FALSE(request.budget.known);
    return;
  }
  if (request.outcome != Outcome::Matched) return;
  INFO("connection " << request.conn_id << ", number " << request.number);
  const Budget& budget = request.budget;
  CHECK(budget.known);
  CHECK(budget.sum() == request.duration());
  for (const PartSpec& spec : kPartSpecs) {
    INFO(spec.name);
    CHECK(budget.of(spec.part) <= request.duration());
  }
  CHECK((budget.of(Part::Unattributed) > 0) == (budget.gap != Gap::None));
  Ns queued = 0;
  for (const Ns ns : budget.queued_ns)
    queued += ns;
  CHECK(queued == budget.of(Part::Queue));
}

}  // namespace

TEST_CASE("budget: whatever threads do, the parts add up", "[flow][budget][property]") {
  const unsigned lost = GENERATE(0U, 20U, 300U);
  for (unsigned seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed << ", lost " << lost);
    BudgetFlow flow({.connections = seed % 3 == 0 ? 7U : 65536U});
    History(seed, {.pools = true, .lost = lost}, flow).run(5000);
    CHECK(flow.matched > 200);
    for (const Request& request : flow.requests)
      check_adds_up(request);
  }
}

TEST_CASE("budget: a thread per connection gives the truth", "[flow][budget][property]") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    BudgetFlow flow;
    History history(seed, {.pools = false}, flow);
    history.run(5000);
    REQUIRE(flow.requests.size() == history.truth().size());
    REQUIRE(flow.requests.size() > 200);
    for (std::size_t i = 0; i < flow.requests.size(); ++i) {
      const Request& request = flow.requests[i];
      INFO("request " << i);
      check_adds_up(request);
      Parts truth = history.truth()[i];
      truth[Part::Queue] = request.queue();
      CHECK(request.budget.ns == truth.ns());
    }
  }
}
