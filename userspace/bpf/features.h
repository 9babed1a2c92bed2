// What this kernel can do, asked of the kernel and never of its version. Three-valued, because
// without privilege a question can go unanswered. Names and descriptions are in abi/features.h.
#pragma once

#include "tailwhy/abi/features.h"

#include "base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailwhy {

enum class Support : std::uint8_t {
  Unknown,  ///< could not be told (mostly: not permitted to ask)
  No,
  Yes,
};

/// The answers, and what they rest on.
class KernelFeatures {
 public:
  struct Answer {
    Support support = Support::Unknown;
    std::string because;  ///< for people: "not in BTF", "EPERM", "disabled by option"; may be empty
  };

  /// The same answer for every feature: the start of a test's kernel.
  static KernelFeatures all(Support support);

  [[nodiscard]] const Answer& of(tw_feature feature) const noexcept { return answers_[feature]; }
  [[nodiscard]] bool usable(tw_feature feature) const noexcept {
    // what could not be told is tried: the load says more than we know
    return answers_[feature].support != Support::No;
  }
  void set(tw_feature feature, Support support, std::string because = {});

 private:
  std::array<Answer, TW_FEAT_MAX> answers_;
};

std::string_view feature_name(tw_feature feature) noexcept;
std::string_view feature_doc(tw_feature feature) noexcept;
/// The kernel that brought it, for people.
std::string_view feature_since(tw_feature feature) noexcept;
std::optional<tw_feature> feature_by_name(std::string_view name) noexcept;

}  // namespace tailwhy
