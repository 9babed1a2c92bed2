// The web socket row of the table of protocols (RFC 6455): what follows an HTTP/1.1 request that
// was answered by 101 with "Upgrade: websocket".
//
// What its messages are in the less obvious cases:
// - The request that asked for the web socket is the one exchange of its connection. It goes on
//   until both sides have sent a Close frame, or the server's side ends. Its status is 101.
// - Each whole message (fragments are one) is told as progress of that exchange, at its last byte;
//   Ping and Pong are not. Its size is that of its payload on the wire: compressed, if that was
//   agreed on.
// - The first Close frame says why (RFC 6455, 7.4.1); one without a code is 1005.
// - A connection that is met in the middle is one if its client's first bytes are a masked frame of
//   readable text; the exchange is then one without a method or route that begins there. What its
//   server says must be a frame, else it was a mistake.
// - After Lost a side starts again with a call's first bytes, or at a turn.
// Payload, masking keys and the reasons of Close frames are never told.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kWebSocket;

}  // namespace tailwhy
