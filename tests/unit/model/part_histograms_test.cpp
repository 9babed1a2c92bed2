// Distributions of parts: zeros count, whoever recorded them.
#include "model/part_histograms.h"

#include <catch2/catch.hpp>

#include <initializer_list>
#include <utility>

using namespace tailwhy;

namespace {

Budget budget_of(std::initializer_list<std::pair<Part, Ns>> parts) {
  Budget budget;
  budget.known = true;
  for (const auto& [part, ns] : parts)
    budget.of(part) = ns;
  return budget;
}

}  // namespace

TEST_CASE("part histograms: zeros count in the distribution of a part", "[model][budget]") {
  PartHistograms parts;
  CHECK(parts.of(Part::Lock, 0).empty());
  parts.add(budget_of({{Part::OnCpu, 100}, {Part::Lock, 900}}));
  parts.add(budget_of({{Part::OnCpu, 300}}));
  parts.add(budget_of({{Part::OnCpu, 500}}));
  const Histogram on_cpu = parts.of(Part::OnCpu, 3);
  CHECK(on_cpu.count() == 3);
  CHECK(on_cpu.zero_count() == 0);
  CHECK(on_cpu.sum_ns() == 900);
  const Histogram lock = parts.of(Part::Lock, 3);
  CHECK(lock.count() == 3);
  CHECK(lock.zero_count() == 2);
  CHECK(lock.percentile(50) == 0);
  CHECK(lock.max_ns() == 900);
  CHECK_FALSE(parts.is_zero(Part::Lock));
  CHECK(parts.is_zero(Part::Disk));
  CHECK(parts.of(Part::Disk, 3).zero_count() == 3);
}

TEST_CASE("part histograms: merging is exact, whichever parts either had", "[model][budget]") {
  PartHistograms both;
  PartHistograms first;
  PartHistograms second;
  for (Ns i = 1; i <= 100; ++i) {
    const Budget one = budget_of({{Part::OnCpu, i * 1000}, {Part::Disk, i * i}});
    const Budget other = budget_of({{Part::Lock, i * 777}, {Part::OnCpu, i}});
    first.add(one);
    second.add(other);
    both.add(other);
    both.add(one);
  }
  first.merge(second);
  for (const PartSpec& spec : kPartSpecs)
    CHECK(first.of(spec.part, 200) == both.of(spec.part, 200));
  CHECK(first.memory_bytes() >= 3 * sizeof(Histogram));
  CHECK(PartHistograms().memory_bytes() == 0);
}
