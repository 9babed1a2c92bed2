// What the load generator is asked to do. See load.cpp for the words of the command line.
#pragma once

#include "clock.h"
#include "socket.h"

#include <cstdint>
#include <string>
#include <vector>

namespace workload {

struct Target {
  std::string method;
  std::string path;
  unsigned weight = 1;
};

struct LoadOptions {
  Address to;
  std::uint64_t requests = 1;
  unsigned connections = 1;
  unsigned depth = 1;                // requests in one write
  std::uint64_t per_connection = 0;  // the client closes after so many; 0: never
  bool close = false;                // one request per connection, "Connection: close"
  bool http10 = false;
  std::vector<Target> targets;  // in turn, by weight
  std::vector<std::string> headers;
  std::uint64_t body = 0;
  bool chunked = false;
  bool expect_continue = false;
  double rate = 0;              // requests per second over all connections; 0: as fast as answered
  bool open_loop = false;       // a request that is due does not wait for a connection
  std::uint64_t read_rate = 0;  // bytes per second of each connection; 0: as fast as they come
  Ns hold = 0;                  // before the client closes, a random time up to this
  Ns limit = 60 * kNsPerSec;    // of the whole run
  std::string log;              // file; empty: none
  std::string prefix = "r";     // of the request ids
  unsigned seed = 1;
};

/// Ends the program with a message when the command line is wrong.
LoadOptions parse_load_options(int argc, char** argv);

}  // namespace workload
