#include "bpf/variant_trial.h"

#include "bpf/attach_plan.h"
#include "bpf/tracer.h"

#include <utility>

namespace tailwhy {

Result<> try_variant(const HookSpec& hook,
                     const HookVariant& variant,
                     const KernelFeatures& features) {
  auto programs = usable_programs(variant, features, {});
  if (!programs) return std::move(programs).error();
  AttachPlan plan;
  plan.hooks.push_back({&hook, &variant, *std::move(programs), {}});
  plan.conns_by_address = variant.conns_by_address;
  plan.io_by_syscall = plan.has_program("sys_io_tp");
  TracerConfig config;
  config.ring_size_bytes = 64U << 10;
  config.want_stacks = hook.for_stacks;
  auto tracer = Tracer::create(config, plan);
  if (!tracer) return std::move(tracer).error();
  return {};
}

}  // namespace tailwhy
