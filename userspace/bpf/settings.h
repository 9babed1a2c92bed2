// What the kernel side is told before it is loaded: the frozen settings of abi/config.h. Plain
// values; knows no libbpf.
#pragma once

#include "tailwhy/abi/config.h"

#include "bpf/attach_plan.h"
#include "bpf/tracer.h"

#include <cstdint>

namespace tailwhy {

/// `pidns_above`: as tw_config has it.
tw_config kernel_settings(const TracerConfig& config,
                          const AttachPlan& plan,
                          std::uint32_t pidns_above);

/// The rules of expected_failure() as the kernel side reads them: a bit for each call and errno.
void fill_expected_failures(__u64 (&bits)[TW_SYSCALLS][TW_ERRNO_WORDS]);

}  // namespace tailwhy
