// The commands of Redis and Valkey that may be named: what a client sends as a command may be
// anything, a secret too. Knows nothing of how they come over the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy {

struct RedisCommand {
  enum class Kind : std::uint8_t {
    Plain,        // one request, one reply
    Container,    // its first argument names what it does
    Blocking,     // waits for something that may happen at any time
    Streams,      // does so with the option BLOCK
    Subscribe,    // confirms each of its arguments
    Unsubscribe,  // the same; without arguments all that there are
    Monitor,      // what others ask follows
    Sync,         // a stream of replication follows
    Reset,        // ends subscriptions and MONITOR
  };
  std::string_view name;  // upper case; of a subcommand with its container: "CONFIG GET"
  Kind kind = Kind::Plain;
};

constexpr std::size_t kLongestRedisName = 24;

// In any case of letters. Null: not one of ours.
const RedisCommand* find_redis_command(std::string_view name);
// `container` in upper case; `name` in any.
const RedisCommand* find_redis_subcommand(std::string_view container, std::string_view name);

// How much of the beginning of `text` begins a name as well. With a container, of its subcommands.
std::size_t known_redis_prefix(std::string_view container, std::string_view text);

}  // namespace tailwhy
