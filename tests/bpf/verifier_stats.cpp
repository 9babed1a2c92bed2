// Prints what the verifier had to go through for each program, as `name instructions jited_bytes`:
// tools/verifier-stats holds it against tests/budget.json. Every variant that this kernel can run
// is loaded; one that it cannot is printed as `name - reason`.
#include "bpf/feature_probe.h"
#include "bpf/load_ladder.h"
#include "bpf/program_stats.h"

#include <cstdio>
#include <fmt/core.h>
#include <map>
#include <string>
#include <vector>

using namespace tailwhy;

namespace {

struct Row {
  std::uint32_t insns = 0;
  std::uint32_t jited_bytes = 0;
};

// What is masked so that each variant is the first one left.
const std::vector<std::vector<tw_feature>> kMasks = {
    {},
    {TW_FEAT_SOCK_LENGTH_TP, TW_FEAT_DATA_READY_TP},
    {TW_FEAT_SOCK_LENGTH_TP, TW_FEAT_DATA_READY_TP, TW_FEAT_FEXIT},
    {TW_FEAT_RETRANSMIT_ERR},
    {TW_FEAT_SK_STORAGE},
    {TW_FEAT_UPROBE_MULTI},
};

}  // namespace

int main() {
  const KernelFeatures kernel = detect_features();
  std::map<std::string, Row> rows;
  for (const auto& mask : kMasks) {
    KernelFeatures features = kernel;
    for (const tw_feature feature : mask) {
      features.set(feature, Support::No, "masked");
    }
    const auto tracer = start_tracer({.want_stacks = true}, features, {.stacks = true});
    if (!tracer) {
      fmt::print(stderr, "verifier_stats: {}\n{}\n", tracer.error().to_string(),
                 tracer.error().hint());
      return 1;
    }
    for (const LoadedProgram& program : tracer->programs()) {
      const auto stats = read_program_stats(program.fd);
      if (!stats) {
        fmt::print(stderr, "verifier_stats: {}\n", stats.error().to_string());
        return 1;
      }
      Row& row = rows[std::string(program.name)];
      if (stats->verified_insns > row.insns) row = {stats->verified_insns, stats->jited_bytes};
    }
  }
  for (const auto& [name, row] : rows) {
    fmt::print("{} {} {}\n", name, row.insns, row.jited_bytes);
  }
  for (const HookSpec& hook : hook_table()) {
    for (const HookVariant& variant : hook.variants) {
      for (const HookProgram& program : variant.programs) {
        if (rows.count(std::string(program.name)) == 0) fmt::print("{} - -\n", program.name);
      }
    }
  }
  return 0;
}
