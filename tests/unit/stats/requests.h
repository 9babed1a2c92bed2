// Requests made up for tests of statistics and outputs.
#pragma once

#include "model/request.h"

#include <string_view>

namespace tailwhy::test {

inline const Endpoint kSomewhere{};

/// A matched HTTP request: arrived at `at`, read 1 us later, answered `duration` after the arrival.
inline Request http_request(std::string_view route, Ns at = 1'000'000, Ns duration = 100'000) {
  Request request;
  request.role = Role::Server;
  request.outcome = Outcome::Matched;
  request.end_rule = EndRule::Framing;
  request.pid = 100;
  request.tid = 101;
  request.conn_id = 7;
  request.number = 1;
  request.peer = &kSomewhere;
  request.local = &kSomewhere;
  request.protocol = "http";
  request.family = ProtocolFamily::Http;
  request.protocol_version = "1.1";
  request.method = Method("GET");
  request.route = Route(route);
  request.status = 200;
  request.status_known = true;
  request.at.arrived = at;
  request.at.read_first = request.at.read_last = at + 1000;
  request.at.write_first = request.at.write_last = at + duration;
  request.request_bytes = 100;
  request.response_bytes = 1000;
  return request;
}

}  // namespace tailwhy::test
