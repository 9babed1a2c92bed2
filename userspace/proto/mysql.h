// The client/server protocol of MySQL and MariaDB (MySQL's source code documentation,
// "Client/Server Protocol"; MariaDB's knowledge base, "Client/Server Protocol").
//
// What is one exchange: a command, from its packet to the end of its answer.
// - COM_QUERY, however many results it has; named by its first command and its tables (sql.h).
// - COM_STMT_PREPARE: PREPARE and the tables; COM_STMT_EXECUTE and its bulk form: by the statement
//   that was prepared, "EXECUTE" if nobody saw that.
// - Others by their name without COM_. STMT_CLOSE, STMT_SEND_LONG_DATA and QUIT are one-way,
//   BINLOG_DUMP is open-ended.
// - The start of a session, from the client's answer to the greeting to the verdict: CONNECT.
// - LOAD DATA LOCAL's data belong to the query that asked for them.
//
// The status is the SQLSTATE of an error, or its number where it has none, and every one is an
// error. How results are cut into packets depends on what client and server agreed upon; each form
// is told by its own bytes, so that connections met in the middle are read, too. Packets carry
// sequence numbers: after a loss, or where they do not fit, the place is lost until a turn begins
// with the right one. A result whose middle was not captured ends with the packet that ends
// results. After a request for TLS, and where compression was agreed upon, the rest is unknown.
// "mysql" stands for MariaDB, too: on the wire they are one.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kMySql;

}  // namespace tailwhy
