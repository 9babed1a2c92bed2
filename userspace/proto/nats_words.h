// What the operations and errors of NATS are. Knows nothing of how they come over the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy::nats {

struct Operation {
  enum class What : std::uint8_t {
    Line,     // words
    Payload,  // words, of which the last is the size of the payload that follows
    Connect,  // JSON
    Info,     // JSON
    Ping,
    Pong,
    Ok,
    Error,  // a quoted text
  };
  enum class Who : std::uint8_t {
    Client,   // it is a request
    Server,   // also of clients that answer a server's PING
    Servers,  // of one server to another, and a request like a client's
  };
  std::string_view name;
  What what = What::Line;
  Who who = Who::Server;
  // Words after the name.
  std::uint8_t least = 0;
  std::uint8_t most = 0;
};

// In any case, as NATS takes them. Null: not one of ours.
const Operation* find_operation(std::string_view name);
// How much of the beginning of `text` begins an operation's name.
std::size_t known_operation_prefix(std::string_view text);

struct Error {
  std::string_view text;
  std::string_view status;  // the same in one word
  bool fatal = true;        // the server hangs up after it
  bool before_ok = false;   // it is said beside the +OK of who is verbose, and not in its place
};

// By the beginning of what the server says. Null: none that is known.
const Error* find_error(std::string_view text);
// How much of the beginning of `text` begins an error.
std::size_t known_error_prefix(std::string_view text);

}  // namespace tailwhy::nats
