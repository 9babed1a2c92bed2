// Does one variant of one hook work here? Loads and attaches it alone, and takes it out again.
#pragma once

#include "base/result.h"
#include "bpf/features.h"
#include "bpf/hooks.h"

namespace tailwhy {

/// An error says what the kernel refused. `features` decides on programs that are only needed on
/// some kernels.
Result<> try_variant(const HookSpec& hook,
                     const HookVariant& variant,
                     const KernelFeatures& features);

}  // namespace tailwhy
