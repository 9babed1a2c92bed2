// The sentence, word for word: each rule of why_slow.h and why_sentence.h as a reader sees it.
#include "sinks/why_sentence.h"

#include "unit/model/why_run.h"
#include "unit/sinks/hostile.h"

#include <catch2/catch.hpp>

#include <sys/syscall.h>

using namespace tailwhy;
using namespace tailwhy::test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

constexpr Style kAscii{.charset = Charset::Ascii};

std::string sentence(const Report& report, Ns slow_ns = 0, const Style& style = kAscii) {
  return why_sentence(explain_slow(report, {.slow_ns = slow_ns}), report, style);
}
std::string sentence(WhyRun& run, Ns slow_ns = 0) {
  return sentence(run.report(), slow_ns);
}

// What is said when ten of a thousand requests of one route spend their time so.
std::string sentence_of(const Parts& parts, QueuedWhile queued_while = QueuedWhile::Unknown) {
  WhyRun run;
  run.add_quick(990);
  run.add(10, spent(parts, "/a", queued_while));
  return sentence(run);
}

Endpoint server(std::uint8_t last, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.family = Family::Inet;
  endpoint.address = {10, 0, 0, last};
  endpoint.port = port;
  return endpoint;
}

Request calling(const Endpoint& peer, std::string_view protocol) {
  Request request = spent({{Part::OnCpu, 100'000}, {Part::Downstream, 50'000'000}});
  request.downstream_calls = 1;
  request.downstream_peer = &peer;
  request.downstream_protocol = protocol;
  return request;
}

}  // namespace

TEST_CASE("why sentence: a route against itself", "[sinks][why]") {
  WhyRun run;
  run.add_quick(5000, "/a");
  run.add_quick(4900, "/cart");
  run.add(100, spent({{Part::OnCpu, 100'000},
                      {Part::Lock, 34'000'000},
                      {Part::Disk, 10'000'000},
                      {Part::RunQueue, 4'000'000}},
                     "/cart"));
  CHECK(sentence(run) ==
        "The slowest 1 % of GET /cart (p99 47.7 ms, typical 100 us) spend 71 % of their extra "
        "48.0 ms waiting for a lock and 21 % waiting for a disk.");
}

TEST_CASE("why sentence: all requests, if no route has half of the slow ones", "[sinks][why]") {
  WhyRun run;
  for (const char* route : {"/a", "/b", "/c"}) {
    run.add_quick(3300, route);
    run.add(40, spent({{Part::OnCpu, 100'000}, {Part::Lock, 50'000'000}}, route));
  }
  CHECK(sentence(run) ==
        "The slowest 1 % of all requests (p99 49.8 ms, typical 100 us) spend all of their extra "
        "50.0 ms waiting for a lock.");
}

TEST_CASE("why sentence: a route that is slow as a whole", "[sinks][why]") {
  WhyRun run;
  run.add_quick(9900);
  run.add(100, spent({{Part::OnCpu, 9'000'000}, {Part::Lock, 291'000'000}}, "/report"));
  CHECK(sentence(run) ==
        "GET /report takes 300 ms at the median of its 100 requests, against 100 us typical of "
        "all requests: 97 % of the difference is spent waiting for a lock.");
}

TEST_CASE("why sentence: a route of too few requests is named in passing", "[sinks][why]") {
  WhyRun run;
  run.add_quick(980);
  run.add_quick(12, "/rare");
  run.add(7, spent({{Part::OnCpu, 100'000}, {Part::Lock, 50'000'000}}, "/rare"));
  CHECK(sentence(run) ==
        "The slowest 1 % of all requests (p99 100 us, typical 100 us; 70 % are GET /rare) spend "
        "all of their extra 35.0 ms waiting for a lock.");
}

TEST_CASE("why sentence: one request is one request", "[sinks][why]") {
  WhyRun run;
  run.add_quick(99);
  run.add(1, spent({{Part::OnCpu, 100'000}, {Part::Lock, 50'000'000}}));
  CHECK(sentence(run) ==
        "The slowest request of GET /a (50.1 ms, typical 100 us) spends all of its extra 50.0 ms "
        "waiting for a lock.");
}

TEST_CASE("why sentence: with a threshold it speaks of all from there on", "[sinks][why]") {
  WhyRun run;
  run.add_quick(900);
  run.add(100, spent({{Part::OnCpu, 100'000}, {Part::Lock, 50'000'000}}));
  CHECK(sentence(run, 20'000'000) ==
        "Requests of GET /a that take 20.0 ms or longer (10.0 % of them all, typical 100 us) spend "
        "all of their extra 50.0 ms waiting for a lock.");
  CHECK(sentence(run, 60'000'000) == "No request took 60.0 ms or longer, the slowest 50.1 ms.");
  run.add(1, [] {
    Request request = http_request("/a", 1000, 70'000'000);  // its parts are not known
    return request;
  }());
  CHECK(sentence(run, 60'000'000) == "No request whose parts are known took 60.0 ms or longer.");
}

TEST_CASE("why sentence: nothing to say is said", "[sinks][why]") {
  WhyRun run;
  CHECK(sentence(run).empty());
  run.add(500, http_request("/a"));
  CHECK(sentence(run).empty());  // no budget is known: not even that
  run.add_quick(42);
  CHECK(sentence(run) == "Too few requests to speak of a tail: 42 of at least 100.");
  WhyRun even;
  even.add_quick(980);
  even.add(20, spent({{Part::OnCpu, 120'000}}));
  CHECK_THAT(sentence(even), StartsWith("No tail worth a word: p99 is 1.2 x the median (1"));
  CHECK(sentence(even, 50'000) ==
        "Requests that take 50.0 us or longer take 1.0 x as long as typical ones: no tail.");
}

TEST_CASE("why sentence: the next reason is named from 15 % on", "[sinks][why]") {
  CHECK_THAT(sentence_of({{Part::OnCpu, 100'000}, {Part::Lock, 850'000}, {Part::Disk, 150'000}}),
             EndsWith(" 85 % of their extra 1.00 ms waiting for a lock and 15 % waiting for a "
                      "disk."));
  CHECK_THAT(sentence_of({{Part::OnCpu, 100'000}, {Part::Lock, 851'000}, {Part::Disk, 149'000}}),
             EndsWith(" 85 % of their extra 1.00 ms waiting for a lock."));
}

TEST_CASE("why sentence: never more than all, and then nothing else", "[sinks][why]") {
  // Less on the CPU than typical ones: locks are more than all of what is extra.
  CHECK_THAT(sentence_of({{Part::Lock, 1'000'000}}),
             EndsWith(" all of their extra 900 us waiting for a lock."));
  CHECK_THAT(sentence_of({{Part::Lock, 800'000}, {Part::Disk, 200'000}}),
             EndsWith(" 89 % of their extra 900 us waiting for a lock and 22 % waiting for a "
                      "disk."));
}

TEST_CASE("why sentence: equal reasons are added up", "[sinks][why]") {
  CHECK_THAT(sentence_of({{Part::OnCpu, 100'000},
                          {Part::Queue, 300'000},
                          {Part::RunQueue, 300'000},
                          {Part::Lock, 400'000}},
                         QueuedWhile::WaitedForCpu),
             EndsWith(" 60 % of their extra 1.00 ms waiting for a CPU and 40 % waiting for a "
                      "lock."));
  CHECK_THAT(sentence_of({{Part::OnCpu, 100'000},
                          {Part::Queue, 500'000},
                          {Part::OtherRequests, 400'000},
                          {Part::RunQueue, 100'000}},
                         QueuedWhile::Busy),
             EndsWith(" 90 % of their extra 1.00 ms behind other requests on the same thread."));
  CHECK_THAT(sentence_of({{Part::OnCpu, 100'000}, {Part::Queue, 900'000}}, QueuedWhile::Asleep),
             EndsWith(" unread while the thread slept."));
}

TEST_CASE("why sentence: the server that was called is named if one dominates", "[sinks][why]") {
  const Endpoint database = server(5, 5432), cache = server(6, 6379);
  for (const int calls_to_cache : {4, 5}) {
    WhyRun run;
    run.add_quick(990);
    run.add(10 - calls_to_cache, calling(database, "unknown"));
    run.add(calls_to_cache, calling(cache, "http"));
    CHECK_THAT(sentence(run),
               EndsWith(calls_to_cache == 4 ? " waiting for 10.0.0.5:5432."
                                            : " waiting for a server that it calls."));
  }
  WhyRun run;
  run.add_quick(990);
  run.add(10, calling(cache, "http"));
  CHECK_THAT(sentence(run), EndsWith(" waiting for 10.0.0.6:6379 (http)."));
}

TEST_CASE("why sentence: it names whom the slow ones wait for, not whom all do", "[sinks][why]") {
  const Endpoint database = server(5, 5432), cache = server(6, 6379);
  WhyRun run;
  Request request = spent({{Part::Downstream, 100'000}});
  request.downstream_peer = &cache;
  run.add(99'000, request);  // 9.9 s together
  run.add(1000, [&] {
    Request slow = spent({{Part::Downstream, 5'000'000}});
    slow.downstream_peer = &database;
    return slow;  // 5 s together
  }());
  CHECK_THAT(sentence(run), EndsWith(" waiting for 10.0.0.5:5432."));
}

TEST_CASE("why sentence: addresses of every family", "[sinks][why]") {
  Endpoint v6;
  v6.family = Family::Inet6;
  v6.address[15] = 1;
  v6.port = 80;
  Endpoint local;
  local.family = Family::Unix;
  local.path = InlineText<108>("/run/db.sock");
  for (const Endpoint* peer : {&v6, &local}) {
    WhyRun run;
    run.add_quick(990);
    run.add(10, calling(*peer, "unknown"));
    CHECK_THAT(sentence(run), EndsWith(peer == &v6 ? " waiting for [::1]:80."
                                                   : " waiting for unix:/run/db.sock."));
  }
}

TEST_CASE("why sentence: the call that was slept in is named if one dominates", "[sinks][why]") {
  for (const int waits : {5, 6}) {
    WhyRun run;
    run.add_quick(990);
    Request request = spent({{Part::OnCpu, 100'000}, {Part::Other, 1'000'000}});
    request.other_call = SYS_wait4;
    run.add(waits, request);
    request.other_call = SYS_flock;
    run.add(10 - waits, request);
    CHECK_THAT(sentence(run),
               EndsWith(waits == 6 ? " asleep in wait4." : " asleep in another system call."));
  }
}

TEST_CASE("why sentence: what is not attributed is said from 15 % on, and why", "[sinks][why]") {
  const auto with_gap = [](Ns unattributed, Gap gap) {
    WhyRun run;
    run.add_quick(990);
    Request request = spent({{Part::OnCpu, 100'000},
                             {Part::Lock, 1'000'000 - unattributed},
                             {Part::Unattributed, unattributed}});
    request.budget.gap = gap;
    run.add(10, request);
    return sentence(run);
  };
  CHECK_THAT(with_gap(140'000, Gap::Lost),
             EndsWith(" 86 % of their extra 1.00 ms waiting for a lock."));
  CHECK_THAT(with_gap(160'000, Gap::Lost),
             EndsWith(" 84 % of their extra 1.00 ms waiting for a lock; 16 % is not attributed "
                      "(records were lost)."));
  CHECK_THAT(with_gap(160'000, Gap::Attach), EndsWith("(what the thread did was not seen yet)."));
  CHECK_THAT(with_gap(160'000, Gap::HandOff), Contains("another thread"));
  CHECK_THAT(with_gap(160'000, Gap::None), EndsWith("; 16 % is not attributed."));
  CHECK_THAT(with_gap(800'000, Gap::Lost),
             EndsWith(" spend most of their extra 1.00 ms where it was not seen: 80 % is not "
                      "attributed (records were lost), 20 % is spent waiting for a lock."));
  CHECK_THAT(with_gap(1'000'000, Gap::Lost),
             EndsWith("100 % is not attributed (records were lost)."));
}

TEST_CASE("why sentence: a whole route of which little is known", "[sinks][why]") {
  WhyRun run;
  run.add_quick(9900);
  run.add(100, spent({{Part::Lock, 90'000'000}, {Part::Unattributed, 210'000'000}}, "/report"));
  CHECK_THAT(sentence(run), EndsWith(" requests: 70 % of the difference is not attributed, 30 % is "
                                     "spent waiting for a lock."));
}

TEST_CASE("why sentence: waits in the accept queue that clients feel", "[sinks][why]") {
  const auto with_waits = [](Ns waited) {
    WhyRun run;
    run.add_quick(990);
    run.add(7, spent({{Part::OnCpu, 100'000}, {Part::Lock, 49'900'000}}));
    Request request = spent({{Part::OnCpu, 100'000}, {Part::Lock, 49'900'000}});
    request.at.established = 1;
    request.at.accepted = 1 + waited;
    run.add(3, request);
    return sentence(run);
  };
  CHECK_THAT(with_waits(5'200'000),
             EndsWith(" a lock. Besides, 3 connections waited up to 5.20 ms in the accept queue."));
  CHECK_THAT(with_waits(4'900'000), EndsWith("waiting for a lock."));  // not a tenth of 50 ms
  WhyRun even;
  Request request = spent({{Part::OnCpu, 100'000}});
  request.at.established = 1;
  request.at.accepted = 3'000'000'001;
  even.add_quick(999);
  even.add(1, request);
  CHECK_THAT(sentence(even), StartsWith("No tail") && EndsWith(" 1 connection waited up to 3.00 s "
                                                               "in the accept queue."));
}

TEST_CASE("why sentence: connections that were turned away", "[sinks][why]") {
  WhyRun run;
  run.add_quick(1000);
  Report report = run.report();
  report.connections.listen_overflows = report.connections.listen_drops = 17;
  CHECK_THAT(sentence(report), !Contains("accept queue"));
  report.connections.namespace_known = true;
  CHECK_THAT(sentence(report), EndsWith(" 17 connection attempts in the network namespace met a "
                                        "full accept queue."));
  report.connections.listen_overflows = 0;
  report.connections.listen_drops = 1;
  CHECK_THAT(sentence(report), EndsWith(" 1 connection attempt in the network namespace was "
                                        "dropped before being accepted."));
}

TEST_CASE("why sentence: segments that were sent again", "[sinks][why]") {
  const auto with_retransmits = [](std::uint32_t slow, std::uint32_t typical) {
    WhyRun run;
    Request request = spent({{Part::OnCpu, 100'000}});
    request.retransmits = typical;
    run.add(990, request);
    request = spent({{Part::OnCpu, 100'000}, {Part::Client, 9'000'000}});
    request.retransmits = slow;
    run.add(10, request);
    return sentence(run);
  };
  CHECK_THAT(with_retransmits(3, 0),
             EndsWith("waiting for its client. Per slow request 3.0 segments were sent again, "
                      "against 0.0."));
  CHECK_THAT(with_retransmits(3, 2), !Contains("sent again"));
  CHECK_THAT(with_retransmits(0, 0), !Contains("sent again"));
}

TEST_CASE("why sentence: hostile names are shown harmlessly", "[sinks][why]") {
  for (const std::string& text : kHostileNames) {
    Endpoint peer;
    peer.family = Family::Unix;
    peer.path = InlineText<108>(text);
    WhyRun run;
    run.add_quick(900, text);
    Request request = spent({{Part::Downstream, 50'000'000}}, text);
    request.method = Method(text);
    request.downstream_peer = &peer;
    run.add(100, request);
    for (const Style& style : {Style{}, kAscii}) {
      const std::string said = sentence(run.report(), 0, style);
      check_safe(said);
      CHECK(said.size() < 1000);
      CHECK(said.find('\n') == std::string::npos);
    }
  }
}
