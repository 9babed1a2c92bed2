// The table of causes and what gives way to what on small screens.
#include "sinks/report.h"
#include "sinks/sections.h"
#include "unit/model/why_run.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;

namespace {

const Page kPage{{.charset = Charset::Ascii}, 100};

std::string causes(const Report& report, std::size_t rows = 8, Ns slow_ns = 0) {
  return render(causes_section(explain_slow(report, {.slow_ns = slow_ns}), rows, kPage),
                kPage.style, kPage.width);
}

Report ten_of_a_thousand(const Parts& slow) {
  WhyRun run;
  run.add_quick(990);
  run.add(10, spent(slow));
  return run.report();
}

}  // namespace

TEST_CASE("causes: ranked by what they add, zeros left out, with their sum", "[sinks][why]") {
  const Report report = ten_of_a_thousand({{Part::OnCpu, 50'000},
                                           {Part::Disk, 250'000},
                                           {Part::Lock, 700'000},
                                           {Part::Queue, 100'000}});
  CHECK(causes(report) ==
        "Part             typical  slowest 1 %     extra    share\n"
        "  lock              0 ns       700 us    700 us   70.0 %  waiting for a lock\n"
        "  disk              0 ns       250 us    250 us   25.0 %  waiting for a disk\n"
        "  queue.unknown     0 ns       100 us    100 us   10.0 %  unread in the socket\n"
        "  on_cpu          100 us      50.0 us  -50.0 us   -5.0 %  running on a CPU\n"
        "  unattributed      0 ns         0 ns      0 ns    0.0 %  not known where\n"
        "  duration        100 us      1.10 ms   1.00 ms  100.0 %  the mean: sum of all parts\n");
}

TEST_CASE("causes: cut to some rows, but what is not known always stays", "[sinks][why]") {
  const Report report = ten_of_a_thousand({{Part::OnCpu, 50'000},
                                           {Part::Disk, 250'000},
                                           {Part::Lock, 700'000},
                                           {Part::Unattributed, 10'000}});
  CHECK(causes(report, 2) ==
        "Part            typical  slowest 1 %    extra   share\n"
        "  lock             0 ns       700 us   700 us  76.9 %  waiting for a lock\n"
        "  unattributed     0 ns      10.0 us  10.0 us   1.1 %  not known where\n");
  CHECK(causes(report, 0).empty());
}

TEST_CASE("causes: the headings say what is compared", "[sinks][why]") {
  const Report report = ten_of_a_thousand({{Part::Lock, 9'000'000}});
  CHECK_THAT(causes(report, 8, 5'000'000), Contains("typical  from 5.00 ms"));
  WhyRun whole;
  whole.add_quick(9900);
  whole.add(100, spent({{Part::Lock, 9'000'000}}, "/report"));
  CHECK_THAT(causes(whole.report()), Contains("all requests  this route"));
  WhyRun one;
  one.add_quick(99);
  one.add(1, spent({{Part::Lock, 9'000'000}}));
  CHECK_THAT(causes(one.report()), Contains("typical  slowest  "));
}

TEST_CASE("causes: none without a tail to speak of", "[sinks][why]") {
  WhyRun run;
  CHECK(causes(run.report()).empty());
  run.add_quick(50);
  CHECK(causes(run.report()).empty());
  CHECK(causes(run.report(), 8, 1'000'000'000).empty());
}

TEST_CASE("report: on short screens the sentence stays and the causes go", "[sinks][why]") {
  const Report total = sample_report();
  const auto text = [&](std::size_t height, Ns slow_ns = 0) {
    return format_report(total, sample_run(), {.height = height, .slow_ns = slow_ns});
  };
  CHECK_THAT(text(24), Contains("Why slow     The slowest 1 %") && !Contains("\nPart ") &&
                           Contains("  ttfb"));
  CHECK_THAT(text(40), Contains("\nPart ") && Contains("  unattributed") && !Contains("  ttfb"));
  CHECK_THAT(text(60),
             Contains("sum of all parts") && Contains("  ttfb") && !Contains(" more with "));
  CHECK_THAT(text(60, 5'000'000), Contains("that take 5.00 ms or longer"));
}

TEST_CASE("report: without budgets there is no word of them", "[sinks][why]") {
  Report total = sample_report();
  total.budget = {};
  for (RouteStats& row : total.routes)
    row.budget = BudgetSums(kRouteBudgetScale);
  const std::string text = format_report(total, sample_run(), {.height = 60});
  CHECK_THAT(text, !Contains("Why slow") && !Contains("\nPart") && !Contains("unattributed") &&
                       !Contains("CPU\n"));
}

TEST_CASE("report: says how much of the time is not known", "[sinks][why]") {
  WhyRun run;
  run.add(300, spent({{Part::Lock, 900'000}, {Part::Unattributed, 100'000}}));
  Report total = run.report();
  CHECK_THAT(format_report(total, sample_run(), {}), Contains("10.0 % of the time unattributed"));
  CHECK_THAT(format_report(total, sample_run(), {}), !Contains("parts known for"));
  run.add(100, http_request("/a"));
  total = run.report();
  CHECK_THAT(format_report(total, sample_run(), {}),
             Contains("parts known for 75.0 % of the requests"));
}
