// DNS over TCP (RFC 1035 4.2.2, RFC 7766) and, in dns_datagram.cpp, over UDP. Over TCP: messages
// with their lengths before them, matched by their ids and questions, as servers may answer in any
// order.
//
// - The operation is the type that a query asks for ("A"; of a fixed list, else _OTHER), or the
//   opcode of other requests ("NOTIFY", "UPDATE"). Names that are asked for are told nowhere.
// - The status is the word of the RCODE, with its upper bits where an answer without records may
//   have some; where they were not captured it is unknown. NXDOMAIN is an answer like NOERROR,
//   SERVFAIL and NOTIMP are errors of the server, FORMERR and REFUSED of the client.
// - A transfer (AXFR, IXFR) has as many messages as it needs. It ends with the message whose last
//   record is an SOA, where that was captured whole; else with the last message before the client
//   speaks again or the connection ends.
// - Messages that a server sends of itself (RFC 8490) are gone over.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kDns;
extern const DatagramSpec kDnsDatagrams;

}  // namespace tailwhy
