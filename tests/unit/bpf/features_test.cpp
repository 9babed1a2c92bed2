// Names and answers of features; asking a kernel is a test of tests/bpf.
#include "bpf/features.h"

#include <catch2/catch.hpp>

#include <set>
#include <string_view>

using namespace tailwhy;

TEST_CASE("features: every one has a name of its own by which it is found", "[features]") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < TW_FEAT_MAX; ++i) {
    const auto feature = static_cast<tw_feature>(i);
    CHECK_FALSE(feature_name(feature).empty());
    CHECK_FALSE(feature_doc(feature).empty());
    CHECK_FALSE(feature_since(feature).empty());
    CHECK(names.insert(feature_name(feature)).second);
    CHECK(feature_by_name(feature_name(feature)) == feature);
  }
}

TEST_CASE("features: other names are not found", "[features]") {
  CHECK_FALSE(feature_by_name(""));
  CHECK_FALSE(feature_by_name("FEXIT"));
  CHECK_FALSE(feature_by_name("fexi"));
}

TEST_CASE("features: unknown is usable, no is not", "[features]") {
  KernelFeatures features;
  CHECK(features.of(TW_FEAT_FEXIT).support == Support::Unknown);
  CHECK(features.usable(TW_FEAT_FEXIT));
  features.set(TW_FEAT_FEXIT, Support::No, "disabled by option");
  CHECK_FALSE(features.usable(TW_FEAT_FEXIT));
  CHECK(features.of(TW_FEAT_FEXIT).because == "disabled by option");
  CHECK(features.usable(TW_FEAT_TP_BTF));
}
