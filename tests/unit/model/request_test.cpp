// Request: durations from stamps, and the words for its enumerators.
#include "model/request.h"

#include "model/run_info.h"

#include <catch2/catch.hpp>

#include <set>
#include <string_view>

using namespace tailwhy;

TEST_CASE("request: durations follow the definitions", "[model][request]") {
  Request r;
  r.role = Role::Server;
  r.at = {.established = 10,
          .accepted = 40,
          .arrived = 100,
          .read_first = 130,
          .read_last = 200,
          .write_first = 450,
          .write_last = 1000};
  CHECK(r.accept_queue() == 30);
  CHECK(r.queue() == 30);
  CHECK(r.receive() == 70);
  CHECK(r.service() == 250);
  CHECK(r.send() == 550);
  CHECK(r.ttfb() == 350);
  CHECK(r.duration() == 900);
  CHECK(r.queue() + r.receive() + r.service() + r.send() == r.duration());
}

TEST_CASE("request: an unseen arrival has no queue and duration starts at the read",
          "[model][request]") {
  Request r;
  r.role = Role::Server;
  r.at.read_first = 130;
  r.at.write_last = 1000;
  CHECK_FALSE(r.queue_known());
  CHECK(r.queue() == 0);
  CHECK(r.duration() == 870);
  r.at.arrived = 131;  // after the read: another message's arrival, not ours
  CHECK_FALSE(r.queue_known());
}

TEST_CASE("request: an outgoing call has no receive queue of its own", "[model][request]") {
  Request r;
  r.role = Role::Client;
  r.at.arrived = 500;
  r.at.read_first = 600;
  r.at.write_last = 1000;
  CHECK_FALSE(r.queue_known());
  CHECK(r.duration() == 400);
}

TEST_CASE("request: a response that begins before the request ends gives no huge number",
          "[model][request]") {
  Request r;
  r.at.read_first = 100;
  r.at.read_last = 900;
  r.at.write_first = 500;
  r.at.write_last = 950;
  CHECK(r.service() == 0);
  CHECK(r.duration() == 850);
}

TEST_CASE("request: stamps that were not observed give no durations", "[model][request]") {
  const Request r{};
  CHECK(r.duration() == 0);
  CHECK(r.ttfb() == 0);
  CHECK_FALSE(r.accept_queue_known());
  CHECK_FALSE(r.failed());
}

TEST_CASE("request: every end rule has its own word", "[model][request]") {
  std::set<std::string_view> words;
  for (int i = 0; i <= static_cast<int>(EndRule::Quiet); ++i) {
    words.insert(to_string(static_cast<EndRule>(i)));
  }
  CHECK(words.size() == 7);
  CHECK(words.count("") == 0);
  CHECK(to_string(EndRule::LastChunk) == "last_chunk");
  CHECK(to_string(EndRule::DirectionReversal) == "direction_reversal");
}

TEST_CASE("request: failures are the words of error.type", "[model][request]") {
  CHECK(to_string(Failure::None).empty());
  CHECK(to_string(Failure::ServerError).empty());  // its error.type is the status
  CHECK(to_string(Failure::ClientAbort) == "client_abort");
  CHECK(to_string(Failure::ConnectionReset) == "connection_reset");
  CHECK(to_string(Failure::NoResponse) == "no_response");
  CHECK(to_string(Failure::Timeout) == "timeout");
}

TEST_CASE("run_info: every lifecycle event has its own word", "[model][run_info]") {
  std::set<std::string_view> words;
  for (int i = 0; i <= static_cast<int>(LifecycleEvent::Kind::Detached); ++i) {
    words.insert(to_string(static_cast<LifecycleEvent::Kind>(i)));
  }
  CHECK(words.size() == 7);
  CHECK(words.count("unknown") == 0);
  CHECK(to_string(LifecycleEvent::Kind::TargetExit) == "target_exit");
}
