// A scripted process that is traced, and what the tracer told of it. The target is a fork of the
// test; it stops at Side::wait() until the test lets it go on. Knows nothing of what is tested.
#pragma once

#include "tailwhy/abi/events.h"

#include "base/clock.h"
#include "base/result.h"
#include "bpf/attach_plan.h"
#include "bpf/tracer.h"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy::test {

/// Ways to see socket calls, each forced by masking features.
struct Mode {
  std::string_view name;
  std::vector<tw_feature> masked;
  std::string_view io;  ///< the variant of sock_io that is to be used
};

/// All that this kernel can do; those it cannot are printed once. TW_TEST_MODE=NAME leaves that one
/// only, for slow machines.
const std::vector<Mode>& usable_modes();
const Mode& mode_named(std::string_view name);

/// What this kernel has, without what the mode masks.
KernelFeatures features_of(const Mode& mode);

/// The target's end of the strings.
class Side {
 public:
  Side(int reached, int go) : reached_(reached), go_(go) {}
  /// Stands still until the test calls go().
  void wait() const;

 private:
  int reached_;
  int go_;
};

/// Ends the target with a message on stderr unless `ok`. For the target's code, where Catch2's
/// macros would go unheard.
void must(bool ok, const char* what);

using Body = std::function<void(Side&)>;

class TargetProcess {
 public:
  explicit TargetProcess(const Body& body);
  TargetProcess(const TargetProcess&) = delete;
  TargetProcess& operator=(const TargetProcess&) = delete;
  ~TargetProcess();

  [[nodiscard]] std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
  /// Waits until the target stands at Side::wait().
  void await() const;
  void go() const;
  /// The wait status at its end.
  int join();

 private:
  pid_t pid_ = -1;
  int reached_ = -1;
  int go_ = -1;
};

/// One read or write call of the target, put together from its records.
struct Call {
  std::uint64_t offset = 0;
  std::uint32_t len = 0;
  std::string payload;  ///< what was captured
  std::string tail;
  std::uint32_t flags = 0;  ///< of all its records, without MORE and CONT
  int records = 0;
  Ns ts_ns = 0;
  Ns arrived_ns = 0;
  Ns accepted_ns = 0;
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
};

struct Connection {
  std::uint64_t id = 0;
  std::vector<tw_ev_conn_open> opens;
  std::vector<Call> in;
  std::vector<Call> out;
  std::vector<Call> plain_in;  ///< what a TLS library read of it and wrote to it
  std::vector<Call> plain_out;
  std::vector<tw_ev_arrival> arrivals;
  std::vector<tw_ev_conn_shut> shuts;
  std::vector<tw_ev_conn_close> closes;
  std::vector<tw_ev_io_error> errors;

  [[nodiscard]] const tw_ev_conn_open& open() const;
  [[nodiscard]] const tw_ev_conn_close& close() const;
  [[nodiscard]] std::string in_payload() const;
  [[nodiscard]] std::string out_payload() const;
};

/// One datagram of the target.
struct DatagramSeen {
  tw_ev_datagram event{};
  std::string payload;  ///< what was captured
};

/// Everything that came out of the ring.
struct Trace {
  std::vector<Connection> conns;  ///< in the order of their first event
  std::vector<tw_ev_task_fork> forks;
  std::vector<tw_ev_task_exec> execs;
  std::vector<tw_ev_task_exit> exits;
  std::vector<tw_ev_off_cpu> offs;
  std::vector<tw_ev_call_errors> call_errors;
  std::vector<tw_ev_conn_connect> connects;
  std::vector<tw_ev_ack> acks;
  std::vector<tw_ev_stack> stacks;
  std::vector<DatagramSeen> datagrams;
  LossCounters losses{};
  std::uint64_t malformed = 0;

  [[nodiscard]] const Connection& only() const;
  /// The connections with this role.
  [[nodiscard]] std::vector<const Connection*> with_role(tw_role role) const;
  /// The loss counters except those named are zero.
  void check_no_loss(const std::vector<tw_counter>& except = {}) const;
};

struct SceneOptions {
  TracerConfig config;
  HookGroups groups = HookGroups::all();
  bool attach = true;  ///< false: the tracer starts without a target
};

/// Runs the body up to its first wait(), attaches, and lets it go on.
class Scene {
 public:
  Scene(const Mode& mode, const Body& body, const SceneOptions& options = {});

  void await() const { target_.await(); }
  void go() const { target_.go(); }
  [[nodiscard]] std::uint32_t pid() const { return pid_; }
  Tracer& tracer() { return *tracer_; }
  /// Makes room in the ring; what was in it is gone.
  void drain();
  /// Waits for the target's end, which must be good; gives all events.
  Trace finish();

 private:
  TargetProcess target_;
  std::uint32_t pid_;
  std::optional<Tracer> tracer_;
};

/// A pattern in which every offset can be told from its neighbours.
std::string pattern(std::size_t size, unsigned seed = 0);

}  // namespace tailwhy::test
