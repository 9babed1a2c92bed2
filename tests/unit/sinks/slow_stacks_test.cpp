// Where in the code: the folded file, the report's lines, JSON.
#include "hostile.h"
#include "sinks/folded.h"
#include "sinks/slow_stacks_section.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

CodeFrame own(std::string function, std::string file = {}, std::uint32_t line = 0) {
  return {std::move(function), std::move(file), line, false, false};
}
CodeFrame library(std::string function) {
  return {std::move(function), "", 0, false, true};
}
CodeFrame kernel(std::string function) {
  return {std::move(function), "", 0, true, false};
}

SlowStacks sample() {
  SlowStacks stacks;
  stacks.wanted = true;
  stacks.cpu_known = true;
  stacks.requests = 10;
  stacks.total_ns = 10'000'000;
  stacks.stacks.push_back({1,
                           "shop",
                           Part::Lock,
                           {kernel("futex_wait"), library("pthread_mutex_lock"),
                            library("std::mutex::lock"), own("take_order", "/src/shop.cpp", 42),
                            own("handle", "/src/shop.cpp", 88), library("start_thread")},
                           6'200'000,
                           9,
                           9});
  stacks.stacks.push_back({1,
                           "shop",
                           Part::Lock,
                           {library("pthread_mutex_lock"), own("take_order", "/src/shop.cpp", 42),
                            own("retry", "/src/shop.cpp", 99)},
                           300'000,
                           1,
                           1});
  stacks.stacks.push_back({1,
                           "shop",
                           Part::OnCpu,
                           {own("price", "/src/price.cpp", 7), own("handle")},
                           1'000'000,
                           2,
                           2});
  return stacks;
}

std::string text_of(const SlowStacks& stacks, std::size_t width = 100) {
  const Page page{{.colour = false, .charset = Charset::Utf8}, width};
  return render(slow_stacks_section(stacks, page), page.style, page.width);
}

}  // namespace

TEST_CASE("folded: outermost first, the kernel marked, the part last, in microseconds",
          "[stacks]") {
  CHECK(format_folded(sample()) ==
        "shop;handle;price;[on_cpu] 1000\n"
        "shop;retry;take_order;pthread_mutex_lock;[lock] 300\n"
        "shop;start_thread;handle;take_order;std::mutex::lock;pthread_mutex_lock;futex_wait_[k];"
        "[lock] 6200\n");
}

TEST_CASE("folded: stacks through the same functions are one line", "[stacks]") {
  SlowStacks stacks = sample();
  stacks.stacks.push_back(stacks.stacks.back());
  stacks.stacks.back().frames.front().line = 8;
  CHECK(format_folded(stacks).find("shop;handle;price;[on_cpu] 2000\n") != std::string::npos);
}

TEST_CASE("folded: no name leaves its place", "[stacks]") {
  for (const std::string& name : kHostileNames) {
    SlowStacks stacks = sample();
    stacks.stacks.resize(1);
    stacks.stacks[0].comm = name + ";comm";
    stacks.stacks[0].frames = {own(name + ";\n; 12"), own("outer")};
    const std::string text = format_folded(stacks);
    check_safe(text);
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK(std::count(text.begin(), text.end(), ';') == 3);
    CHECK(text.ends_with(";[lock] 6200\n"));
  }
}

TEST_CASE("code: the program's own innermost function is named, with its callers", "[stacks]") {
  const auto lines = slow_lines(sample(), 3);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].part == Part::Lock);
  CHECK(lines[0].at == own("take_order", "/src/shop.cpp", 42));
  CHECK(lines[0].ns == 6'500'000);
  REQUIRE(lines[0].callers.size() == 1);  // of the stack with most time
  CHECK(lines[0].callers[0].function == "handle");
  CHECK(slow_lines(sample(), 1).size() == 1);
}

TEST_CASE("code: where nothing is the program's own, the library is named", "[stacks]") {
  SlowStacks stacks = sample();
  stacks.stacks.resize(1);
  stacks.stacks[0].frames = {kernel("futex_wait"), library("pthread_mutex_lock")};
  const auto lines = slow_lines(stacks, 3);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at.function == "pthread_mutex_lock");
  stacks.stacks[0].frames = {kernel("futex_wait")};
  CHECK(slow_lines(stacks, 3).at(0).at.function == "futex_wait");
  stacks.stacks[0].frames.clear();
  CHECK(slow_lines(stacks, 3).empty());
}

TEST_CASE("code: the report says part, share and line", "[stacks]") {
  CHECK(text_of(sample()) ==
        "Where in the code  of the time of 10 slow requests\n"
        "  lock            65.0 %  take_order() shop.cpp:42  <- handle() shop.cpp:88\n"
        "  on_cpu          10.0 %  price() price.cpp:7  <- handle()\n");
  CHECK(text_of(SlowStacks{}).empty());
  for (const std::string& name : kHostileNames) {
    SlowStacks stacks = sample();
    stacks.stacks[0].frames = {own(name, name, 3), own(name, name, 4)};
    stacks.not_kept = 3;
    stacks.too_old = 2;
    stacks.cpu_known = false;
    check_safe(text_of(stacks));
    check_safe(text_of(stacks, 60));
  }
}

TEST_CASE("code: a summary has the lines and what they are of", "[stacks]") {
  Json json;
  add_slow_stacks(json, SlowStacks{}, 10);
  CHECK(json.empty());
  add_slow_stacks(json, sample(), 10);
  REQUIRE(json["slow_stacks"].size() == 2);
  const Json& first = json["slow_stacks"][0];
  CHECK(first["part"] == "lock");
  CHECK(first["ns"] == 6'500'000);
  CHECK(first["share"] == Approx(0.65));
  CHECK(first["at"]["code.function.name"] == "take_order");
  CHECK(first["at"]["code.file.path"] == "/src/shop.cpp");
  CHECK(first["at"]["code.line.number"] == 42);
  CHECK(first["callers"][0]["code.function.name"] == "handle");
  CHECK(json["slow_stacks_of"]["requests"] == 10);
  Json fewer;
  add_slow_stacks(fewer, sample(), 1);
  CHECK(fewer["slow_stacks"].size() == 1);
}
