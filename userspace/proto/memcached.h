// The memcached row of the table of protocols: text, meta and binary protocol, of servers and
// clients. A connection speaks text (meta included) or binary, told by its first byte.
//
// What its messages are in the less obvious cases:
// - The method is a known command as it is written ("get", "ms", "flush_all"), in the binary
//   protocol the one that does the same; "_OTHER" for any other. Keys and values are never told.
// - NOT_FOUND, NOT_STORED and EXISTS are normal outcomes and the status; a get that finds nothing
// is
//   NOT_FOUND, too. ERROR and CLIENT_ERROR are errors of the client, SERVER_ERROR is the server's.
// - A get with several keys is one request, whatever it finds.
// - With noreply, and of quit, there is no answer (one_way). Requests that answer only sometimes
//   (the q flag of meta commands, quiet binary ones) have got none (NoAnswer) when something later
//   is answered, or the connection ends. Of the text protocol it is not always known which of
//   several alike was answered: then it is taken to be the first, until the answer to an mn ends
//   the doubt. After kMostQuiet of them the oldest is not waited for.
// - A get or a list of which a part was not captured ends with "END" (the binary protocol's last
//   frame) at the end of a call (LastChunk) or with
//   its side's turn (DirectionReversal) if no other answer can follow it; else the place is lost.
// - After Lost a side starts again at a turn whose first bytes look like a message; answers only
//   after the next turn of requests, when all that was asked before has been answered.
// - After watch the connection is a tunnel.
// `want_secrets` must not change during a connection.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kMemcached;

}  // namespace tailwhy
