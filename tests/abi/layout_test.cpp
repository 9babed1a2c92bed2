// The shared ABI is the same in both languages, has no hidden holes, and its lists are in order.
#include "layout.h"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

std::vector<layout_row> rows(const layout_row* row) {
  std::vector<layout_row> all;
  for (; row->type != nullptr; ++row)
    all.push_back(*row);
  return all;
}

bool low_snake_case(const std::string& text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

}  // namespace

TEST_CASE("abi: C and C++ agree on every field", "[abi]") {
  const auto c = rows(layout_of_c);
  const auto cxx = rows(layout_of_cxx);
  REQUIRE(c.size() == cxx.size());
  REQUIRE(c.size() > 80);
  for (std::size_t i = 0; i < c.size(); ++i) {
    CAPTURE(c[i].type, c[i].field);
    CHECK(std::string(c[i].field) == cxx[i].field);
    CHECK(c[i].offset == cxx[i].offset);
    CHECK(c[i].size == cxx[i].size);
    CHECK(c[i].type_size == cxx[i].type_size);
  }
}

TEST_CASE("abi: the fields of a struct fill it without holes", "[abi]") {
  // also what tells that a new field is missing in layout.h
  std::map<std::string, std::size_t> filled;
  std::map<std::string, std::size_t> size;
  for (const layout_row& row : rows(layout_of_c)) {
    CAPTURE(row.type, row.field);
    CHECK(row.offset == filled[row.type]);
    filled[row.type] += row.size;
    size[row.type] = row.type_size;
  }
  CHECK(filled == size);
}

TEST_CASE("abi: every event has a layout here, a multiple of eight bytes, header first", "[abi]") {
  std::map<std::string, layout_row> first;
  for (const layout_row& row : rows(layout_of_c))
    first.try_emplace(row.type, row);
#define TW_ROW(num, NAME, name, doc)               \
  {                                                \
    INFO(#name);                                   \
    REQUIRE(first.count("tw_ev_" #name) == 1);     \
    const layout_row& row = first["tw_ev_" #name]; \
    CHECK(std::string(row.field) == "hdr");        \
    CHECK(row.offset == 0);                        \
    CHECK(row.type_size % 8 == 0);                 \
  }
  TW_EVENTS(TW_ROW)
#undef TW_ROW
}

TEST_CASE("abi: event numbers are 1, 2, 3 ... in the order of the rows", "[abi]") {
  int expected = 1;
#define TW_ROW(num, NAME, name, doc)      \
  CHECK(num == expected);                 \
  CHECK(int(TW_EV_##NAME) == expected++); \
  CHECK(low_snake_case(#name));           \
  CHECK_FALSE(std::string(doc).empty());
  TW_EVENTS(TW_ROW)
#undef TW_ROW
  CHECK(TW_EV_END == expected);
}

TEST_CASE("abi: reasons and feature names are unique, documented words", "[abi]") {
  std::set<std::string> reasons;
#define TW_ROW(NAME, reason, doc, lost)  \
  CHECK(reasons.insert(reason).second);  \
  CHECK(low_snake_case(reason));         \
  CHECK_FALSE(std::string(doc).empty()); \
  CHECK((static_cast<int>(lost) & ~1) == 0);
  TW_COUNTERS(TW_ROW)
#undef TW_ROW
  CHECK(reasons.size() == TW_CNT_MAX);

  std::set<std::string> features;
#define TW_ROW(NAME, name, doc, since)   \
  CHECK(features.insert(name).second);   \
  CHECK(low_snake_case(name));           \
  CHECK_FALSE(std::string(doc).empty()); \
  CHECK_FALSE(std::string(since).empty());
  TW_FEATURES(TW_ROW)
#undef TW_ROW
  CHECK(features.size() == TW_FEAT_MAX);
}
