// AMQP 0-9-1 (the specification of amqp.org with RabbitMQ's additions), of brokers and of clients.
//
// - An exchange is a client's synchronous method and the method that answers it on its channel;
//   named by the client's (`queue.declare`). What asks for no answer (no-wait) is one way.
// - basic.publish ends with its content, which belongs to it. Where its channel has confirm.select
//   it is answered by the basic.ack or basic.nack (an error) with its delivery tag; else it is one
//   way. It is also where nobody saw confirm.select, and after a gap of the client's bytes until
//   the channel is opened anew, because the tags are counted by both sides.
// - basic.get is answered by basic.get-ok with its content, or by basic.get-empty (a status).
// - connection.close and channel.close of the server answer what is outstanding, with the name of
//   their reply code as an error; what the client sends until it has confirmed that, is ignored as
//   the server does it. What is outstanding when the client closes is "client_abort".
// - The start of a session is connection.start (the protocol header), connection.start-ok,
//   connection.tune-ok (one way) and connection.open.
// - What the server delivers and returns, and how the client acknowledges that, is no exchange.
// - Names of queues, exchanges and consumers, routing keys and contents are never told.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kAmqp;

}  // namespace tailwhy
