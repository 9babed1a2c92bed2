// What is known of one channel of an AMQP connection: what its server still has to answer, and the
// contents that are on their way. Plain values of the parser.
#pragma once

#include "proto/amqp_methods.h"
#include "proto/parser.h"

#include <cstdint>
#include <deque>
#include <string_view>

namespace tailwhy::amqp {

struct Status {
  std::string_view word;
  ResponseHead::Verdict verdict = ResponseHead::Verdict::Ok;
};

// A method with content: its method, the header, and bodies until all of it has come.
struct Content {
  enum class Next : std::uint8_t { Nothing, Header, Body };
  Next next = Next::Nothing;
  std::uint64_t stream = 0;  // 0: nobody's
  std::uint64_t size = 0;    // of its frames so far
  std::uint64_t left = 0;    // of its body
};

struct Channel {
  struct Waiting {
    std::uint64_t stream;
    const amqp::ClientMethod* method;
  };
  struct Unconfirmed {
    std::uint64_t tag;
    std::uint64_t stream;  // 0: it was answered out of order
  };
  std::deque<Waiting> waiting;
  std::deque<Unconfirmed> unconfirmed;  // by tag
  Content asked;
  Content answered;
  std::uint64_t published = 0;
  bool confirms = false;
  bool closing = false;  // the server closed it, the client has not said that it knows
};

// What ends with the frame that is being read.
struct Ending {
  std::uint64_t stream;
  std::uint64_t size;  // of the frames before it
};

}  // namespace tailwhy::amqp
