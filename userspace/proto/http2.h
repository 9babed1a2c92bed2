// The HTTP/2 row of the table of protocols: HTTP/2 (RFC 9113) without TLS, and gRPC over it.
//
// What its messages are in the less obvious cases:
// - A request begins with its HEADERS frame. It ends with END_STREAM, or early with its stream.
// - A final response begins with its HEADERS frame, which is known when its block has been read.
// - A stream that is reset ends both: by the client as ClientAbort, by the server as
//   ConnectionReset, or as NoResponse if the server did not take it up (REFUSED_STREAM, GOAWAY).
//   What the server resets after its answer, because it needs no more of the request, has not
//   failed.
// - Sizes are those of the HEADERS, CONTINUATION and DATA frames, with their 9 bytes each.
// - After bytes that were not captured a side is lost unless they were of one frame, and starts
//   again where fed bytes begin with frames that make sense. What was open in between may have
//   ended unseen: if it is the only stream, it ends when the next one begins (DirectionReversal),
//   else with the connection, or it is given up (Abandoned) when there is no room for another one.
// - Names that were said to the peer before anybody listened (HPACK) are unknown, see
// http2_hpack.h.
// - Streams that a server pushes belong to nobody.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kHttp2;

}  // namespace tailwhy
