// The NATS row of the table of protocols: the client protocol, of servers and clients. Servers
// speak first (INFO).
//
// What its messages are in the less obvious cases:
// - CONNECT, PUB, HPUB, SUB, UNSUB and PING of a client are requests. PONG answers PING. Who is
//   verbose has all others answered by +OK; who is not has asked for no answer (one_way), but to
//   CONNECT: that is answered by an error, or by nothing (NoAnswer) when something else comes or
//   the connection ends.
// - MSG, HMSG, INFO and the PING of a server, and the client's PONG, are gone over and not told. A
//   request whose answer comes as a message of another client is a PUB here.
// - A client is verbose until its CONNECT says otherwise. Of one that was met in the middle it is
//   not known: it is taken for not verbose until there is a +OK.
// - An error has the status that its text is ("Unknown_Protocol_Operation"), without what it
// quotes.
//   It answers the oldest request that waits for something. That may be a PING after the PUB or SUB
//   that it is about, if that waits for nothing: its answer then is the error and the PONG. If
//   nothing waits, an error is one that nobody asked for.
// - After Lost a side starts again at a line that can be nothing else. Answers are paired again
//   after the next turn of requests; PONG ends any doubt.
// - Subjects, queue groups, subscription ids, headers and payloads are never told.
// `want_secrets` must not change during a connection.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kNats;

}  // namespace tailwhy
