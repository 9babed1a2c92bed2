// The FastCGI row of the table of protocols (FastCGI Specification 1.0, of 1996).
//
// What its messages are in the less obvious cases:
// - A request is from its BEGIN_REQUEST to the empty STDIN, an answer from its first STDOUT to
//   END_REQUEST; each is by its request id, of which several may be outstanding. STDERR and DATA
//   are gone over, management records (id 0) are not told.
// - Method and route are those of the variables, the status that of the answer's head: "Status:",
//   302 with a Location and without a status, else 200. A protocolStatus that refuses the request
//   is an error; an appStatus says nothing that the head does not.
// - After ABORT_REQUEST what is answered is client_abort.
// - Where the end of an answer was not captured, END_REQUEST is known by its size alone, or by the
//   next request of the same id.
// - Values of variables but for paths, method, length, traceparent and x-request-id, and all of a
//   body, are never told.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kFastCgi;

}  // namespace tailwhy
