// The HTTP/1 row of the table of protocols.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kHttp1;

}  // namespace tailwhy
