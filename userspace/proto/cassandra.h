// The Cassandra row of the table of protocols: the CQL binary protocol, versions 3 and 4 (Apache
// Cassandra, doc/native_protocol_v3.spec and v4), of clients and servers.
//
// What its messages are in the less obvious cases:
// - Requests and answers are matched by their stream, of which a connection has up to 32768.
// - A QUERY has the command and the summary of its statement (proto/sql.h), an EXECUTE those of the
//   statement that was prepared on the same connection; others have the name of their opcode.
// - An ERROR has the name of its code; where its body is compressed, or begins with warnings or a
//   payload, it is one without a code. EVENT answers nothing.
// - What follows the handshake of version 5, which frames differently, is not read.
// - Values, texts of statements but for names, and ids are never told.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kCassandra;

}  // namespace tailwhy
