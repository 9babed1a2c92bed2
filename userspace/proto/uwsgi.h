// The uwsgi row of the table of protocols: the protocol between a web server and uWSGI (its
// documentation, "The uwsgi Protocol"), of packets with modifier1 0, which are requests.
//
// What its messages are in the less obvious cases:
// - A connection is one request and its answer: neither side can say that another follows. The
//   request ends with its body of CONTENT_LENGTH bytes, else when the answer begins; the answer
//   ends with the connection.
// - Method and route are those of the variables, the status that of the answer's status line, or of
//   its head as in CGI.
// - Values of variables but for paths, method, length, traceparent and x-request-id, and all of a
//   body, are never told.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kUwsgi;

}  // namespace tailwhy
