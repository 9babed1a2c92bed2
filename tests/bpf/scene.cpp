#include "bpf/scene.h"

#include "bpf/feature_probe.h"
#include "bpf/load_ladder.h"
#include "bpf/ring_reader.h"
#include "events/event_view.h"

#include <catch2/catch.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <type_traits>
#include <unistd.h>
#include <utility>
#include <variant>

namespace tailwhy::test {
namespace {

const std::vector<Mode> kModes = {
    {"tracepoints", {}, "tracepoints"},
    {"by address", {TW_FEAT_SK_STORAGE}, "tracepoints"},
    {"fexit", {TW_FEAT_SOCK_LENGTH_TP}, "fexit"},
    {"system calls",
     {TW_FEAT_SOCK_LENGTH_TP, TW_FEAT_FEXIT, TW_FEAT_DATA_READY_TP},
     "system calls"},
};

const KernelFeatures& kernel() {
  static const KernelFeatures features = detect_features();
  return features;
}

void write_byte(int fd) {
  const char byte = 'x';
  must(write(fd, &byte, 1) == 1, "write to the other side");
}

bool read_byte(int fd) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = read(fd, &byte, 1);
  } while (got < 0 && errno == EINTR);
  return got == 1;
}

class Collector : public EventHandler {
 public:
  explicit Collector(Trace& trace) : trace_(trace) {}

  void on_event(const EventView& event) override {
    std::visit([this](const auto& record) { take(record); }, event);
  }
  void on_tick(Ns /*now_ns*/) override {}

 private:
  Connection& conn(std::uint64_t id) {
    for (Connection& known : trace_.conns) {
      if (known.id == id) return known;
    }
    trace_.conns.push_back({});
    trace_.conns.back().id = id;
    return trace_.conns.back();
  }
  void take(const tw_ev_conn_open* ev) { conn(ev->conn_id).opens.push_back(*ev); }
  void take(const tw_ev_arrival* ev) { conn(ev->conn_id).arrivals.push_back(*ev); }
  void take(const tw_ev_conn_shut* ev) { conn(ev->conn_id).shuts.push_back(*ev); }
  void take(const tw_ev_conn_close* ev) { conn(ev->conn_id).closes.push_back(*ev); }
  void take(const tw_ev_io_error* ev) { conn(ev->conn_id).errors.push_back(*ev); }
  void take(const tw_ev_retransmit* ev) { conn(ev->conn_id); }
  void take(const tw_ev_off_cpu* ev) { trace_.offs.push_back(*ev); }
  void take(const tw_ev_call_errors* ev) { trace_.call_errors.push_back(*ev); }
  void take(const tw_ev_conn_connect* ev) { trace_.connects.push_back(*ev); }
  void take(const tw_ev_ack* ev) { trace_.acks.push_back(*ev); }
  void take(const tw_ev_stack* ev) { trace_.stacks.push_back(*ev); }
  void take(const tw_ev_task_fork* ev) { trace_.forks.push_back(*ev); }
  void take(const tw_ev_task_exec* ev) { trace_.execs.push_back(*ev); }
  void take(const tw_ev_task_exit* ev) { trace_.exits.push_back(*ev); }

  void take(const DatagramView& view) {
    const auto* bytes = reinterpret_cast<const char*>(view.payload.data());
    trace_.datagrams.push_back({*view.record, std::string(bytes, view.payload.size())});
  }

  void take(const DataView& data) {
    Connection& owner = conn(data->conn_id);
    const bool plain = (data->flags & TW_DATA_PLAIN) != 0;
    auto& in = plain ? owner.plain_in : owner.in;
    auto& out = plain ? owner.plain_out : owner.out;
    auto& calls = data->dir == TW_DIR_IN ? in : out;
    if ((data->flags & TW_DATA_CONT) == 0) {
      Call call;
      call.offset = data->offset_bytes;
      call.len = data->len_bytes;
      call.ts_ns = data->hdr.ts_ns;
      call.arrived_ns = data->arrived_ns;
      call.accepted_ns = data->accepted_ns;
      call.pid = data->pid;
      call.tid = data->tid;
      calls.push_back(call);
    }
    REQUIRE_FALSE(calls.empty());
    Call& call = calls.back();
    REQUIRE(call.offset == data->offset_bytes);
    REQUIRE(call.payload.size() == data->piece_off_bytes);
    call.payload.append(reinterpret_cast<const char*>(data.payload.data()), data.payload.size());
    const auto tail = data.tail();
    call.tail.assign(reinterpret_cast<const char*>(tail.data()), tail.size());
    call.flags |= data->flags & ~static_cast<unsigned>(TW_DATA_MORE | TW_DATA_CONT);
    ++call.records;
  }

  Trace& trace_;
};

}  // namespace

void must(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "target: %s: %s\n", what, std::strerror(errno));
  _exit(99);
}

const Mode& mode_named(std::string_view name) {
  return *std::find_if(kModes.begin(), kModes.end(),
                       [&](const Mode& mode) { return mode.name == name; });
}

KernelFeatures features_of(const Mode& mode) {
  KernelFeatures features = kernel();
  for (const tw_feature feature : mode.masked) {
    features.set(feature, Support::No, "masked by the test");
  }
  return features;
}

const std::vector<Mode>& usable_modes() {
  static const std::vector<Mode> modes = [] {
    const char* only = std::getenv("TW_TEST_MODE");
    std::vector<Mode> usable;
    for (const Mode& mode : kModes) {
      if (only != nullptr && mode.name != only) continue;
      const auto plan = plan_hooks(hook_table(), features_of(mode), {});
      const bool can = plan && plan->find("sock_io")->variant->name == mode.io;
      if (can) usable.push_back(mode);
      if (!can) std::printf("not on this kernel: %s\n", std::string(mode.name).c_str());
    }
    REQUIRE_FALSE(usable.empty());
    return usable;
  }();
  return modes;
}

void Side::wait() const {
  write_byte(reached_);
  must(read_byte(go_), "wait for the test");
}

TargetProcess::TargetProcess(const Body& body) {
  int reached[2];
  int go[2];
  REQUIRE(pipe(reached) == 0);
  REQUIRE(pipe(go) == 0);
  std::fflush(nullptr);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(reached[0]);
    ::close(go[1]);
    Side side(reached[1], go[0]);
    body(side);
    _exit(0);
  }
  ::close(reached[1]);
  ::close(go[0]);
  reached_ = reached[0];
  go_ = go[1];
}

TargetProcess::~TargetProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  ::close(reached_);
  ::close(go_);
}

void TargetProcess::await() const {
  REQUIRE(read_byte(reached_));
}

void TargetProcess::go() const {
  write_byte(go_);
}

int TargetProcess::join() {
  int status = -1;
  REQUIRE(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return status;
}

const tw_ev_conn_open& Connection::open() const {
  REQUIRE(opens.size() == 1);
  return opens.front();
}

const tw_ev_conn_close& Connection::close() const {
  REQUIRE(closes.size() == 1);
  return closes.front();
}

std::string Connection::in_payload() const {
  std::string all;
  for (const Call& call : in) {
    all += call.payload;
  }
  return all;
}

std::string Connection::out_payload() const {
  std::string all;
  for (const Call& call : out) {
    all += call.payload;
  }
  return all;
}

const Connection& Trace::only() const {
  REQUIRE(conns.size() == 1);
  return conns.front();
}

std::vector<const Connection*> Trace::with_role(tw_role role) const {
  std::vector<const Connection*> found;
  for (const Connection& conn : conns) {
    if (!conn.opens.empty() && conn.opens.front().role == role) found.push_back(&conn);
  }
  return found;
}

void Trace::check_no_loss(const std::vector<tw_counter>& except) const {
  CHECK(malformed == 0);
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const auto counter = static_cast<tw_counter>(i);
    if (counter == TW_CNT_SWITCH_MISSED) continue;  // loses nothing, and is the kernel's doing
    if (std::find(except.begin(), except.end(), counter) != except.end()) continue;
    INFO("counter " << i);
    CHECK(losses[i] == 0);
  }
}

Scene::Scene(const Mode& mode, const Body& body, const SceneOptions& options)
    : target_(body), pid_(target_.pid()) {
  target_.await();
  TracerConfig config = options.config;
  if (options.attach) config.pids.push_back(target_.pid());
  PlanOptions plan;
  plan.groups = options.groups;
  plan.stacks = config.want_stacks;
  tracer_ = start_tracer(config, features_of(mode), plan).value();
  REQUIRE(tracer_->plan().find("sock_io")->variant->name == mode.io);
  go();
}

void Scene::drain() {
  Trace gone;
  Collector collector(gone);
  auto ring = RingReader::open(tracer_->ring_fd()).value();
  while (ring->consume(collector, 1U << 20).value() != 0) {
  }
}

Trace Scene::finish() {
  const int status = target_.join();
  INFO("wait status of the target " << status);
  REQUIRE(status == 0);
  tracer_->detach();
  Trace trace;
  Collector collector(trace);
  auto ring = RingReader::open(tracer_->ring_fd()).value();
  while (ring->consume(collector, 1U << 20).value() != 0) {
  }
  trace.malformed = ring->stats().malformed + ring->stats().unknown;
  trace.losses = tracer_->read_counters().value();
  return trace;
}

std::string pattern(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  unsigned state = 2463534242U + seed * 7919U;
  for (char& c : text) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    c = static_cast<char>('!' + state % 90);
  }
  return text;
}

}  // namespace tailwhy::test
