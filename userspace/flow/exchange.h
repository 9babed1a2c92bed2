// A request that has begun and not ended, with what is needed to end it.
#pragma once

#include "flow/parts.h"
#include "model/request.h"

#include <cstdint>

namespace tailwhy {

struct StreamRecord;

struct Exchange {
  // Not defaulted, so that value-initialisation does not clear the texts, which are empty.
  Exchange() {}  // NOLINT(modernize-use-equals-default)

  Request request;
  std::uint64_t stream_id = 0;
  std::uint64_t request_begin = 0;   // stream offsets
  std::uint64_t response_begin = 0;  // interim responses included
  std::uint64_t response_end = 0;
  bool request_ended = false;
  bool one_way = false;           // no answer will come
  bool carries_messages = false;  // until one side says that it ends
  bool closing = false;           // one has
  bool request_lost = false;      // the parser lost its place in it: where it ends is not known
  Ns doubtful_from = 0;  // of a stream: its answer may have been among bytes that were lost
  bool response_begun = false;
  bool response_ended = false;
  std::uint32_t request_messages = 0;  // of a protocol whose requests have several
  StreamRecord* stream = nullptr;      // of the Assembler's; null: it is none so far
  bool stream_refused = false;         // there were too many
  Account begin;                       // of its connection, when its first byte was read
  Account end;                         // when the last byte of its response was written
};

/// The calls that moved the bytes of one direction, as far as stamps of messages need them.
struct Call {
  std::uint64_t begin = 0;  // stream offset
  std::uint64_t end = 0;
  Ns at_ns = 0;  // the call returned
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  Account account;  // of the connection, then
};

}  // namespace tailwhy
