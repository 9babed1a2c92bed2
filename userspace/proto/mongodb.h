// MongoDB's wire protocol (its manual, "MongoDB Wire Protocol"; the specification of OP_MSG;
// bsonspec.org). Requests and answers are matched by their ids.
//
// - The operation is the name of the command (of a fixed list, else _OTHER), the target the
// collection
//   that it names. Of a message in OP_COMPRESSED neither is known, only its times.
// - moreToCome in a request: it is one-way. In an answer: the next message goes on with it, and the
//   exchange ends with the last (exhaust). What asks the server to wait for something (exhaust, a
//   hello that waits for a change, a getMore with a time) is open-ended.
// - An answer with `ok: 0`, writeErrors or a writeConcernError is an error; its status is the
// codeName
//   (the code, where there is no name, or one too long). `ok` stands behind the documents of a
//   result: where these are long it is not captured. As only what succeeded begins with a cursor,
//   that is enough; else the status is unknown.
// - Of the old opcodes OP_QUERY is read for the hello that clients begin with; the others have
// their
//   names.
#pragma once

#include "proto/parser.h"

namespace tailwhy {

extern const ParserSpec kMongoDb;

}  // namespace tailwhy
