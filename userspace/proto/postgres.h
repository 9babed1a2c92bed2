// PostgreSQL's protocol 3 (its manual, "Frontend/Backend Protocol").
//
// What is one exchange:
// - A simple query, however many statements it has: from Query to ReadyForQuery. Named by its first
//   command and its tables (sql.h).
// - Of the extended protocol what ends with Execute, from the Parse, Bind or Describe before it: to
//   its completion, or to ReadyForQuery where a Sync came with it. In a pipeline each Execute is
//   one. Named by the statement that was bound; "EXECUTE" if nobody saw it parsed.
// - What ends with Sync and executes nothing: PREPARE, DEALLOCATE, DESCRIBE.
// - The start of a session to its first ReadyForQuery: CONNECT. A cancel request: one way.
// - COPY's data belong to the query that asked for them.
//
// The status is the SQLSTATE of an error, and every one of these is an error (class 02 and above).
// After an error in a pipeline the server skips up to the next Sync: what it skips ends there with
// the same error. A result whose end was captured but not all before it has an unknown status.
// After an answer of "yes" to SSLRequest the connection is encrypted, and unknown.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kPostgreSql;

}  // namespace tailwhy
