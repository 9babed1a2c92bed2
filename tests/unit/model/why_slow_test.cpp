// Of which requests the report speaks, and when there is nothing to say: each rule of the header.
#include "model/why_slow.h"

#include "unit/model/why_run.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

WhySlow why_of(const WhyRun& run, const TailSpec& spec = {}) {
  return explain_slow(run.report(), spec);
}

Request quick(std::string_view route, Ns ns = 100'000) {
  return spent({{Part::OnCpu, ns}}, route);
}
Request locked(std::string_view route, Ns ns = 50'000'000) {
  return spent({{Part::OnCpu, 100'000}, {Part::Lock, ns}}, route);
}

}  // namespace

TEST_CASE("why: without budgets nothing is said", "[model][why]") {
  WhyRun run;
  run.add(1000, http_request("/a"));
  CHECK(why_of(run).verdict == WhySlow::Verdict::Unknown);
  CHECK(explain_slow(Report{}).verdict == WhySlow::Verdict::Unknown);
}

TEST_CASE("why: fewer than a hundred requests have no tail", "[model][why]") {
  WhyRun run;
  run.add(98, quick("/a"));
  run.add(1, locked("/a"));
  CHECK(why_of(run).verdict == WhySlow::Verdict::TooFew);
  run.add(1, quick("/a"));
  CHECK(why_of(run).verdict == WhySlow::Verdict::Tail);
}

TEST_CASE("why: less than 1.5 times what is typical is no tail", "[model][why]") {
  WhyRun run;
  run.add(990, quick("/a", 100'000));
  run.add(10, quick("/a", 149'000));
  const WhySlow why = why_of(run);
  CHECK(why.verdict == WhySlow::Verdict::NoTail);
  CHECK(why.scope == WhySlow::Scope::AllRequests);
  WhyRun other;
  other.add(990, quick("/a", 100'000));
  other.add(10, quick("/a", 151'000));
  CHECK(why_of(other).verdict == WhySlow::Verdict::Tail);
}

TEST_CASE("why: a route with half of the slow requests is spoken of alone", "[model][why]") {
  WhyRun run;
  run.add(5000, quick("/a"));
  run.add(4900, quick("/b", 200'000));
  run.add(70, locked("/b"));
  run.add(30, locked("/a"));
  const WhySlow why = why_of(run);
  CHECK(why.verdict == WhySlow::Verdict::Tail);
  CHECK(why.scope == WhySlow::Scope::OneRoute);
  CHECK(why.route.method == "GET");
  CHECK(why.route.route == "/b");
  CHECK(why.route_share == Approx(0.7));
  CHECK(why.requests == 4970);
  CHECK(why.tail.typical.duration == Approx(200'000));  // its own
  CHECK(why.tail.slow.requests == Approx(49.7));
  CHECK(why.tail.slow.duration == Approx(50'100'000));
  CHECK(why.p99_ns == Approx(50'100'000).epsilon(0.011));
  CHECK(why.tail.reasons[0].cause == Cause::Lock);
}

TEST_CASE("why: without such a route all requests are spoken of", "[model][why]") {
  WhyRun run;
  for (const char* route : {"/a", "/b", "/c"}) {
    run.add(3300, quick(route));
    run.add(33, locked(route));
  }
  const WhySlow why = why_of(run);
  CHECK(why.verdict == WhySlow::Verdict::Tail);
  CHECK(why.scope == WhySlow::Scope::AllRequests);
  CHECK_FALSE(why.has_route());
  CHECK(why.requests == 9999);
  CHECK(why.tail.slow.requests == Approx(99.99));
}

TEST_CASE("why: statuses of a route are one route, roles are not", "[model][why]") {
  WhyRun run;
  run.add(5000, quick("/a"));
  run.add(4900, quick("/b"));
  Request request = locked("/b");
  run.add(20, request);
  request.status = 503;
  run.add(20, request);
  request.status = 404;
  run.add(20, request);
  run.add(40, locked("/a"));
  Request outgoing = locked("/a");
  outgoing.role = Role::Client;
  run.add(500, outgoing);
  const WhySlow why = why_of(run);
  CHECK(why.route.route == "/b");
  CHECK(why.requests == 4960);
  CHECK(why.scope == WhySlow::Scope::OneRoute);
}

TEST_CASE("why: a route that is slow as a whole is held against all requests", "[model][why]") {
  WhyRun run;
  run.add(9900, quick("/a"));
  run.add(100, locked("/report", 300'000'000));
  const WhySlow why = why_of(run);
  CHECK(why.scope == WhySlow::Scope::WholeRoute);
  CHECK(why.verdict == WhySlow::Verdict::Tail);
  CHECK(why.route.route == "/report");
  CHECK(why.requests == 100);
  CHECK(why.tail.typical.duration == Approx(100'000));
  CHECK(why.tail.slow.duration == Approx(300'100'000));
  CHECK(why.p50_ns == Approx(300'100'000).epsilon(0.011));
}

TEST_CASE("why: a slower route with a tail of its own is held against itself", "[model][why]") {
  WhyRun run;
  run.add(9000, quick("/a"));
  run.add(980, quick("/b", 1'000'000));
  run.add(20, locked("/b"));
  run.add(80, quick("/c", 900'000));
  const WhySlow why = why_of(run);
  CHECK(why.route.route == "/b");
  CHECK(why.scope == WhySlow::Scope::OneRoute);
  CHECK(why.tail.typical.duration == Approx(1'000'000));
}

TEST_CASE("why: a route that is quick as a whole is held against itself", "[model][why]") {
  WhyRun run;  // the median is more than half of the slow mean, but so it is for all requests
  run.add(990, quick("/a", 1'000'000));
  run.add(10, quick("/a", 1'900'000));
  const WhySlow why = why_of(run);
  CHECK(why.scope == WhySlow::Scope::OneRoute);
  CHECK(why.verdict == WhySlow::Verdict::Tail);
  CHECK(why.tail.typical.duration == Approx(1'000'000));
}

TEST_CASE("why: a route of fewer than twenty requests has no tail of its own", "[model][why]") {
  for (const int rare : {19, 20}) {
    WhyRun run;
    run.add(980, quick("/a"));
    run.add(rare - 7, quick("/rare"));
    run.add(7, locked("/rare"));
    const WhySlow why = why_of(run);
    CHECK(why.route.route == "/rare");
    CHECK(why.verdict == WhySlow::Verdict::Tail);
    CHECK(why.scope == (rare == 19 ? WhySlow::Scope::AllRequests : WhySlow::Scope::OneRoute));
    CHECK(why.has_route());
  }
}

TEST_CASE("why: requests without a name, or beyond the limit of routes, are no route",
          "[model][why]") {
  WhyRun run;
  run.add(990, quick("/a"));
  Request request = locked("");
  request.method.clear();
  run.add(10, request);
  CHECK(why_of(run).scope == WhySlow::Scope::AllRequests);
  CHECK_FALSE(why_of(run).has_route());
  Report report = run.report();
  report.routes[1].route = "_OTHER";
  REQUIRE(report.routes[1].count == 10);
  CHECK(explain_slow(report).scope == WhySlow::Scope::AllRequests);
  report.routes[1].route = "/named";
  CHECK(explain_slow(report).scope == WhySlow::Scope::WholeRoute);
}

TEST_CASE("why: with a threshold everything from it on is slow", "[model][why]") {
  WhyRun run;
  run.add(600, quick("/a"));
  run.add(300, spent({{Part::OnCpu, 100'000}, {Part::Disk, 25'000'000}}, "/b"));
  run.add(60, quick("/b"));
  run.add(40, locked("/a"));
  const WhySlow slowest = why_of(run);
  CHECK(slowest.route.route == "/a");
  const WhySlow why = why_of(run, {.slow_ns = 20'000'000});
  CHECK(why.route.route == "/b");
  CHECK(why.route_share == Approx(300.0 / 340));
  CHECK(why.scope == WhySlow::Scope::WholeRoute);
  const WhySlow nothing = why_of(run, {.slow_ns = 10'000'000'000});
  CHECK(nothing.verdict == WhySlow::Verdict::NothingSlow);
  CHECK(nothing.scope == WhySlow::Scope::AllRequests);
}
