// Which programs to load and attach: a pure function of the hook table, the kernel's features and
// what the user wants. Knows no libbpf; `tailwhy doctor` prints it.
#pragma once

#include "base/result.h"
#include "bpf/features.h"
#include "bpf/hooks.h"

#include <bitset>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

class HookGroups {
 public:
  static HookGroups all() { return HookGroups().flip(); }
  HookGroups& without(HookGroup group) {
    bits_.reset(static_cast<std::size_t>(group));
    return *this;
  }
  [[nodiscard]] bool has(HookGroup group) const { return bits_[static_cast<std::size_t>(group)]; }

 private:
  HookGroups flip() {
    bits_.set();
    return *this;
  }
  std::bitset<kHookGroups> bits_;
};

/// A program that the kernel refused when it was tried.
struct RefusedProgram {
  std::string program;
  std::string because;
};

struct PlanOptions {
  HookGroups groups = HookGroups::all();
  std::vector<RefusedProgram> refused;
  bool stacks = false;  ///< stacks are wanted
};

struct PlannedHook {
  const HookSpec* hook = nullptr;
  const HookVariant* variant = nullptr;
  std::vector<std::string_view> programs;
  std::string passed_over;  ///< why better variants are not used; empty: it is the first
};

struct MissingHook {
  const HookSpec* hook = nullptr;
  bool unwanted = false;  ///< its group was switched off
  std::string because;
};

struct AttachPlan {
  std::vector<PlannedHook> hooks;  ///< in the order of attaching
  std::vector<MissingHook> missing;
  bool conns_by_address = false;
  bool io_by_syscall = false;  ///< socket calls are seen when the system call returns
  bool accept_seen = false;    ///< accept(2) has a hook

  [[nodiscard]] bool has_program(std::string_view name) const;
  [[nodiscard]] const PlannedHook* find(std::string_view hook) const;
};

/// The programs of a variant that this kernel needs, or why it cannot run them.
Result<std::vector<std::string_view>> usable_programs(const HookVariant& variant,
                                                      const KernelFeatures& features,
                                                      const PlanOptions& options);

/// Takes of each wanted hook the first variant whose programs the kernel can run and has not
/// refused. An error when a required hook has none, or when the kernel lacks what all hooks need.
Result<AttachPlan> plan_hooks(std::span<const HookSpec> table,
                              const KernelFeatures& features,
                              const PlanOptions& options);

}  // namespace tailwhy
