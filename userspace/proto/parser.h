// What a protocol is to the rest of the program: bytes of the two directions go in, message
// boundaries come out. A protocol is one file with one ParserSpec, and one row in registry.cpp.
// Knows nothing of sockets, times, events or outputs.
#pragma once

#include "model/request.h"
#include "model/stream.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy {

// Direction seen from the exchange, not from the target.
enum class Side : std::uint8_t { Request, Response };

struct ParserSpec;

// What the head of a request says. Text is bounded and untrusted; what the fields mean is told by
// the family (model/protocol_family.h).
struct RequestHead {
  // Where one exchange speaks another protocol than its connection (gRPC over HTTP/2); static text.
  std::string_view protocol;                        // empty: the connection's
  ProtocolFamily family = ProtocolFamily::Unknown;  // of `protocol`
  std::string_view protocol_version;                // static text
  Method method;
  Route route;  // of HTTP: path template without query (proto/route.h)
  RouteSource route_source = RouteSource::None;
  bool open_ended = false;  // model/request.h
  bool one_way = false;     // wants no answer: it has ended, and well, with its last byte
  // Open-ended, and both sides send messages until one says that it ends: ending without a word is
  // a failure. The messages are told by Kind::Progress.
  bool carries_messages = false;
  TraceContext trace;
  RequestId request_id;
  // The name that its client asked for before all became secret (tls_hello.h), for this request and
  // those after it; lives as long as the parser. Empty: none was seen.
  std::string_view server_name;
};

// What the head of a response says.
struct ResponseHead {
  enum class Verdict : std::uint8_t {
    Ok,
    ClientError,  // counted, and no error of the server (HTTP 4xx)
    ServerError,
    Unknown,  // could not be read: never taken for Ok
  };
  std::uint16_t status = 0;  // a number where the protocol has one,
  StatusText status_text;    // else its word: only characters of [A-Za-z0-9_.-]
  Verdict verdict = Verdict::Ok;
};

// What moved within an exchange that carries messages, on one side of it.
struct ProgressHead {
  std::uint32_t messages = 0;    // that ended
  bool closes = false;           // this side said that it ends,
  std::uint16_t close_code = 0;  // and why, if `closes`: of the protocol's own numbers
};

// One boundary in the byte streams. Offsets are absolute stream offsets of the message's side.
struct Message {
  enum class Kind : std::uint8_t {
    RequestBegin,   // offset: first byte
    RequestHead,    // head parsed: `request` is set
    RequestEnd,     // offset: one past the last byte
    ResponseBegin,  // offset: first byte of the final response (1xx are not reported as such)
    ResponseHead,   // `response` is set; a later one of the same response (trailers) replaces it
    ResponseEnd,    // offset: one past the last byte; `end_rule` says how it is known
    // The oldest unanswered request (with a stream_id that one) turned out to get no answer. Of the
    // response's side.
    NoAnswer,
    // Of an exchange that carries messages: `progress` was made on `side`, up to `offset`; `size`
    // is of the messages' payload.
    Progress,
    Lost,    // the parser lost its place on `side`: what follows until the next Begin is unknown
    Tunnel,  // no further messages will come: the connection became a tunnel
    // What follows on both sides is another protocol (`next`), whose parser has not seen a byte; on
    // `side` from `offset` on. With a stream_id, the oldest request is answered as that stream.
    // With request.carries_messages, it goes on, and what follows are its messages.
    Switch,
    Abandoned,  // the stream will not be told of again: how its response ends was not seen
    Mistaken,   // these bytes cannot be this protocol: the first guess was wrong
    // The response's body is a stream of events (`stream`), each of which that has data is told.
    StreamBegin,
    StreamEvent,  // offset: one past its last byte
    StreamGap,    // bytes from `offset` on were not seen, and whatever events ended in them
    GenAi,        // what a body says of a language model: ParseOutput::gen_ai[size]
  };
  // Not defaulted, so that value-initialisation does not clear 300 bytes of text that is empty.
  Message() {}  // NOLINT(modernize-use-equals-default)

  Kind kind = Kind::RequestBegin;
  Side side = Side::Request;
  EndRule end_rule = EndRule::None;
  StreamKind stream = StreamKind::None;  // of StreamBegin; of what begins without, of its events
  std::uint64_t offset = 0;
  // 0 for protocols that answer in order: responses then belong to the oldest unanswered request.
  // Multiplexing protocols give their stream or correlation id, plus something if 0 is one.
  std::uint64_t stream_id = 0;
  // With a stream_id, of RequestEnd and ResponseEnd: bytes of the message on the wire. Of Progress
  // always.
  std::uint64_t size = 0;
  // Of RequestEnd: the messages that it has, of a protocol that has several (gRPC).
  std::uint32_t messages = 0;
  // Of ResponseEnd with a stream_id: the stream was given up before it was complete, and by whom.
  Failure failure = Failure::None;
  const ParserSpec* next = nullptr;  // of Switch; null: nobody can read what follows
  RequestHead request;
  ResponseHead response;
  ProgressHead progress;
};

// A part of a fed buffer that a recording must not contain: header values, query strings, bodies.
struct SecretSpan {
  std::size_t offset;  // into the buffer fed last
  std::size_t size;
};

class RoutePatterns;

struct ParseOutput {
  std::vector<Message> messages;
  std::vector<SecretSpan> secrets;  // filled only if want_secrets
  std::vector<GenAi> gen_ai;        // that messages of that kind are about
  bool want_secrets = false;
  const RoutePatterns* routes = nullptr;  // of paths, that the user gave; null: none
  // One more boundary; what else there is to it is the caller's to fill in.
  Message& tell(Message::Kind kind, Side side, std::uint64_t offset, std::uint64_t stream_id = 0) {
    Message& message = messages.emplace_back();
    message.kind = kind;
    message.side = side;
    message.offset = offset;
    message.stream_id = stream_id;
    return message;
  }
  // Nobody reads the buffer, `size` bytes, so a recording needs none of it.
  void hide_all(std::size_t size) {
    secrets.clear();
    if (want_secrets && size > 0) secrets.push_back({0, size});
  }
  void clear_messages() {
    messages.clear();
    gen_ai.clear();
  }
  void clear() {
    clear_messages();
    secrets.clear();
  }
};

// Parser of one connection. Calls come in stream order on each side. No call throws, recurses or
// keeps memory that grows with what it is fed.
class Parser {
 public:
  virtual ~Parser() = default;
  // `bytes` stand at stream offset `offset` of `side`.
  virtual void feed(Side side,
                    std::uint64_t offset,
                    std::span<const std::byte> bytes,
                    ParseOutput& out) = 0;
  // `size` bytes from `offset` on were not captured. `tail` (may be empty) are the last of them.
  virtual void skip(Side side,
                    std::uint64_t offset,
                    std::uint64_t size,
                    std::span<const std::byte> tail,
                    ParseOutput& out) = 0;
  // No more bytes will come on `side` (FIN, close, end of the run is not one).
  virtual void finish(Side side, std::uint64_t offset, ParseOutput& out) = 0;
  // The peers changed turns: the next bytes of `side` follow bytes of the other side. A parser that
  // lost its place may look for a beginning here.
  virtual void turn(Side side, std::uint64_t offset, ParseOutput& out) = 0;
  // The first byte known of `side` is in the middle of something (attach in mid-connection).
  // Called before anything is fed, if at all.
  virtual void start_unsynchronised(Side side) = 0;
};

struct DatagramSpec;

enum class Confidence : std::uint8_t { No, NeedMore, Yes };

struct ParserSpec {
  std::string_view name;  // `network.protocol.name`, and of the system in the family's terms
  ProtocolFamily family = ProtocolFamily::Unknown;
  // Do these first bytes of a turn look like this protocol's requests (responses)? Yes must be
  // rare for bytes of any other protocol: there is no port to go by. `bytes` may be cut anywhere.
  Confidence (*detect)(Side side, std::span<const std::byte> bytes);
  std::unique_ptr<Parser> (*make)();
  // The server's first bytes come before the client's and may be told by detect(Response).
  bool server_speaks_first = false;
  // Met in the middle, the parser is told so (start_unsynchronised): for protocols whose turns do
  // not begin with a message. The others begin anew at the turn at which they were detected.
  bool finds_its_place = false;
  // First bytes of a connection (eight at least; nine are compared) whose calls hold frames of many
  // exchanges: more of each is captured. Empty: there are none.
  std::string_view framed_signature;
  // Of protocols that speak in datagrams, too (datagram.h); null: it does not.
  const DatagramSpec* datagrams = nullptr;
};

// All protocols, in the order in which they are asked (registry.cpp).
std::span<const ParserSpec* const> parser_specs();
// By name; null: there is none.
const ParserSpec* parser_spec(std::string_view name);
// The one that speaks in datagrams.
const ParserSpec& datagram_protocol();

}  // namespace tailwhy
