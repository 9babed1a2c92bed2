#include "bpf/load_ladder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace tailwhy {
namespace {

bool is_refused(const PlanOptions& options, const std::string& program) {
  return std::any_of(options.refused.begin(), options.refused.end(),
                     [&](const RefusedProgram& refused) { return refused.program == program; });
}

}  // namespace

Result<Tracer> start_tracer(const TracerConfig& config,
                            const KernelFeatures& features,
                            PlanOptions options) {
  std::optional<Error> first;
  for (;;) {
    const auto plan = plan_hooks(hook_table(), features, options);
    if (!plan) return first ? *std::move(first) : plan.error();
    std::string refused;
    auto tracer = Tracer::create(config, *plan, &refused);
    if (tracer) return tracer;
    if (!first) first = tracer.error();
    // Without privilege everything is refused: that is not for another variant to mend.
    const bool forbidden = tracer.error().code() == ErrorCode::Permission &&
                           features.of(TW_FEAT_TP_BTF).support == Support::Unknown;
    // Each round takes a program away, so this ends.
    if (forbidden || !plan->has_program(refused) || is_refused(options, refused)) {
      return std::move(tracer).error();
    }
    options.refused.push_back({refused, tracer.error().message()});
  }
}

}  // namespace tailwhy
