// The plan as a function: made-up kernels in, programs out. Nothing is loaded.
#include "bpf/attach_plan.h"

#include "bpf/features.h"
#include "bpf/hooks.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace tailwhy;

namespace {

KernelFeatures kernel_without(const std::vector<tw_feature>& missing) {
  auto features = KernelFeatures::all(Support::Yes);
  for (const tw_feature feature : missing) {
    features.set(feature, Support::No, "not in BTF");
  }
  return features;
}

AttachPlan plan(const std::vector<tw_feature>& missing, const PlanOptions& options = {}) {
  return plan_hooks(hook_table(), kernel_without(missing), options).value();
}

Error plan_error(const std::vector<tw_feature>& missing, const PlanOptions& options = {}) {
  auto planned = plan_hooks(hook_table(), kernel_without(missing), options);
  REQUIRE_FALSE(planned);
  return planned.error();
}

const MissingHook* missing_hook(const AttachPlan& plan, std::string_view name) {
  for (const MissingHook& missing : plan.missing) {
    if (missing.hook->name == name) return &missing;
  }
  return nullptr;
}

// Linux 6.1 and 6.12 as Debian ships them (tests/vm says so).
const std::vector<tw_feature> kLinux61 = {TW_FEAT_SOCK_LENGTH_TP, TW_FEAT_DATA_READY_TP};
const std::vector<tw_feature> kLinux612 = {TW_FEAT_KERNEL_SENDPAGE};

}  // namespace

TEST_CASE("plan: a kernel that has everything gets the first variant of every hook", "[plan]") {
  const AttachPlan all = plan({}, {.stacks = true});
  CHECK(all.hooks.size() == hook_table().size());
  CHECK(all.missing.empty());
  for (const PlannedHook& hook : all.hooks) {
    INFO(hook.hook->name);
    CHECK(hook.variant == &hook.hook->variants.front());
    CHECK(hook.passed_over.empty());
  }
  CHECK_FALSE(all.conns_by_address);
  CHECK_FALSE(all.io_by_syscall);
  CHECK(all.accept_seen);
}

TEST_CASE("plan: hooks are in the order of the table, which is that of attaching", "[plan]") {
  const AttachPlan all = plan({}, {.stacks = true});
  for (std::size_t i = 0; i < all.hooks.size(); ++i) {
    CHECK(all.hooks[i].hook == &hook_table()[i]);
  }
  CHECK(all.hooks.front().hook->group == HookGroup::Process);
  CHECK(all.hooks.back().hook->name == "find");
}

TEST_CASE("plan: what only stacks need is neither used nor missed without them", "[plan]") {
  const AttachPlan without = plan({});
  CHECK_FALSE(without.has_program("cpu_clock_pe"));
  CHECK(without.missing.empty());
  // a kernel that refuses it still gives the stacks of sleeps
  const AttachPlan refused = plan({}, {.refused = {{"cpu_clock_pe", "no clock"}}, .stacks = true});
  CHECK(refused.has_program("switch_tp"));
  REQUIRE(missing_hook(refused, "cpu_stacks") != nullptr);
  CHECK(missing_hook(refused, "cpu_stacks")->because.find("no clock") != std::string::npos);
}

TEST_CASE("plan: Linux 6.1 gets fexit programs, with the one for sendfile's old path", "[plan]") {
  const AttachPlan old = plan(kLinux61);
  REQUIRE(old.find("sock_io") != nullptr);
  CHECK(old.find("sock_io")->variant->name == "fexit");
  CHECK(old.has_program("sendpage_fx"));
  CHECK(old.has_program("unix_recv_fx"));
  CHECK_FALSE(old.has_program("sock_send_tp"));
  CHECK(old.find("data_ready")->variant->name == "fentry");
  CHECK_FALSE(old.conns_by_address);
  CHECK(old.find("sock_io")->passed_over.find("not in BTF") != std::string::npos);
}

TEST_CASE("plan: where sendfile has no path of its own its program is left out", "[plan]") {
  auto missing = kLinux612;
  missing.push_back(TW_FEAT_SOCK_LENGTH_TP);
  const AttachPlan masked = plan(missing);
  CHECK(masked.find("sock_io")->variant->name == "fexit");
  CHECK_FALSE(masked.has_program("sendpage_fx"));
  CHECK(masked.find("sock_io")->programs.size() == 6);
}

TEST_CASE("plan: without tracepoints and fexit, system calls tell of the sockets", "[plan]") {
  auto missing = kLinux61;
  missing.push_back(TW_FEAT_FEXIT);
  const AttachPlan last = plan(missing);
  CHECK(last.find("sock_io")->variant->name == "system calls");
  CHECK(last.find("data_ready")->variant->name == "tcp_probe");
  CHECK(last.conns_by_address);
  CHECK(last.io_by_syscall);
  CHECK(last.accept_seen);
}

TEST_CASE("plan: without socket storage sockets are keys of a hash", "[plan]") {
  const AttachPlan hashed = plan({TW_FEAT_SK_STORAGE});
  CHECK(hashed.find("sock_io")->variant->name == "tracepoints");
  CHECK(hashed.conns_by_address);
  CHECK_FALSE(hashed.io_by_syscall);
}

TEST_CASE("plan: what could not be told is tried", "[plan]") {
  const auto planned = plan_hooks(hook_table(), KernelFeatures::all(Support::Unknown), {});
  REQUIRE(planned);
  CHECK(planned->find("sock_io")->variant->name == "tracepoints");
}

TEST_CASE("plan: a refused program takes its variant away, not its hook", "[plan]") {
  PlanOptions options;
  options.refused = {{"sock_recv_tp", "the verifier does not like it"}};
  const AttachPlan second = plan({}, options);
  CHECK(second.find("sock_io")->variant->name == "fexit");
  CHECK(second.find("sock_io")->passed_over.find("the verifier does not like it") !=
        std::string::npos);
}

TEST_CASE("plan: what reads socket storage does not go with sockets known by address", "[plan]") {
  CHECK(plan({}).find("unix_open") != nullptr);
  const AttachPlan by_address = plan({TW_FEAT_SOCK_LENGTH_TP, TW_FEAT_FEXIT});
  REQUIRE(by_address.conns_by_address);
  CHECK(by_address.find("unix_open") == nullptr);
  const MissingHook* missing = missing_hook(by_address, "unix_open");
  REQUIRE(missing != nullptr);
  CHECK(missing->because.find("by their address") != std::string::npos);
}

TEST_CASE("plan: an optional hook without a variant is missing, and why is said", "[plan]") {
  const AttachPlan less = plan({TW_FEAT_RETRANSMIT_TP});
  const MissingHook* missing = missing_hook(less, "retransmit");
  REQUIRE(missing != nullptr);
  CHECK_FALSE(missing->unwanted);
  CHECK(missing->because.find("tcp_retransmit_skb") != std::string::npos);
  CHECK(less.find("retransmit") == nullptr);
}

TEST_CASE("plan: a required hook without a variant is an error that says what is lost", "[plan]") {
  const Error error = plan_error({TW_FEAT_SOCK_LENGTH_TP, TW_FEAT_FEXIT, TW_FEAT_SYS_EXIT_TP});
  CHECK(error.code() == ErrorCode::Unsupported);
  CHECK(error.message().find("requests and responses") != std::string::npos);
  CHECK(error.message().find("raw_syscalls:sys_exit") != std::string::npos);
}

TEST_CASE("plan: what all hooks need is asked first", "[plan]") {
  for (const tw_feature feature :
       {TW_FEAT_TP_BTF, TW_FEAT_TASK_STORAGE, TW_FEAT_ITER, TW_FEAT_RINGBUF, TW_FEAT_PT_REGS}) {
    INFO(feature_name(feature));
    const Error error = plan_error({feature});
    CHECK(error.code() == ErrorCode::Unsupported);
    CHECK(error.message().find(feature_doc(feature)) != std::string::npos);
    CHECK(error.hint().find(feature_since(feature)) != std::string::npos);
  }
}

TEST_CASE("plan: a group that is switched off is not loaded, and said to be unwanted", "[plan]") {
  PlanOptions options;
  options.groups.without(HookGroup::Sched).without(HookGroup::Syscalls);
  const AttachPlan fewer = plan({}, options);
  CHECK_FALSE(fewer.has_program("switch_tp"));
  CHECK_FALSE(fewer.has_program("sys_exit_tp"));
  CHECK_FALSE(fewer.accept_seen);
  REQUIRE(missing_hook(fewer, "sched") != nullptr);
  CHECK(missing_hook(fewer, "sched")->unwanted);
}

TEST_CASE("plan: required hooks stay although their group is switched off", "[plan]") {
  PlanOptions options;
  options.groups.without(HookGroup::Io).without(HookGroup::Process);
  const AttachPlan fewer = plan({}, options);
  CHECK(fewer.has_program("sock_send_tp"));
  CHECK(fewer.has_program("mark_tasks"));
  CHECK_FALSE(fewer.has_program("data_ready_tp"));
}
