#include "bpf/attach_plan.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace tailwhy {
namespace {

// Without these nothing here can work.
constexpr tw_feature kBase[] = {TW_FEAT_TP_BTF, TW_FEAT_TASK_STORAGE, TW_FEAT_ITER, TW_FEAT_RINGBUF,
                                TW_FEAT_PT_REGS};

std::string lacking(const KernelFeatures& features, tw_feature feature) {
  const std::string& because = features.of(feature).because;
  return fmt::format("{} is missing{}{}", feature_doc(feature), because.empty() ? "" : ": ",
                     because);
}

// Why this program cannot be used; nothing: it can.
std::optional<std::string> obstacle(const HookProgram& program,
                                    const KernelFeatures& features,
                                    const PlanOptions& options) {
  for (const tw_feature feature : program.needs) {
    if (feature != TW_FEAT_MAX && !features.usable(feature)) return lacking(features, feature);
  }
  for (const RefusedProgram& refused : options.refused) {
    if (refused.program == program.name) {
      return fmt::format("{} was refused: {}", refused.program, refused.because);
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<std::string_view>> usable_programs(const HookVariant& variant,
                                                      const KernelFeatures& features,
                                                      const PlanOptions& options) {
  std::vector<std::string_view> programs;
  for (const HookProgram& program : variant.programs) {
    const auto why_not = obstacle(program, features, options);
    if (!why_not) {
      programs.push_back(program.name);
    } else if (!program.only_where_needed) {
      return Error(ErrorCode::Unsupported, *why_not);
    }
  }
  return programs;
}

bool AttachPlan::has_program(std::string_view name) const {
  return std::any_of(hooks.begin(), hooks.end(), [&](const PlannedHook& hook) {
    return std::find(hook.programs.begin(), hook.programs.end(), name) != hook.programs.end();
  });
}

const PlannedHook* AttachPlan::find(std::string_view hook) const {
  const auto it = std::find_if(hooks.begin(), hooks.end(), [&](const PlannedHook& planned) {
    return planned.hook->name == hook;
  });
  return it == hooks.end() ? nullptr : &*it;
}

Result<AttachPlan> plan_hooks(std::span<const HookSpec> table,
                              const KernelFeatures& features,
                              const PlanOptions& options) {
  for (const tw_feature feature : kBase) {
    if (features.usable(feature)) continue;
    return Error(
        ErrorCode::Unsupported, lacking(features, feature),
        fmt::format("it came with Linux {}; tailwhy cannot do without it", feature_since(feature)));
  }
  AttachPlan plan;
  plan.conns_by_address = !features.usable(TW_FEAT_SK_STORAGE);
  for (const HookSpec& hook : table) {
    if (hook.for_stacks && !options.stacks) continue;
    if (!hook.required && !options.groups.has(hook.group)) {
      if (!hook.on_request) plan.missing.push_back({&hook, true, "switched off"});
      continue;
    }
    PlannedHook planned{&hook, nullptr, {}, {}};
    std::string reasons;
    for (const HookVariant& variant : hook.variants) {
      auto programs = usable_programs(variant, features, options);
      if (programs && variant.needs_storage && plan.conns_by_address) {
        programs = Error(ErrorCode::Unsupported, "sockets are known by their address only");
      }
      if (programs) {
        planned.variant = &variant;
        planned.programs = *std::move(programs);
        planned.passed_over = reasons;
        plan.conns_by_address |= variant.conns_by_address;
        break;
      }
      if (!reasons.empty()) reasons += "; ";
      reasons += fmt::format("{}: {}", variant.name, programs.error().message());
    }
    if (planned.variant != nullptr) {
      plan.hooks.push_back(std::move(planned));
    } else if (hook.required) {
      return Error(ErrorCode::Unsupported,
                   fmt::format("no way to hook '{}' ({}): {}", hook.name, hook.gives, reasons));
    } else {
      plan.missing.push_back({&hook, false, reasons});
    }
  }
  plan.io_by_syscall = plan.has_program("sys_io_tp");
  plan.accept_seen = plan.io_by_syscall || plan.has_program("sys_exit_tp");
  return plan;
}

}  // namespace tailwhy
