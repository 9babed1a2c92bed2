#include "bpf/features.h"

#include <utility>

namespace tailwhy {
namespace {

struct Row {
  std::string_view name;
  std::string_view doc;
  std::string_view since;
};

constexpr Row kRows[] = {
#define TW_ROW(NAME, name, doc, since) {name, doc, since},
    TW_FEATURES(TW_ROW)
#undef TW_ROW
};
static_assert(std::size(kRows) == TW_FEAT_MAX);

}  // namespace

KernelFeatures KernelFeatures::all(Support support) {
  KernelFeatures features;
  for (Answer& answer : features.answers_) {
    answer.support = support;
  }
  return features;
}

void KernelFeatures::set(tw_feature feature, Support support, std::string because) {
  answers_[feature] = {support, std::move(because)};
}

std::string_view feature_name(tw_feature feature) noexcept {
  return kRows[feature].name;
}
std::string_view feature_doc(tw_feature feature) noexcept {
  return kRows[feature].doc;
}
std::string_view feature_since(tw_feature feature) noexcept {
  return kRows[feature].since;
}

std::optional<tw_feature> feature_by_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].name == name) return static_cast<tw_feature>(i);
  }
  return std::nullopt;
}

}  // namespace tailwhy
