// Kafka: requests and their answers by correlation id (the public protocol guide, "Protocol Request
// Structure"). The smallest parser here, and the example of one (README.md).
//
// - An exchange is a request frame and the response frame with its correlation id; brokers may
//   answer in any order as far as this parser is concerned.
// - The operation is the name of the API; topics and clients' names are not read.
// - Errors are in the bodies, each API's own, and not read: the status is unknown.
// - Fetch, JoinGroup and SyncGroup wait for others by design: open-ended.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kKafka;

}  // namespace tailwhy
