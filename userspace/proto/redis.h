// The Redis row of the table of protocols: RESP2, RESP3 and inline commands, of servers and clients
// of Redis, Valkey and what else speaks it.
//
// What its messages are in the less obvious cases:
// - The method is a known command in upper case, with its subcommand ("CONFIG GET"); "_OTHER" for
//   any other. Keys, values and channels are never told.
// - An error reply is an error, its status the first word. Errors within the reply of EXEC are not.
// - A subscription with n channels is one exchange with n confirmations. UNSUBSCRIBE without
//   channels ends with its first; those that follow, what is published and what MONITOR shows are
//   nobody's responses.
// - After CLIENT REPLY OFF or SKIP requests get no answer (one_way).
// - An array of which a part was not captured ends with its side's turn (DirectionReversal) if no
//   other reply can follow it; else the place is lost.
// - After Lost a side starts again at a turn whose first bytes look like a message; replies only
//   after the next turn of requests, when all that was asked before has been answered.
// - After PSYNC and SYNC the connection is a tunnel: replication is no requests and replies.
// `want_secrets` must not change during a connection.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kRedis;

}  // namespace tailwhy
