// The HTTP/1 row of the table of protocols: HTTP/1.0 and 1.1 (and what 0.9 asks) by llhttp.
//
// What its messages are in the less obvious cases:
// - A request begins at its first byte, empty lines before it belong to nobody. It is one request
//   whatever is wrong with it: Begin, Head (method "_OTHER" unless the first line is whole), Lost.
// - Begin of a response comes when its status shows that it is the final one.
// - A head that was captured only in part gives what is known of it (Head), then Lost.
// - A chunked body with a hole ends with a last chunk (LastChunk), when its side's next turn begins
//   like a message (DirectionReversal, told just before that message's Begin), or with its side
//   (Close).
// - A response to a request that was not seen may be to HEAD: with no byte of its body at its
//   side's next turn, and a response there, it ends before that (DirectionReversal).
// - After Lost, and from the middle of a connection, a side starts again at a turn whose first
//   bytes look like a message. Bytes after CONNECT wait in silence for its response.
// - A 101 to a request that wanted to go on in HTTP/2 is a Switch; to any other it is a Tunnel.
// `want_secrets` must not change during a connection.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kHttp1;

}  // namespace tailwhy
