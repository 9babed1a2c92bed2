// MQTT 3.1, 3.1.1 and 5.0 (the OASIS documents), of brokers and of clients.
//
// - An exchange is a packet of the client and the broker's packet that answers it: CONNECT and
//   CONNACK, PUBLISH and PUBACK, SUBSCRIBE and SUBACK, UNSUBSCRIBE and UNSUBACK, PINGREQ and
//   PINGRESP. Named by the client's packet, matched by its packet identifier.
// - Quality of service 2 is two exchanges: PUBLISH to PUBREC, and PUBREL to PUBCOMP. What lies
//   between them is the client's time, not the broker's.
// - PUBLISH with quality of service 0 and DISCONNECT want no answer: one way.
// - AUTH of the broker answers the CONNECT or AUTH before it; the AUTH that follows is an exchange.
// - What the broker delivers (its PUBLISH and PUBREL), and how the client acknowledges that, is no
//   exchange. Packet identifiers of the two directions have nothing to do with each other.
// - The status is the word of a reason code that is not 0; each of 0x80 and above is an error. Of
//   several (SUBACK) the first that is an error; where not all of them were read and none is, the
//   status is unknown, as it is where nobody saw of which version the connection is.
// - A DISCONNECT of the broker that says an error answers all that is outstanding.
// - Topics, clients' names, properties and payloads are never told.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kMqtt;

}  // namespace tailwhy
