// Report: merging latency parts and the sums that outputs show.
#include "model/report.h"

#include <catch2/catch.hpp>

#include <set>
#include <string_view>

using namespace tailwhy;

TEST_CASE("report: the list of parts names every histogram once", "[model][report]") {
  std::set<std::string_view> names;
  LatencyParts parts;
  Ns value = 1;
  for (const LatencyPartRow& row : kLatencyParts) {
    names.insert(row.name);
    (parts.*row.histogram).record(value++);
  }
  CHECK(names.size() == kLatencyParts.size());
  CHECK(sizeof(LatencyParts) == kLatencyParts.size() * sizeof(Histogram));
  CHECK(parts.duration.max_ns() == 1);
  CHECK(parts.queue.max_ns() == 2);
  CHECK(parts.service.max_ns() == 3);
  CHECK(parts.send.max_ns() == 4);
  CHECK(parts.ttfb.max_ns() == 5);
}

TEST_CASE("report: merging parts is merging each histogram", "[model][report]") {
  LatencyParts a;
  LatencyParts b;
  LatencyParts both;
  Ns value = 100;
  for (const LatencyPartRow& row : kLatencyParts) {
    value *= 7;
    (a.*row.histogram).record(value);
    (b.*row.histogram).record(value * 3, 2);
    (both.*row.histogram).record(value);
    (both.*row.histogram).record(value * 3, 2);
  }
  a.merge(b);
  for (const LatencyPartRow& row : kLatencyParts) {
    INFO(row.name);
    CHECK(a.*row.histogram == both.*row.histogram);
  }
}

TEST_CASE("report: only rows that mean loss count as lost", "[model][report]") {
  Report report;
  CHECK(report.lost() == 0);
  report.losses.push_back({"ring_full", "", true, 3});
  report.losses.push_back({"payload_unreadable", "", false, 100});
  report.losses.push_back({"queue_full", "", true, 4});
  CHECK(report.lost() == 7);
}

TEST_CASE("report: seconds are the difference of its stamps", "[model][report]") {
  Report report;
  report.begin_ns = 5'000'000'000;
  report.end_ns = 6'500'000'000;
  CHECK(report.seconds() == Approx(1.5));
}
