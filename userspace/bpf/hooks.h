// The table of hooks: what each one tells, and the ways to get it, best first. Pure data; the plan
// chooses, the tracer attaches.
#pragma once

#include "tailwhy/abi/features.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace tailwhy {

/// What a user can switch off, or ask for, as a whole.
enum class HookGroup : std::uint8_t { Process, Conn, Io, Net, Sched, Syscalls, Ack, Tls };
inline constexpr std::size_t kHookGroups = 8;

/// Lower-case name as users type it ("sched").
std::string_view to_string(HookGroup group) noexcept;

/// One BPF program of a variant.
struct HookProgram {
  std::string_view name;
  /// What it needs of the kernel; TW_FEAT_MAX: nothing.
  std::array<tw_feature, 2> needs = {TW_FEAT_MAX, TW_FEAT_MAX};
  /// Where the kernel lacks what it needs, the variant does without it and loses nothing.
  bool only_where_needed = false;
};

/// One way to get what a hook gives: all its programs together.
struct HookVariant {
  std::string_view name;
  std::span<const HookProgram> programs;
  /// What this way does not see that the first one does; empty: nothing.
  std::string_view lacks;
  /// Sockets are hash keys instead of having storage: nothing here has a pointer that the verifier
  /// trusts.
  bool conns_by_address = false;
  /// Reads the sockets' storage: cannot go with such a variant of another hook.
  bool needs_storage = false;
};

struct HookSpec {
  std::string_view name;
  HookGroup group = HookGroup::Process;
  bool required = false;
  bool on_request = false;  ///< nobody misses it who has not asked for it
  std::string_view gives;   ///< what is lost without it
  std::span<const HookVariant> variants;
  bool for_stacks = false;  ///< of no use unless stacks are wanted
};

/// Every program of the object is in exactly one row (a test holds the two against each other).
std::span<const HookSpec> hook_table() noexcept;

}  // namespace tailwhy
