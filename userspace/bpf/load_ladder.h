// From a wish to a running tracer: plans, loads, and when the kernel refuses a program plans again
// without it. One optional program must not sink the trace.
#pragma once

#include "base/result.h"
#include "bpf/attach_plan.h"
#include "bpf/features.h"
#include "bpf/tracer.h"

namespace tailwhy {

/// The tracer says by its plan() what is used and what is missing, and why.
Result<Tracer> start_tracer(const TracerConfig& config,
                            const KernelFeatures& features,
                            PlanOptions options);

}  // namespace tailwhy
