#include "bpf/doctor.h"

#include "bpf/doctor_checks.h"
#include "bpf/hooks.h"
#include "bpf/variant_trial.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::string_view kVerdicts[] = {"ok", "degraded", "fail"};

// All variants of one hook in one row: the first that works decides.
DoctorRow examine_hook(const HookSpec& hook, const KernelFeatures& features) {
  DoctorRow row;
  row.section = "hooks";
  row.check = hook.name;
  row.need = hook.gives;
  const HookVariant* used = nullptr;
  if (features.of(TW_FEAT_TP_BTF).support == Support::Unknown) {
    row.found = "not tried: we may not load BPF programs";
    row.verdict = hook.required ? Verdict::Fail : Verdict::Degraded;
    return row;  // the privileges say what to do
  }
  for (const HookVariant& variant : hook.variants) {
    const auto tried = try_variant(hook, variant, features);
    if (!row.found.empty()) row.found += "; ";
    row.found += fmt::format("{}: {}", variant.name, tried ? "works" : tried.error().message());
    if (tried && used == nullptr) used = &variant;
  }
  if (used == &hook.variants.front()) return row;
  if (used != nullptr) {
    row.verdict = Verdict::Degraded;
    row.fix = used->lacks.empty()
                  ? std::string()
                  : fmt::format("'{}' is used, which does not see {}", used->name, used->lacks);
  } else {
    row.verdict = hook.required ? Verdict::Fail : Verdict::Degraded;
    row.fix = hook.required ? "a kernel that allows one of these" : "results come without it";
  }
  return row;
}

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
  return kVerdicts[static_cast<std::size_t>(verdict)];
}

std::vector<DoctorRow> examine(const KernelFeatures& features, const DoctorOptions& options) {
  std::vector<DoctorRow> rows = examine_kernel(features);
  const auto append = [&rows](std::vector<DoctorRow> more) {
    std::move(more.begin(), more.end(), std::back_inserter(rows));
  };
  append(examine_privileges(options.ring_size_bytes));
  for (const HookSpec& hook : hook_table()) {
    rows.push_back(examine_hook(hook, features));
  }
  if (options.pid) append(examine_target(*options.pid));
  return rows;
}

Verdict worst(const std::vector<DoctorRow>& rows) noexcept {
  Verdict verdict = Verdict::Ok;
  for (const DoctorRow& row : rows) {
    verdict = std::max(verdict, row.verdict);
  }
  return verdict;
}

}  // namespace tailwhy
