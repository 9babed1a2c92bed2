// Every program and variant loads and attaches here, or is refused for a reason that is known; what
// the kernel refuses is got around; what verifying costs stays within its budget.
#include "bpf/doctor.h"
#include "bpf/feature_probe.h"
#include "bpf/load_ladder.h"
#include "bpf/program_stats.h"
#include "bpf/scene.h"
#include "bpf/variant_trial.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

KernelFeatures kernel() {
  return features_of(mode_named("tracepoints"));
}

// Things that a kernel may lack or refuse without anything being wrong.
bool may_be_missing(const HookVariant& variant, const KernelFeatures& features) {
  for (const HookProgram& program : variant.programs) {
    for (const tw_feature feature : program.needs) {
      if (feature != TW_FEAT_MAX && features.of(feature).support == Support::No) return true;
    }
  }
  return false;
}

DoctorRow row_of(const std::vector<DoctorRow>& rows,
                 std::string_view section,
                 std::string_view check) {
  const auto it = std::find_if(rows.begin(), rows.end(), [&](const DoctorRow& row) {
    return row.section == section && row.check == check;
  });
  return it == rows.end() ? DoctorRow{} : *it;
}

}  // namespace

TEST_CASE("variants: each one loads and attaches alone, if the kernel has what it needs",
          "[variants]") {
  const KernelFeatures features = kernel();
  for (const HookSpec& hook : hook_table()) {
    for (const HookVariant& variant : hook.variants) {
      const auto tried = try_variant(hook, variant, features);
      INFO(hook.name << ", " << variant.name << ": "
                     << (tried ? "works" : tried.error().to_string()));
      CHECK(static_cast<bool>(tried) == !may_be_missing(variant, features));
    }
  }
}

TEST_CASE("variants: root gets an answer for every feature", "[variants]") {
  const KernelFeatures features = kernel();
  for (std::size_t i = 0; i < TW_FEAT_MAX; ++i) {
    const auto feature = static_cast<tw_feature>(i);
    INFO(feature_name(feature) << ": " << features.of(feature).because);
    CHECK(features.of(feature).support != Support::Unknown);
    CHECK(features.of(feature).because.empty() == (features.of(feature).support == Support::Yes));
  }
}

TEST_CASE("variants: what nobody told us is missing is found out by the load", "[variants]") {
  const auto tracer = start_tracer({}, KernelFeatures::all(Support::Yes), {});
  INFO((tracer ? "" : tracer.error().to_string()));
  REQUIRE(tracer);
  const AttachPlan asked = plan_hooks(hook_table(), kernel(), {}).value();
  REQUIRE(tracer->plan().hooks.size() == asked.hooks.size());
  for (std::size_t i = 0; i < asked.hooks.size(); ++i) {
    INFO(asked.hooks[i].hook->name << ": " << tracer->plan().hooks[i].passed_over);
    CHECK(tracer->plan().hooks[i].variant == asked.hooks[i].variant);
  }
}

TEST_CASE("variants: a refusal is climbed over, down to system calls", "[variants]") {
  auto features = kernel();
  features.set(TW_FEAT_SOCK_LENGTH_TP, Support::No, "masked");
  features.set(TW_FEAT_FEXIT, Support::Yes);  // not true on kernels that refuse it
  const auto tracer = start_tracer({}, features, {});
  INFO((tracer ? "" : tracer.error().to_string()));
  REQUIRE(tracer);
  const PlannedHook* io = tracer->plan().find("sock_io");
  REQUIRE(io != nullptr);
  const bool really = kernel().of(TW_FEAT_FEXIT).support == Support::Yes;
  CHECK(io->variant->name == (really ? "fexit" : "system calls"));
  if (!really) CHECK(io->passed_over.find("inet_send_fx was refused") != std::string::npos);
}

TEST_CASE("variants: each group can be left out", "[variants]") {
  for (const HookGroup group : {HookGroup::Process, HookGroup::Conn, HookGroup::Io, HookGroup::Net,
                                HookGroup::Sched, HookGroup::Syscalls}) {
    INFO(to_string(group));
    PlanOptions options;
    options.groups.without(group);
    const auto tracer = start_tracer({}, kernel(), options);
    INFO((tracer ? "" : tracer.error().to_string()));
    REQUIRE(tracer);
    CHECK(tracer->list_threads().value().empty());
    CHECK(tracer->read_syscall_errors().value().empty());
  }
}

TEST_CASE("variants: two tracers at once do not disturb each other", "[variants]") {
  auto first = start_tracer({}, kernel(), {});
  REQUIRE(first);
  auto second = start_tracer({}, kernel(), {});
  REQUIRE(second);
  first->detach();
  CHECK(second->read_counters());
  CHECK(second->list_threads());
}

TEST_CASE("variants: a ring of impossible size is an error that says so", "[variants]") {
  for (const std::uint32_t size : {0U, 1000U, 3U << 20}) {
    INFO(size);
    TracerConfig config;
    config.ring_size_bytes = size;
    const auto tracer = start_tracer(config, kernel(), {});
    REQUIRE_FALSE(tracer);
    CHECK(tracer.error().code() == ErrorCode::Usage);
    CHECK(tracer.error().message().find("ring") != std::string::npos);
  }
}

TEST_CASE("variants: without privilege nothing is tried, and the error says what to do",
          "[variants]") {
  // in a child: there is no way back from nobody
  TargetProcess nobody([](Side& side) {
    must(setgid(65534) == 0 && setuid(65534) == 0, "become nobody");
    const KernelFeatures features = detect_features();
    must(features.of(TW_FEAT_TP_BTF).support == Support::Unknown, "not to be told");
    const auto tracer = start_tracer({}, features, {});
    must(!tracer, "not to be allowed");
    must(tracer.error().code() == ErrorCode::Permission, "to be told that it is not permitted");
    must(tracer.error().hint().find("root") != std::string::npos, "to be told what to do");
    const auto rows = examine(features, {});
    must(worst(rows) == Verdict::Fail, "to be told by the doctor too");
    must(row_of(rows, "privileges", "capabilities").verdict == Verdict::Fail, "to be told which");
    side.wait();
  });
  nobody.await();
  nobody.go();
  CHECK(nobody.join() == 0);
}

TEST_CASE("variants: the doctor finds this machine fit, and says what is degraded", "[doctor]") {
  DoctorOptions options;
  options.pid = static_cast<std::uint32_t>(getpid());
  const auto rows = examine(kernel(), options);
  CHECK(worst(rows) != Verdict::Fail);
  for (const HookSpec& hook : hook_table()) {
    INFO(hook.name);
    CHECK(row_of(rows, "hooks", hook.name).found.find("works") != std::string::npos);
  }
  CHECK(row_of(rows, "target", "process").found == "tw_test_tracer");
  CHECK(row_of(rows, "target", "threads").found == "1");

  auto masked = kernel();
  masked.set(TW_FEAT_SOCK_LENGTH_TP, Support::No, "disabled by option");
  masked.set(TW_FEAT_FEXIT, Support::No, "disabled by option");
  masked.set(TW_FEAT_RETRANSMIT_TP, Support::No, "disabled by option");
  const auto less = examine(masked, {});
  CHECK(worst(less) == Verdict::Degraded);
  CHECK(row_of(less, "hooks", "sock_io").verdict == Verdict::Degraded);
  CHECK(row_of(less, "hooks", "sock_io").fix.find("io_uring") != std::string::npos);
  CHECK(row_of(less, "hooks", "retransmit").verdict == Verdict::Degraded);
  CHECK(row_of(less, "hooks", "reset").verdict == Verdict::Ok);
}

TEST_CASE("variants: the doctor says what is wrong with a target", "[doctor]") {
  DoctorOptions options;
  options.pid = 2;  // kthreadd
  CHECK(row_of(examine(kernel(), options), "target", "process").found.find("kernel thread") !=
        std::string::npos);
  options.pid = 4'000'000;
  CHECK(row_of(examine(kernel(), options), "target", "process").found == "there is none");
}

TEST_CASE("variants: the programs' run time is measured", "[stats]") {
  const auto tracer = start_tracer({}, kernel(), {});
  REQUIRE(tracer);
  std::vector<int> programs;
  for (const LoadedProgram& program : tracer->programs()) {
    programs.push_back(program.fd);
  }
  auto sampler = RunTimeSampler::create(programs);
  REQUIRE(sampler);
  CHECK(sampler->empty_run_ns() > 0);
  CHECK(sampler->empty_run_ns() < 10'000);
  REQUIRE(sampler->begin());
  CHECK(sampler->running());
  for (int i = 0; i < 100; ++i) {
    usleep(100);  // two switches each, which every sched_switch program runs for
  }
  const auto window = sampler->end();
  REQUIRE(window);
  CHECK_FALSE(sampler->running());
  CHECK(window->runs >= 100);
  CHECK(window->window_ns >= 10'000'000);
  CHECK(window->run_ns < window->window_ns);
}
